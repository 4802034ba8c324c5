"""What the server's own history (msdb) remembers: successes only, every tool's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pwsops.engines.sqlserver import directory, media, paths, queries, settle, tsql
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.running import Limits
from pwsops.errors import MediaError, PwsopsError
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.naming import media_file_name

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FILES_LOOKED_INTO = 10
WIDEST_OFFSET = timedelta(days=1)
"""No zone is that far from UTC: what the server compares in local time is compared exactly afterwards."""


def sets(link: Link, since: datetime | None, database: str | None) -> Iterator[BackupSet]:
    """Give the fulls and differentials that were finished at `since` or later, in the order they were taken."""
    earliest = since or BEGINNING
    asked = (earliest.astimezone(UTC) - WIDEST_OFFSET).replace(tzinfo=None)
    scene = link.scene("Reading the history", database=database)
    if database is None:
        rows = link.query(scene, queries.HISTORY, asked, timeout_s=media.LONG_S)
    else:
        rows = link.query(scene, queries.HISTORY_OF_DATABASE, asked, database, timeout_s=media.LONG_S)
    return (each for each in media.from_history(rows, link.server()) if each.finished_at >= earliest)


def find_backup(link: Link, *, database: str, where: str, description: str) -> BackupSet | None:
    """Give the finished set that carries a description, if its file holds it; None otherwise.

    A server notices only after a while that whoever asked for a backup is gone, and may finish it until then. The
    history says which file it is; where it does not, because it cannot be read or could not note the backup, the newest
    files of the database in the directory are looked into. An unfinished file stays.
    """
    scene = link.scene(f"Looking for a backup of {database}", database=database)
    settle.wait_for_backup(link, scene, description=description, limits=Limits(clock=link.clock))
    known = settle.remembered(link, scene, wanted=(description, None), path=None)
    flavour = link.server().flavour
    if known is not None and paths.same(flavour, paths.split(flavour, known.path)[0], where):
        try:
            return media.read_one(link, known)
        except MediaError:
            return None
    return None if known is not None else _in_directory(link, database, where, tsql.description_of(description))


def _in_directory(link: Link, database: str, where: str, description: str) -> BackupSet | None:
    """Look into the newest files that have the database's name; raises where a directory cannot be listed."""
    for path in _newest(link, database, where):
        try:
            found = media.read(link, path)
        except PwsopsError as error:
            if error.number is None:
                raise
            continue
        for each in found:
            if each.description == description and each.database == database:
                return each
    return None


def _newest(link: Link, database: str, where: str) -> list[str]:
    """Return the paths of the files to look into: of the names with a time in them, the latest."""
    stem = media_file_name(database, BackupKind.FULL, at=None, suffix="").removesuffix("FULL.bak").lower()
    files = [
        entry
        for entry in directory.browse(link, where)
        if not entry.is_directory and entry.name.lower().startswith(stem) and paths.is_media(entry.name)
    ]
    oldest = datetime.min.replace(tzinfo=UTC)
    files.sort(key=lambda entry: (entry.modified_at or oldest, entry.name), reverse=True)
    return [entry.path for entry in files[:FILES_LOOKED_INTO]]
