"""Databases whose structure a backup found damaged: a fact about the database, whichever profile came upon it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import rows, sets
from pwsops.catalogue.schema import BEGINNING, damaged_databases, instances, profiles, run_instance, run_items, runs


@dataclass(frozen=True, kw_only=True)
class Damage:
    """What was found, as it was said last, and when it was found first."""

    found_at: datetime
    found: str


def note(connection: Connection, item_id: int, found: str, *, now: datetime) -> None:
    """Keep that the backup of an item found its database damaged."""
    statement = (
        select(instances.c.name, func.coalesce(runs.c.place, instances.c.place).label("place"), run_items.c.database)
        .join(runs, runs.c.id == run_items.c.run_id)
        .join(profiles, profiles.c.id == runs.c.profile_id)
        .join(instances, instances.c.name == run_instance)
        .where(run_items.c.id == item_id)
    )
    for row in connection.execute(statement).all():
        values = {"instance": row.name, "place": row.place, "database": row.database, "found_at": now, "found": found}
        kept = insert(damaged_databases).values(values)
        connection.execute(
            kept.on_conflict_do_update(index_elements=["instance", "place", "database"], set_={"found": found})
        )


def clear(connection: Connection, instance: str, database: str, *, run_id: int) -> None:
    """Forget it: a full whose structure was checked has succeeded, in a run that began at that place."""
    there = (damaged_databases.c.instance == instance) & (damaged_databases.c.database == database)
    place = sets.place_of_run(run_id, instance)
    connection.execute(delete(damaged_databases).where(there & (damaged_databases.c.place == place)))


def known(connection: Connection) -> dict[tuple[str, str], Damage]:
    """Return what was found, by instance, as it is now, and database."""
    here = (instances.c.name == damaged_databases.c.instance) & (instances.c.place == damaged_databases.c.place)
    found = rows.read(connection, damaged_databases, select(damaged_databases).join(instances, here))
    # One that cannot be read in part is damaged all the same.
    read = [row.values if isinstance(row, rows.Unreadable) else row for row in found]
    return {
        (row["instance"], row["database"]): Damage(found_at=row["found_at"] or BEGINNING, found=row["found"] or "")
        for row in read
    }
