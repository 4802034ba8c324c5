"""What a restore will do: which sets, in which order, and where their files go. Nothing is touched here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.engines.base import DatabaseInfo, DatabaseState
from pwsops.engines.sqlserver import databases, media, placement, queries, rights, tsql
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.placement import File
from pwsops.errors import EngineError, InvalidInput, MediaError
from pwsops.rules.model import BackupKind, BackupSet

MASTER = "master"
NOT_FOR_RESTORE = ("model", "tempdb")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One RESTORE, and the set that it applies."""

    statement: str
    backup_set: BackupSet


def require_target(link: Link, name: str) -> DatabaseInfo:
    """Give the database that is to be replaced.

    Raises
    ------
    NotFound
        Where there is none of that name.
    InvalidInput
        For those that cannot be restored while the server runs.
    EngineError
        For a secondary copy of an availability group.
    """
    if name.lower() == MASTER:
        raise InvalidInput(
            "master can be restored only while the server runs in single-user mode (3108).",
            hint="On the server's machine: stop its services, start it with the option -m, connect with sqlcmd, run "
            "RESTORE DATABASE master FROM DISK = '…' WITH REPLACE; the server then stops by itself.",
        )
    if name.lower() in NOT_FOR_RESTORE:
        raise InvalidInput(f"{name} cannot be restored this way.", hint="Choose one of your own databases.")
    rights.require_reading(link)
    info = databases.find(link, name)
    if info.state is DatabaseState.SECONDARY:
        raise EngineError(
            f"{info.name} cannot be restored on {link.instance.name}: {info.reason}.",
            hint="Take it out of the availability group first, then restore it on the primary.",
        )
    return info


def require_chain(sets: Sequence[BackupSet]) -> None:
    """Refuse sets that are not a full with at most one differential that was taken on it."""
    kinds = [each.kind for each in sets]
    if kinds not in ([BackupKind.FULL], [BackupKind.FULL, BackupKind.DIFFERENTIAL]):
        raise MediaError(
            "A restore needs one full backup, then at most one incremental.",
            hint="Choose the incremental's full backup as well.",
        )
    if len(sets) == 2 and sets[1].base_id != sets[0].set_id:
        raise MediaError(
            f"The incremental {sets[1].path} does not refer to the full backup {sets[0].path}.",
            hint="Choose the full backup that it was taken on, or the full alone.",
        )


def steps(link: Link, database: str, sets: Sequence[BackupSet], stop_at: datetime | None) -> list[Step]:
    """Build the statements: the first replaces, the last recovers."""
    moves = _moves(link, database, sets)
    local_stop = None if stop_at is None else link.server().local(stop_at)
    return [
        Step(
            backup_set=each,
            statement=tsql.restore(
                database,
                media.devices_of(each),
                position=each.position,
                recover=each is sets[-1],
                replace=each is sets[0],
                moves=moves[each.set_id],
                checksum=bool(each.details["has_checksums"]),
                stop_at=local_stop if each is sets[-1] else None,
            ),
        )
        for each in sets
    ]


def _moves(link: Link, database: str, sets: Sequence[BackupSet]) -> Mapping[str, Mapping[str, str]]:
    """Give where the files of each set go. A file that was added after the full is in the differential alone."""
    wanted = {each.set_id: _wanted(link, each) for each in sets}
    every = {file.logical: file for files in wanted.values() for file in files}
    flavour = link.server().flavour
    places = placement.place(
        list(every.values()),
        _existing(link, database),
        flavour=flavour,
        database=database,
        token=secrets.token_hex(4),
    )
    return {set_id: {file.logical: places[file.logical] for file in files} for set_id, files in wanted.items()}


def _wanted(link: Link, backup_set: BackupSet) -> list[File]:
    scene = link.scene("Reading the backup file", database=backup_set.database, path=backup_set.path)
    statement = tsql.file_list(media.devices_of(backup_set), position=backup_set.position)
    rows = link.query(scene, statement, timeout_s=media.LONG_S)
    return [File(logical=row.LogicalName, type=row.Type, path=row.PhysicalName) for row in rows]


def _existing(link: Link, database: str) -> list[File]:
    rows = link.query(link.scene(f"Looking for the files of {database}", database=database), queries.FILES, database)
    if not rows:
        raise EngineError(
            f"Where the files of {database} are cannot be seen with this login, so nothing can be put in their place.",
            hint="Make it a member of the server role dbcreator (`pwsops instance probe` has the statement in full).",
        )
    return [
        File(logical=row.name, type=placement.TYPES.get(row.type_desc, "D"), path=row.physical_name) for row in rows
    ]
