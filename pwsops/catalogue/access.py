"""Databases whose access a restore has changed: written before it is changed, closed when it was given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue.schema import changed_access
from pwsops.engines.base import AccessChange

FIRST_TRY = timedelta(seconds=5)
NEXT_TRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 5 * 60, 15 * 60, 60 * 60))
"""After so long each it is tried again to give a mode back; after the last of these at its distance, without end."""


@dataclass(frozen=True, kw_only=True)
class ChangedAccess:
    """One database that is not yet let in as it was.

    Parameters
    ----------
    former_mode, changed_to
        In the engine's words.
    at, restore_id
        When it was changed, and by which restore.
    tries, next_try_at, last_error
        How often it was tried in vain to give the mode back, when it is tried next, and what was said last.
    """

    id: int
    instance: str
    database: str
    former_mode: str
    changed_to: str
    at: datetime
    restore_id: int
    tries: int
    next_try_at: datetime
    last_error: str


def changed(connection: Connection, instance: str, change: AccessChange, *, restore_id: int, now: datetime) -> None:
    """Remember that access is about to be changed; what an earlier restore still owes stays what is owed."""
    values = {
        "instance": instance,
        "database": change.database,
        "former_mode": change.former_mode,
        "changed_to": change.changed_to,
        "at": now,
        "restore_id": restore_id,
        "tries": 0,
        "next_try_at": now + FIRST_TRY,
        "last_error": "",
    }
    again = {key: values[key] for key in ("changed_to", "at", "restore_id", "tries", "next_try_at", "last_error")}
    statement = insert(changed_access).values(values)
    open_one = changed_access.c.given_back_at.is_(None)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["instance", "database"], index_where=open_one, set_=again)
    )


def given_back(connection: Connection, instance: str, database: str, *, now: datetime, why: str = "") -> None:
    """Close what is owed of a database; `why` says why nothing is owed any more, where it was not given back."""
    there = (changed_access.c.instance == instance) & (changed_access.c.database == database)
    still_open = there & changed_access.c.given_back_at.is_(None)
    connection.execute(update(changed_access).where(still_open).values(given_back_at=now, last_error=why))


def failed(connection: Connection, one: ChangedAccess, error: str, *, now: datetime) -> None:
    """Note that a mode could not be given back, and when it is tried next."""
    distance = NEXT_TRIES[min(one.tries, len(NEXT_TRIES) - 1)]
    values = {"tries": one.tries + 1, "next_try_at": now + distance, "last_error": error}
    connection.execute(update(changed_access).where(changed_access.c.id == one.id).values(values))


def open_changes(connection: Connection) -> list[ChangedAccess]:
    """Give the databases whose former mode is still owed, oldest first."""
    statement = select(changed_access).where(changed_access.c.given_back_at.is_(None)).order_by(changed_access.c.id)
    keys = ChangedAccess.__dataclass_fields__
    return [ChangedAccess(**{key: row[key] for key in keys}) for row in connection.execute(statement).mappings()]


def owed(connection: Connection, instance: str, database: str) -> ChangedAccess | None:
    """Give what is owed of one database."""
    found = (one for one in open_changes(connection) if (one.instance, one.database) == (instance, database))
    return next(found, None)
