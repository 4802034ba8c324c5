"""What the server refuses to restore, and with which words."""

from __future__ import annotations

from collections.abc import Mapping

from tests.standin.events import Said
from tests.standin.server.context import Context
from tests.standin.server.database import Database, DataFile
from tests.standin.server.media import StoredSet
from tests.standin.server.messages import ServerError, os_error, refuse, said
from tests.standin.server.statements import Restore


def check_database(context: Context, statement: Restore, name: str) -> Database | None:
    """Return the database that is to be restored, None for a new one, or raise what keeps it from being touched."""
    if context.session.transactions:
        raise refuse(3021)
    if name.lower() == "tempdb":
        raise refuse(3147)
    if name.lower() == "master":
        raise refuse(3108)
    database = context.server.databases.get(name)
    account = context.account
    if database is None:
        if not account.may("CREATE ANY DATABASE"):
            raise refuse(262, "CREATE DATABASE", "master")
        return None
    if not (account.may("ALTER ANY DATABASE") or account.name == database.owner):
        raise refuse(3110, database.name)
    _check_use(context, statement, database)
    return database


def _check_use(context: Context, statement: Restore, database: Database) -> None:
    if context.session.is_in(database):
        raise refuse(3102, statement.title.split()[0], database.name)
    if database.busy or any(session.is_in(database) for session in context.server.sessions()):
        raise refuse(3101)


def check_set(context: Context, statement: Restore, path: str, stored: StoredSet) -> None:
    """Raise what speaks against the set itself."""
    if statement.log != (stored.kind == "L"):
        raise refuse(3135, path, "BACKUP LOG" if stored.kind == "L" else "BACKUP DATABASE")
    major = int(stored.version.split(".")[0])
    own = int(context.server.version.split(".")[0])
    if major > own:
        raise refuse(3169, _shown(stored.version), _shown(context.server.version))
    if statement.checksum and not stored.checksums:
        raise refuse(3187)


def _shown(version: str) -> str:
    major, minor, build = version.split(".")[:3]
    return f"{major}.{int(minor):02}.{build}"


def check_fits(context: Context, statement: Restore, present: Database | None, stored: StoredSet) -> None:
    """Raise where a set does not fit what the database is now."""
    if stored.kind == "D":
        if present is not None and not statement.replace:
            _check_other(present, stored)
        return
    if present is None:
        raise refuse(3118, context.text(statement.database))
    if present.state != "RESTORING" or present.roll is None or not present.roll.full.int:
        raise refuse(3117)
    if stored.kind == "I":
        if stored.base is None or present.roll.full != stored.base.guid:
            raise refuse(3136)
    elif stored.first_lsn > present.roll.lsn:
        raise refuse(4305, stored.first_lsn, present.roll.lsn)
    elif stored.last_lsn < present.roll.lsn:
        raise refuse(4326, stored.last_lsn, present.roll.lsn)


def _check_other(present: Database, stored: StoredSet) -> None:
    if present.family != stored.family:
        raise refuse(3154, present.name)
    if present.state == "ONLINE" and present.recovery_model != "SIMPLE":
        raise refuse(3159, present.name)


def plan_files(
    context: Context,
    statement: Restore,
    present: Database | None,
    stored: StoredSet,
    moves: Mapping[str, str],
) -> list[DataFile]:
    """Say where each file goes, or raise what stands in the way, one file after the other."""
    known = {one.file.name.lower() for one in stored.files}
    for logical in moves:
        if logical.lower() not in known:
            raise refuse(3234, logical, stored.database)
    targets = {logical.lower(): path for logical, path in moves.items()}
    planned = []
    complaints = []
    for one in stored.files:
        path = targets.get(one.file.name.lower(), one.file.path)
        complaints.extend(_complaints(context, statement, present, one.file.name, path))
        planned.append(DataFile(file_id=one.file.file_id, name=one.file.name, path=path, kind=one.file.kind))
    if complaints:
        raise ServerError(*complaints, said(3119))
    _check_space(context, present, stored, planned)
    return planned


def _complaints(context: Context, statement: Restore, present: Database | None, logical: str, path: str) -> list[Said]:
    files = context.server.files
    if not files.is_directory(files.parent(path)):
        return [said(5133, path, os_error(3)), said(3156, logical, path)]
    holder = context.server.holder_of(path)
    if holder is not None and holder is not present:
        return [said(1834, path, holder.name), said(3156, logical, path)]
    if holder is None and path in files and not statement.replace:
        return [said(3142, path, path)]
    return []


def _check_space(context: Context, present: Database | None, stored: StoredSet, planned: list[DataFile]) -> None:
    freed = {} if present is None else {file.file_id: present.pages_of(file) * 8192 for file in present.files}
    for file, one in zip(planned, stored.files, strict=True):
        volume = context.server.files.volume_of(file.path)
        needed = one.size_bytes - freed.get(file.file_id, 0)
        if volume is not None and needed > volume.free_bytes:
            raise ServerError(said(3257, volume.root, needed, volume.free_bytes), said(3119))
