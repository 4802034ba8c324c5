"""A database that a restore makes: nothing of it stays where the restore fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pwsops.engines.records import DatabaseInfo
from pwsops.engines.sqlserver import access, databases, paths, queries, tsql
from pwsops.engines.sqlserver.errors import reason
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import Conflict, NotFound, PwsopsError


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What a restore that failed left: whether it had begun to make the database, and what has to be done by hand."""

    begun: bool
    step: str = ""


def require_missing(link: Link, name: str) -> None:
    """Refuse to make a database where somebody else made one meanwhile; raises `Conflict`."""
    if look(link, name) is not None:
        raise Conflict(
            f"The database {name} exists on {link.instance.name} by now: somebody else made it meanwhile.",
            hint="Look at it; to restore over it, begin the restore again.",
        )


def look(link: Link, name: str) -> DatabaseInfo | None:
    """Return the database; None where there is none of that name."""
    try:
        return databases.find(link, name)
    except NotFound:
        return None


def remove(link: Link, name: str, files: Sequence[str]) -> Remains:
    """Drop the database that a restore began to make, and nobody else's.

    Parameters
    ----------
    link, name
        Which database.
    files
        Paths that only this restore ever wrote to, which is what proves that the database is its own.
    """
    by_hand = f"Look at what is left of {name}, and remove it: {tsql.drop_database(name)}"
    try:
        found = look(link, name)
        if found is None:
            return Remains(begun=False)
        if not _is_made_of(link, name, files):
            return Remains(begun=False, step=f"{name} exists by now, made by somebody else: it was left alone.")
        if found.state.is_in_use:
            return Remains(begun=True, step=f"{name} is online: its restore did come to its end. Look at its data.")
        scene = link.scene(f"Removing what is left of {name}", database=name)
        link.run(scene, tsql.drop_database(name), timeout_s=access.LONG_S)
        gone = look(link, name) is None
    except PwsopsError as error:
        return Remains(begun=True, step=f"What the restore began is still there, because {reason(error)}. {by_hand}")
    return Remains(begun=True, step="" if gone else by_hand)


def _is_made_of(link: Link, name: str, files: Sequence[str]) -> bool:
    rows = link.query(link.scene(f"Looking for the files of {name}", database=name), queries.FILES, name)
    flavour = link.server().flavour
    return bool(rows) and all(any(paths.same(flavour, row.physical_name, file) for file in files) for row in rows)
