"""Whose a file is: told by what is in it, never by its name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from pwsops.engines.requests import BackupRequest
from pwsops.engines.sqlserver import media, queries, tsql
from pwsops.engines.sqlserver.answers import is_answer
from pwsops.engines.sqlserver.errors import Doing, reason, system_error
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.run_mark import is_ours

NOT_THERE = (2, 3)
"""What the operating system says of a file that is not there, and of a directory."""
IN_USE = 32
UNREACHABLE = (21, 53, 59, 64, 67, 1231, 1326)
"""What it says where the whole device or share is away: then no name is better than another."""
KINDS = {kind: number for number, kind in media.DISK_KINDS.items()}


class Incarnation(NamedTuple):
    """Which database one is, among all that ever had its name. A restore makes another one."""

    database_guid: str
    family_guid: str
    recovery_fork_guid: str


@dataclass(frozen=True, kw_only=True)
class Owner:
    """What the sets of a file must say for it to be ours.

    Parameters
    ----------
    server, database
        Names.
    incarnation
        The database as it is now; None: that cannot be seen, so nothing is ours.
    set_ids
        Known to have been taken by this profile, in capitals.
    lost
        Of which nothing can be restored, in capitals.
    description
        Of the backup that is to be taken.
    kind
        Of that backup.
    now
        Local time of the server.
    """

    server: str
    database: str
    incarnation: Incarnation | None
    set_ids: Collection[str]
    lost: Collection[str]
    description: str
    kind: BackupKind
    now: datetime

    @property
    def label(self) -> str:
        """What our files are labelled with: an unfinished one names no set."""
        return f"{self.description[:60]}{self.mark}"

    @property
    def mark(self) -> str:
        """The end of that label, the same for every backup of this incarnation of the database."""
        guid = self.incarnation.database_guid if self.incarnation else "unknown"
        return f" of {guid} on {self.server}"


class Standing(Enum):
    """What a file is to the backup that wants its name."""

    ABSENT = "absent"
    OURS = "ours"
    UNFINISHED = "unfinished"
    """Of ours, and no set in it was finished: nothing is lost with it."""
    TAKEN = "taken"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What was found in one file.

    `reason` says why it is TAKEN; `written` has the description and the database of each set, whatever its kind;
    `finished` is the set of the very backup that is to be taken, where an attempt before finished it.
    """

    standing: Standing
    sets: Sequence[BackupSet] = ()
    written: frozenset[tuple[str | None, str | None]] = frozenset()
    reason: str = ""
    finished: BackupSet | None = None
    in_use: bool = False


def of(link: Link, request: BackupRequest) -> Owner:
    """Return who asks for a backup."""
    context = link.context(f"Looking at {request.database}", database=request.database)
    rows = link.attempt(context, queries.INCARNATION, request.database)
    server = link.server()
    return Owner(
        server=server.name,
        database=request.database,
        incarnation=_incarnation(rows[0]) if rows and not isinstance(rows, NotAsked) else None,
        set_ids={each.set_id.upper() for each in request.replaceable},
        lost={set_id.upper() for set_id in request.lost},
        description=tsql.description_of(request.description),
        kind=request.kind,
        now=server.local(link.clock.now()),
    )


def _incarnation(row: Any) -> Incarnation | None:
    guids = (row.database_guid, row.family_guid, row.recovery_fork_guid)
    return None if None in guids else Incarnation(*(guid.upper() for guid in guids))


def look(link: Link, path: str, owner: Owner) -> Holding:
    """Return what a file is to its owner, as the service account reads it; raises where no file can be read."""
    try:
        rows = media.headers(link, path)
    except PwsopsError as error:
        return _unread(link, path, owner, error)
    if all(row.BackupSetGUID is None for row in rows):
        return _unfinished(link, path, owner)
    sets = media.from_headers(link, path, rows)
    finished = [row.Position for row in rows if _is_this(row, owner)]
    found = next((each for each in sets if finished and each.position == finished[-1]), None)
    reason = next((why for row in rows if (why := _foreign(row, owner))), "")
    standing = Standing.TAKEN if reason else Standing.OURS
    written = frozenset((row.BackupDescription, row.DatabaseName) for row in rows)
    return Holding(standing=standing, sets=sets, written=written, reason=reason, finished=found)


def _unread(link: Link, path: str, owner: Owner, error: PwsopsError) -> Holding:
    system = system_error(error.messages)
    if system in NOT_THERE:
        return Holding(standing=Standing.ABSENT)
    if system in UNREACHABLE or not is_answer(error) or error.transient:
        raise error
    why = reason(error)
    if system == IN_USE:
        return Holding(standing=Standing.TAKEN, reason=why, in_use=True)
    return _unfinished(link, path, owner, why=why)


def _unfinished(link: Link, path: str, owner: Owner, *, why: str = "no backup in it was finished") -> Holding:
    """Return whose a file is, by its label: an unfinished one of ours, or taken."""
    rows = link.attempt(link.context("Reading the backup file", path=path, doing=Doing.READING), tsql.label(path))
    ours = not isinstance(rows, NotAsked) and any(_is_labelled(row.MediaDescription, owner) for row in rows)
    return Holding(standing=Standing.UNFINISHED) if ours else Holding(standing=Standing.TAKEN, reason=why)


def _is_labelled(label: str | None, owner: Owner) -> bool:
    known = owner.incarnation is not None and label is not None
    return known and is_ours(str(label)) and str(label).endswith(owner.mark)


def _is_this(row: Any, owner: Owner) -> bool:
    """Whether a row is the finished set of the very backup that is to be taken."""
    return (
        row.BackupFinishDate is not None
        and row.BackupDescription == owner.description
        and row.BackupType == KINDS[owner.kind]
        and row.DatabaseName == owner.database
        and _same_server(row, owner)
    )


def _same_server(row: Any, owner: Owner) -> bool:
    return str(row.ServerName or "").casefold() == owner.server.casefold()


def _foreign(row: Any, owner: Owner) -> str:
    """Return why a set is not provably ours to replace; empty: it is."""
    if row.BackupSetGUID is None:
        return "a backup in it was not finished"
    whose = f"it holds a backup of {row.DatabaseName} that {row.UserName or 'somebody'} took on {row.ServerName}"
    if not is_ours(row.BackupDescription) or not _same_server(row, owner):
        return whose
    if owner.incarnation is None:
        return f"which incarnation of {owner.database} it holds cannot be seen"
    if Incarnation(*(str(each).upper() for each in (row.BindingID, row.FamilyGUID, row.RecoveryForkID))) != (
        owner.incarnation
    ):
        return f"{whose}, of {row.DatabaseName} as it was before it was restored or made anew"
    if str(row.BackupSetGUID).upper() not in owner.set_ids:
        return f"{whose}, which this profile is not known to have taken"
    if row.ExpirationDate is not None and row.ExpirationDate > owner.now:
        return f"a backup in it is to be kept until {row.ExpirationDate:%Y-%m-%d %H:%M}"
    return ""
