"""What the server's own history (msdb) remembers: successes only, every tool's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pwsops.engines.sqlserver import directory, media, paths, queries, resolving, tsql
from pwsops.engines.sqlserver.answers import is_answer
from pwsops.engines.sqlserver.errors import ErrorContext, system_error
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.running import Limits
from pwsops.engines.sqlserver.sighting import DAMAGED, GONE
from pwsops.errors import EngineError, MediaError, PwsopsError
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.naming import media_file_name

MEMORY = timedelta(days=400)
"""How far back is read where nobody says: msdb may hold many years, which one question must not wait for."""
FILES_LOOKED_INTO = 10
WIDEST_OFFSET = timedelta(days=1)
"""No zone is that far from UTC: what the server compares in local time is compared exactly afterwards."""


def sets(link: Link, since: datetime | None, database: str | None) -> Iterator[BackupSet]:
    """Return the fulls and differentials that were finished at `since` or later, in the order they were taken.

    None is `MEMORY` ago.
    """
    earliest = since or link.clock.now() - MEMORY
    asked = (earliest.astimezone(UTC) - WIDEST_OFFSET).replace(tzinfo=None)
    context = link.context("Reading the history", database=database)
    if database is None:
        rows = link.query(context, queries.HISTORY, asked, timeout_s=media.LONG_S)
    else:
        rows = link.query(context, queries.HISTORY_OF_DATABASE, asked, database, timeout_s=media.LONG_S)
    return (each for each in media.from_history(rows, link.server()) if each.finished_at >= earliest)


def remembered_set(link: Link, set_id: str) -> BackupSet | None:
    """Return the set of that identity; raises where msdb cannot be asked now, and not where it never may."""
    rows = media.of_history(link.attempt(link.context("Reading the history"), queries.SET, set_id))
    return next(media.from_history(rows, link.server()), None)


def find_backup(link: Link, *, database: str, where: str, description: str) -> BackupSet | None:
    """Return the finished set that carries a description, if its file holds it; None otherwise.

    A server notices only after a while that whoever asked for a backup is gone, and may finish it until then. The
    history says which file it is; where it does not, because it cannot be read or could not note the backup, the newest
    files of the database in the directory are looked into. An unfinished file stays.
    """
    context = link.context(f"Looking for a backup of {database}", database=database)
    refusal: PwsopsError | None = None
    try:
        resolving.wait_for_backup(link, context, description=description, limits=Limits(clock=link.clock))
    except PwsopsError as error:
        if not is_answer(error):
            raise
        refusal = error
    found = _finished(link, context, where, description)
    if found is None and refusal is not None:
        raise refusal  # it may be going on still
    return found


def _finished(link: Link, context: ErrorContext, where: str, description: str) -> BackupSet | None:
    known, answered = resolving.remembered(link, context, requested=(description, None), path=None)
    flavour = link.server().flavour
    if known is not None and paths.same(flavour, paths.split(flavour, known.path)[0], where):
        try:
            return media.read_one(link, known)
        except MediaError as error:
            if is_answer(error) and not _is_gone_or_bad(link, known.path, error):
                raise  # it may be there still
            return None
    if known is not None:
        return None
    return _in_directory(link, context, where, tsql.description_of(description), all_of_them=not answered)


def _in_directory(
    link: Link, context: ErrorContext, where: str, description: str, *, all_of_them: bool
) -> BackupSet | None:
    """Look into the newest files that have the database's name.

    Raises
    ------
    EngineError
        Where the directory cannot be listed, or none of the files has it and one could not be opened; with
        `all_of_them` also where there are more files than are looked into.
    """
    files = _newest_first(link, context.database, where)
    shut: PwsopsError | None = None
    for path in files[:FILES_LOOKED_INTO]:
        try:
            inside = media.read(link, path)
        except PwsopsError as error:
            if not is_answer(error):
                raise
            shut = shut if _is_gone_or_bad(link, path, error) else error
            continue
        found = next((each for each in inside if each.description == description), None)
        if found is not None and found.database == context.database:
            return found
    if shut is not None:
        raise shut
    if all_of_them and len(files) > FILES_LOOKED_INTO:
        raise EngineError(
            f"{context.operation} on {context.server}: its history cannot be read, and {where} has more files of the "
            f"database than are looked into ({FILES_LOOKED_INTO}).",
            hint="Give the login the right to read msdb (`pwsops instance probe` has the statement), or try again.",
            transient=True,
        )
    return None


def _is_gone_or_bad(link: Link, path: str, error: PwsopsError) -> bool:
    """Whether a file that could not be read is gone, or no whole backup; one that is in use or away may be one."""
    if error.number in DAMAGED:
        return True
    exists = directory.existence(link, path)
    if exists is None:
        return system_error(error.messages) == GONE
    return not exists.is_file and exists.has_parent


def _newest_first(link: Link, database: str, where: str) -> list[str]:
    """Return the paths of the files that are called like backups of a database."""
    stem = media_file_name(database, BackupKind.FULL, at=None, suffix="").removesuffix("FULL.bak").lower()
    files = [
        entry
        for entry in directory.browse(link, where)
        if not entry.is_directory and entry.name.lower().startswith(stem) and paths.is_media(entry.name)
    ]
    oldest = datetime.min.replace(tzinfo=UTC)
    files.sort(key=lambda entry: (entry.modified_at or oldest, entry.name), reverse=True)
    return [entry.path for entry in files]
