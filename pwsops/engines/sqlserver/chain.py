"""The base of the next differential. It belongs to the database on the server, whoever took it."""

from __future__ import annotations

from pwsops.engines.sqlserver import media, queries
from pwsops.engines.sqlserver.databases import no_such_database
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import BaseUnusable, EngineError, InvalidInput, PwsopsError
from pwsops.rules.model import BackupSet
from pwsops.rules.run_mark import is_ours

TAKE_A_FULL = "Take a full backup."


def server_base(link: Link, database: str) -> str | None:
    """Return the identity of the full that a differential would be based on; None where there is none."""
    rows = link.query(link.context(f"Looking for the base of {database}", database=database), queries.BASE, database)
    if not rows:
        raise no_such_database(link, database)
    row = rows[0]
    if row.file_id is None:
        raise EngineError(
            f"Whether {database} has a base for incrementals cannot be seen with this login.",
            hint="Give it the right CREATE ANY DATABASE: `pwsops instance probe` has the statement.",
        )
    return None if row.differential_base_guid is None else str(row.differential_base_guid).upper()


def require_base(link: Link, database: str, base: BackupSet | None) -> None:
    """Refuse a differential that could not be restored: on another base than asked for, or on one that is not there.

    Raises
    ------
    BaseUnusable
        With the reason; a full can be taken instead.
    """
    if base is None:
        raise InvalidInput(f"An incremental of {database} needs the full that it refers to.", hint=TAKE_A_FULL)
    actual = server_base(link, database)
    if actual is None:
        raise _unusable(database, "the server has no full backup of it to build on")
    if actual != base.set_id.upper():
        raise _unusable(database, f"{_whose(link, actual)}, and the server would build on that one")
    try:
        found = media.read_one(link, base)
    except PwsopsError as error:
        raise BaseUnusable(
            f"An incremental of {database} cannot be taken: its base is not to be had. {error.message}",
            hint=TAKE_A_FULL,
            messages=error.messages,
        ) from error
    if found.details.get("is_snapshot"):
        raise _unusable(database, "its base is a snapshot of the disk, which no file holds")
    if found.details.get("is_damaged"):
        raise _unusable(database, f"its base in {base.path} was damaged when it was taken")


def require_built_on(taken: BackupSet, base: BackupSet | None) -> None:
    """Refuse a differential that was built on something else after all.

    Between the look at the base and the backup, somebody may have taken another full; and after a backup of single
    files, a differential builds on several bases and names none.
    """
    if base is None or taken.base_id != base.set_id.upper():
        raise _unusable(taken.database, "it was built on another full backup, or on several backups of single files")


def _unusable(database: str, why: str) -> BaseUnusable:
    return BaseUnusable(f"An incremental of {database} cannot be taken: {why}.", hint=TAKE_A_FULL)


def _whose(link: Link, set_id: str) -> str:
    rows = link.attempt(link.context("Reading the history"), queries.SET, set_id)
    if isinstance(rows, NotAsked):
        return f"another full backup was taken since (whose could not be looked up, because {rows.why})"
    if not rows:
        return "another full backup was taken since, which the server's history does not hold"
    if is_ours(rows[0].description):
        failed = f"{rows[0].description}, whose set does not count here,"
        return f"a full backup of ours ({failed} in {rows[0].physical_device_name}) has become the base since"
    how = "as a snapshot " if rows[0].is_snapshot else ""
    where = rows[0].physical_device_name or "a place that is no file"
    return f"{rows[0].user_name or 'somebody'} took another full backup since, {how}to {where}"
