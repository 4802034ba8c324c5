"""The server's directories, as far as it shows them. Every answer may be wrong in the negative: it never blocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pwsops.engines.records import DirectoryCheck, DirectoryEntry, DirectoryStatus
from pwsops.engines.requests import Deletion
from pwsops.engines.sqlserver import paths, queries, tsql
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import EngineError, PwsopsError

MODERN_FUNCTIONS = 14
"""SQL Server 2017 has functions where there were only undocumented procedures."""
MODERN_DELETE = 15
UNSEEN = "the server does not see it"
MIB = 1024 * 1024


def check(link: Link, path: str) -> DirectoryCheck:
    """Whether a directory is there. That the service account may write in it shows only when it does."""
    flavour = link.server().flavour
    if not paths.is_absolute(path, flavour):
        return DirectoryCheck(status=DirectoryStatus.UNKNOWN, reason="it is not an absolute path of the server")
    facts = existence(link, path)
    if facts is None:
        return DirectoryCheck(status=DirectoryStatus.UNKNOWN, reason="the server does not tell this login")
    if facts.is_directory:
        reason = "The server sees it; whether its service account may write there shows when it does"
        return DirectoryCheck(status=DirectoryStatus.OK, reason=reason, free_bytes=_free_bytes(link, path))
    if facts.is_file:
        return DirectoryCheck(status=DirectoryStatus.MISSING, reason="it is a file, not a directory")
    parent = "" if facts.has_parent else ", and neither does the directory it would be in"
    return DirectoryCheck(
        status=DirectoryStatus.MISSING, reason=f"the server does not see it: it does not exist there{parent}"
    )


def exists(link: Link, path: str) -> bool | None:
    """Whether a file is there; None where the server does not tell."""
    facts = existence(link, path)
    return None if facts is None else facts.is_file


class Existence(NamedTuple):
    """What stands at a path."""

    is_file: bool
    is_directory: bool
    has_parent: bool
    """Whether the directory that it would be in is seen."""


def existence(link: Link, path: str) -> Existence | None:
    """Return what the server sees at a path; None where it does not tell this login."""
    context = link.context("Looking for the path", path=path)
    modern = link.server().major >= MODERN_FUNCTIONS
    rows = link.attempt(context, queries.FILE_EXISTS, path) if modern else []
    if rows and not isinstance(rows, NotAsked):
        return _truths(rows[0])
    answers = link.attempt(context, queries.XP_FILE_EXISTS, path)
    if isinstance(answers, NotAsked):
        return None
    # The procedure says no to everything for a login that may not look, instead of saying so.
    return next((_truths(row) for row in answers if any(row)), None)


def _truths(row: Any) -> Existence:
    return Existence(*(bool(each) for each in row))


def _free_bytes(link: Link, path: str) -> int | None:
    """Return the space left on a Windows drive; nothing else can be asked about without having a database there."""
    if link.server().flavour != paths.WINDOWS or path.startswith(("\\\\", "//")):
        return None
    drives = link.attempt(link.context("Asking for free space"), queries.DRIVES)
    if isinstance(drives, NotAsked):
        return None
    return next((row[1] * MIB for row in drives if row[0].upper() == path[:1].upper()), None)


def backup_directory(link: Link) -> str:
    """Return where the server puts backups by itself; empty where it does not tell. Before 2019 the registry has it."""
    if link.server().backup_path:
        return str(link.server().backup_path)
    rows = link.attempt(link.context("Asking for the backup directory"), queries.XP_BACKUP_DIRECTORY)
    return "" if isinstance(rows, NotAsked) else next((str(row.Data) for row in rows if row.Data), "")


def default(link: Link) -> str:
    """Return the server's default backup directory, or that of its data files where it tells none."""
    server = link.server()
    return backup_directory(link) or server.data_path or ("C:\\" if server.flavour == "windows" else "/")


def browse(link: Link, path: str) -> list[DirectoryEntry]:
    """List a directory, directories first; an empty path is the server's default backup directory."""
    server = link.server()
    path = path or default(link)
    context = link.context(f"Listing the directory {path}", path=path)
    if server.major >= MODERN_FUNCTIONS:
        listing = link.attempt(context, queries.LISTING, path)
        if listing and not isinstance(listing, NotAsked):
            return _sorted(_entry(server.flavour, path, row) for row in listing)
    rows = link.query(context, queries.XP_LISTING, path)
    if not rows:
        _require_sight(link, path)
    return _sorted(
        DirectoryEntry(name=row[0], path=paths.join(server.flavour, path, row[0]), is_directory=not row[2])
        for row in rows
    )


def _require_sight(link: Link, path: str) -> None:
    """Refuse to tell a directory as empty that is not seen to be there: to whom may not look, all are empty."""
    found = existence(link, path)
    if found is None or not found.is_directory:
        raise EngineError(
            f"Listing the directory {path} on {link.instance.name} failed: the server shows this login nothing of it.",
            hint="Check the path on the server. A login sees directories as a sysadmin, or on SQL Server 2017 and "
            "newer with VIEW SERVER STATE; without, write the path by hand.",
        )


def _entry(flavour: str, directory: str, row: Any) -> DirectoryEntry:
    is_directory = bool(row.is_directory)
    written: datetime | None = row.last_write_time
    return DirectoryEntry(
        name=row.file_or_directory_name,
        path=paths.join(flavour, directory, row.file_or_directory_name),
        is_directory=is_directory,
        size_bytes=None if is_directory else row.size_in_bytes,
        modified_at=written and written.replace(tzinfo=UTC),
    )


def _sorted(entries: Any) -> list[DirectoryEntry]:
    return sorted(entries, key=lambda entry: (not entry.is_directory, entry.name))


def delete(link: Link, files: Sequence[str]) -> list[Deletion]:
    """Delete media files, with all their stripes, and say what went, what stayed and why."""
    return [_delete_media(link, path) for path in files]


def _delete_media(link: Link, path: str) -> Deletion:
    if not paths.is_media(path):
        return Deletion(path=path, deleted=False, reason=f"its name does not end in {paths.MEDIA}")
    devices = paths.siblings(path)
    there = [device for device in devices if exists(link, device) is not False]
    reasons = [reason for device in there or devices if (reason := delete_file(link, device))]
    return Deletion(path=path, deleted=not reasons, reason="; ".join(reasons))


def delete_file(link: Link, path: str) -> str:
    """Delete one file; give why it stayed, or nothing. That it is gone is seen by looking, not believed."""
    if exists(link, path) is False:
        return UNSEEN
    try:
        statement = tsql.delete_file(path, modern=link.server().major >= MODERN_DELETE)
        link.run(link.context("Deleting the file", path=path), statement)
    except PwsopsError as error:
        return f"{error.message} {error.hint}"
    if exists(link, path) is not False:
        return "the server was told to delete it and still has it; it leaves what it cannot read as a backup"
    return ""


def require_absolute(link: Link, directory: str) -> None:
    """Refuse a directory that means another place for another session."""
    if not paths.is_absolute(directory, link.server().flavour):
        raise EngineError(
            f"The backup directory {directory} is not an absolute path on {link.instance.name}.",
            hint="Give a drive and a directory (D:\\Backup), a share (\\\\server\\share), or on Linux /var/opt/backup.",
        )
