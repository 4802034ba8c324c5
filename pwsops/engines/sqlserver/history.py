"""What the server's own history (msdb) remembers: successes only, every tool's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pwsops.engines.sqlserver import media, paths, queries, settle
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import MediaError
from pwsops.rules.model import BackupSet

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
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


def find_backup(link: Link, *, database: str, directory: str, description: str) -> BackupSet | None:
    """Give the finished set that carries a description, if its file holds it; None otherwise.

    A server notices only after a while that whoever asked for a backup is gone, and may finish it until then. An
    unfinished file stays: its name is not known here.
    """
    scene = link.scene(f"Looking for a backup of {database}", database=database)
    settle.wait_for_backup(link, scene, database=database, description=description)
    known = settle.finished(link, scene, database=database, description=description, path=None)
    flavour = link.server().flavour
    if known is None or not paths.same(flavour, paths.split(flavour, known.path)[0], directory):
        return None
    try:
        return media.read_one(link, known)
    except MediaError:
        return None
