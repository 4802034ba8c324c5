"""Damage in the database itself, as far as the server knows of it: what it came upon, and what a set says of itself.

A backup with CHECKSUM reads every page and stops at one whose checksum is wrong (3043). What the server came upon at
other times stands in `msdb.dbo.suspect_pages`, until somebody takes it out there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pwsops.engines.requests import BackupRequest
from pwsops.engines.sqlserver import directory, paths, queries
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import DatabaseDamaged
from pwsops.messages import Message
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.naming import media_file_name

PAGE_CHECKSUM = 3043
PAGES_NAMED = 5
EVENTS = {1: "it could not be read (823, 824)", 2: "its checksum is wrong", 3: "it was torn when it was written"}
"""What `event_type` means; from 4 on a page was mended. Source: Microsoft's page on suspect_pages."""


def is_looked_for(request: BackupRequest) -> bool:
    """Whether a backup is to look for damage: each full, unless it was told not to."""
    return request.check_structure and request.kind is BackupKind.FULL


def known(link: Link, database: str) -> tuple[list[str], str]:
    """Return what the server knows of damaged pages, and a note where it could not be asked."""
    rows = _suspect_pages(link, database)
    if isinstance(rows, NotAsked):
        return [], f"Whether pages of {database} are known to be damaged could not be asked: {rows.error.message}"
    return _pages_text(rows), ""


def _suspect_pages(link: Link, database: str) -> list[Any] | NotAsked:
    context = link.context(f"Looking for damaged pages of {database}", database=database)
    return link.attempt(context, queries.SUSPECT_PAGES, database)


def _pages_text(rows: Sequence[Any]) -> list[str]:
    found = [f"page {row.page_id} of file {row.file_id}: {EVENTS[row.event_type]}" for row in rows]
    more = len(found) - PAGES_NAMED
    return [*found[:PAGES_NAMED], *([f"{more} more pages"] if more > 0 else [])]


def of_set(backup_set: BackupSet) -> list[str]:
    """Return what a set says of itself."""
    return ["its own header says that it holds damage"] if backup_set.details.get("is_damaged") else []


def require_none(link: Link, backup_set: BackupSet, *, of_database: bool) -> None:
    """Raise `DatabaseDamaged` where a set that a run of ours finished is of a damaged database.

    Where that cannot be asked now, and can at another time, what was refused is raised. One that was set aside for its
    damage is known by what no other of ours is: nobody's base (`aside`).
    """
    found = of_set(backup_set)
    if backup_set.copy_only:
        found = found or ["it was set aside, because the database was damaged when it was taken"]
    if of_database and backup_set.kind is BackupKind.FULL:
        rows = _suspect_pages(link, backup_set.database)
        if isinstance(rows, NotAsked):
            if rows.error.transient and not found:
                raise rows.error
        else:
            found = [*found, *_pages_text(rows)]
    if found:
        raise error(link, backup_set.database, found, f"What was written is kept in {backup_set.path}.")


def error(
    link: Link, database: str, found: Sequence[str], kept: str, messages: Sequence[Message] = ()
) -> DatabaseDamaged:
    """Return the error that fails a backup with what was found."""
    return DatabaseDamaged(
        f"The backup of {database} on {link.instance.name} does not count: the database is damaged "
        f"({'; '.join(found)}). {kept}",
        hint=f"Keep the older backups: none was replaced. Have DBCC CHECKDB ({database}) say what is damaged, and "
        "restore a backup from before. Once it is mended, take its rows out of msdb.dbo.suspect_pages.",
        number=PAGE_CHECKSUM,
        messages=messages,
    )


def aside(request: BackupRequest) -> BackupRequest:
    """Return what keeps as much of a damaged database as can be read: nobody's base, and in nobody's place.

    The name has no date, so that not every run writes another.
    """
    name = paths.damaged(media_file_name(request.database, request.kind, at=None, suffix=""))
    return replace(request, file_name=name, overwrite=False, replaceable=(), copy_only=True, verify=False)


def taken_before(link: Link, request: BackupRequest) -> str:
    """Return the path where that is taken, as by an earlier run; empty: it is free."""
    path = paths.join(link.server().flavour, request.directory, request.file_name)
    first = paths.stripes(path, request.stripes)[0]
    return first if directory.exists(link, first) else ""
