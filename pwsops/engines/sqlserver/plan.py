"""What a restore will do: which sets, in which order, and where their files go. Nothing is touched here."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlserver import databases, media, paths, placement, queries, rights, space, tsql
from pwsops.engines.sqlserver.causes import CAUSES
from pwsops.engines.sqlserver.errors import Doing
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.placement import File
from pwsops.errors import EngineError, InvalidInput, MediaError, NotFound
from pwsops.rules.model import BackupKind, BackupSet

MASTER = "master"
NOT_FOR_RESTORE = ("model", "tempdb")
NEWER = 3169


@dataclass(frozen=True, kw_only=True)
class Step:
    """One RESTORE, the set that it applies, and the files that it writes."""

    statement: str
    backup_set: BackupSet
    files: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a restore will do. `unknown` says what could not be looked up, a sentence each."""

    steps: Sequence[Step]
    unknown: Sequence[str] = ()


def refuse_file(request: RestoreRequest) -> None:
    """Refuse to restore into a plain file: what a server restores is a database of its own."""
    if request.to_file is not None:
        raise InvalidInput(
            f"A backup of a server cannot be restored into the plain file {request.to_file}.",
            hint="Restore it into a database of a new name.",
        )


def require_restorable(name: str) -> None:
    """Refuse the databases that cannot be restored while the server runs; raises `InvalidInput`."""
    if name.lower() == MASTER:
        raise InvalidInput(
            "master can be restored only while the server runs in single-user mode (3108).",
            hint="On the server's machine: stop its services, start it with the option -m, connect with sqlcmd, run "
            "RESTORE DATABASE master FROM DISK = '…' WITH REPLACE; the server then stops by itself.",
        )
    if name.lower() in NOT_FOR_RESTORE:
        raise InvalidInput(f"{name} cannot be restored this way.", hint="Choose one of your own databases.")


def find_target(link: Link, name: str, *, may_be_missing: bool) -> DatabaseInfo | None:
    """Return the database that is to be replaced; None where there is none of that name, and that may be.

    Raises
    ------
    NotFound
        Where there is none of that name, and there must be one.
    EngineError
        For a secondary copy of an availability group, and where a right is missing.
    """
    rights.require_reading(link)
    try:
        info = databases.find(link, name)
    except NotFound:
        if may_be_missing:
            return None
        raise
    rights.require_restoring(link, info.name)
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


def require_version(link: Link, sets: Sequence[BackupSet]) -> None:
    """Refuse sets that were taken by a newer version of SQL Server: no older one restores them (3169)."""
    for each in sets:
        context = link.context(
            f"Restoring {each.database}", database=each.database, path=each.path, doing=Doing.READING
        )
        rows = link.query(context, tsql.header(each.path), timeout_s=media.LONG_S)
        if any(row.Position == each.position and row.SoftwareVersionMajor > link.server().major for row in rows):
            cause = CAUSES[NEWER]
            raise context.failed(
                f"{cause.text.format(**context.words)}.",
                hint=cause.step.format(**context.words),
                kind=cause.kind,
                number=NEWER,
                path=each.path,
            )


def make(
    link: Link,
    database: str,
    sets: Sequence[BackupSet],
    *,
    is_new: bool,
    restricted: bool = False,
    stop_at: datetime | None = None,
    spare_bytes: int = 0,
) -> Plan:
    """Build the statements: the first replaces (or makes the database anew), the last recovers.

    `spare_bytes`: what has to stay free on each disk that they write to.

    Raises
    ------
    NoSpace
        Where the disks have no room for the files.
    EngineError
        Where it is not to be seen where they go.
    """
    files = {each.set_id: _files_of(link, each) for each in sets}
    every = _largest(files.values())
    existing = [] if is_new else _existing(link, database)
    places = placement.place(
        every,
        existing,
        flavour=link.server().flavour,
        database=database,
        token=secrets.token_hex(4),
        folders=_folders(link) if is_new else None,
    )
    unknown = space.require(link, database, every, places, existing, spare_bytes)
    local_stop = None if stop_at is None else link.server().local(stop_at)
    steps = []
    for each in sets:
        moves = {file.logical: places[file.logical] for file in files[each.set_id]}
        statement = tsql.restore(
            database,
            media.devices_of(each),
            position=each.position,
            recover=each is sets[-1],
            replace=each is sets[0] and not is_new,
            moves=moves,
            checksum=bool(each.details["has_checksums"]),
            restricted=restricted,
            stop_at=local_stop if each is sets[-1] else None,
        )
        steps.append(Step(statement=statement, backup_set=each, files=tuple(moves.values())))
    return Plan(steps=steps, unknown=[unknown] if unknown else [])


def _largest(lists: Iterable[Sequence[File]]) -> list[File]:
    """Return each file once, at its largest. One that was added after the full is in the differential alone."""
    every: dict[str, File] = {}
    for file in (file for files in lists for file in files):
        known = every.get(file.logical)
        every[file.logical] = file if known is None or file.size_bytes > known.size_bytes else known
    return list(every.values())


def _folders(link: Link) -> Mapping[str, str]:
    """Return where the server puts the files of new databases; beside those of master where it does not say."""
    server = link.server()
    master = server.data_path or paths.split(server.flavour, _existing(link, MASTER)[0].path)[0]
    return {"D": master, "L": server.log_path or master}


def _files_of(link: Link, backup_set: BackupSet) -> list[File]:
    rows = media.file_list(link, backup_set)
    return [
        File(logical=row.LogicalName, type=row.Type, path=row.PhysicalName, size_bytes=int(row.Size or 0))
        for row in rows
    ]


def _existing(link: Link, database: str) -> list[File]:
    rows = link.query(link.context(f"Looking for the files of {database}", database=database), queries.FILES, database)
    if not rows:
        raise EngineError(
            f"Where the files of {database} are cannot be seen with this login, so nothing can be put in their place.",
            hint="Make it a member of the server role dbcreator (`pwsops instance probe` has the statement in full).",
        )
    return [
        File(
            logical=row.name,
            type=placement.TYPES.get(row.type_desc, "D"),
            path=row.physical_name,
            size_bytes=int(row.pages or 0) * databases.PAGE_BYTES,
        )
        for row in rows
    ]
