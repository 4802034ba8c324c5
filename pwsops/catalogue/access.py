"""Databases whose access a restore has changed: written before it is changed, closed when it was given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, changed_access, instances
from pwsops.engines.requests import AccessChange

FIRST_TRY = timedelta(seconds=5)
NEXT_TRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 5 * 60, 15 * 60, 60 * 60))
"""After so long each it is tried again to give a mode back; after the last of these at its distance, without end."""
_OPEN = changed_access.c.given_back_at.is_(None)
_STAND_INS = {
    **dict.fromkeys(("instance", "database", "former_mode", "changed_to", "last_error", "place"), ""),
    **dict.fromkeys(("at", "next_try_at"), BEGINNING),
    **dict.fromkeys(("restore_id", "tries"), 0),
}
"""Where a row cannot be read in part."""


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
    place
        Where the instance was; see `registry.place`.
    broken
        Why nobody can tell what is owed of which database; empty: it is known.
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
    place: str
    broken: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether to try now; what is planned too far off was planned while a clock was ahead."""
        return self.next_try_at <= now or self.next_try_at > now + NEXT_TRIES[-1]


def changed(
    connection: Connection, instance: str, change: AccessChange, *, place: str, restore_id: int, now: datetime
) -> None:
    """Remember that access is about to be changed; what an earlier restore still owes stays what is owed.

    `place`: where the restore works (`registry.place`), which its instance may have left since it began.
    """
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
        "place": place,
    }
    again = {key: values[key] for key in ("changed_to", "at", "restore_id", "tries", "next_try_at", "last_error")}
    statement = insert(changed_access).values(values)
    target = ["instance", "place", "database"]
    connection.execute(statement.on_conflict_do_update(index_elements=target, index_where=_OPEN, set_=again))


def given_back(connection: Connection, instance: str, database: str, *, place: str, now: datetime) -> None:
    """Close what is owed of a database of an instance at a place; see `changed`."""
    there = (changed_access.c.instance == instance) & (changed_access.c.database == database)
    here = there & (changed_access.c.place == place)
    connection.execute(update(changed_access).where(here, _OPEN).values(given_back_at=now, last_error=""))


def close(connection: Connection, change: ChangedAccess, *, now: datetime, why: str = "") -> None:
    """Close one; `why` says why nothing is owed any more, where it was not given back."""
    this = changed_access.c.id == change.id
    connection.execute(update(changed_access).where(this, _OPEN).values(given_back_at=now, last_error=why))


def failed(connection: Connection, change: ChangedAccess, error: str, *, now: datetime) -> None:
    """Note that a mode could not be given back, and when it is tried next."""
    distance = NEXT_TRIES[min(change.tries, len(NEXT_TRIES) - 1)]
    values = {"tries": change.tries + 1, "next_try_at": now + distance, "last_error": error}
    connection.execute(update(changed_access).where(changed_access.c.id == change.id).values(values))


def open_changes(connection: Connection) -> list[ChangedAccess]:
    """Return the databases whose former mode is still owed, oldest first, wherever their instances are by now."""
    statement = select(changed_access).where(_OPEN).order_by(changed_access.c.id)
    return [_change(row) for row in rows.read(connection, changed_access, statement)]


def _change(row: RowMapping | Unreadable) -> ChangedAccess:
    if not isinstance(row, Unreadable):
        return ChangedAccess(**{key: row[key] for key in ChangedAccess.__dataclass_fields__ if key != "broken"})
    # What cannot be read of it is no reason to let go of what is owed.
    values = {key: row.values[key] for key in ChangedAccess.__dataclass_fields__ if key != "broken"}
    stand_in = {key: value for key, value in _STAND_INS.items() if values[key] is None}
    essential = any(values[key] is None for key in ("instance", "database", "former_mode", "place"))
    return ChangedAccess(**{**values, **stand_in, "id": row.id}, broken=row.reason if essential else "")


def owed_here(connection: Connection) -> dict[tuple[str, str], ChangedAccess]:
    """Return what is owed of the databases of instances where these are now, by instance and database."""
    here = rows.read(connection, instances, select(instances.c.name, instances.c.place))
    places = {row["name"]: row["place"] for row in map(rows.values_of, here)}
    return {
        (change.instance, change.database): change
        for change in open_changes(connection)
        if change.broken or places.get(change.instance) == change.place
    }


def owed(connection: Connection, instance: str, database: str) -> ChangedAccess | None:
    """Return what is owed of one database of an instance where that is now."""
    return owed_here(connection).get((instance, database))


def at_place(connection: Connection, change: ChangedAccess) -> str | None:
    """Return the name of an instance that is where this was changed; its own comes first. None: there is none now."""
    there = select(instances.c.name).where(instances.c.place == change.place).order_by(instances.c.name)
    names = [rows.values_of(row)["name"] for row in rows.read(connection, instances, there)]
    return change.instance if change.instance in names else next(iter(names), None)
