"""Holds: backups that somebody wants to keep, whatever the policy of their profile says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, backup_sets, holds
from pwsops.rules.model import BackupSet
from pwsops.rules.retention import Hold


@dataclass(frozen=True, kw_only=True)
class HoldRow:
    """One hold. `path` is where its backup lies; empty, and `run_id` None: that is not known."""

    id: int
    instance: str
    database: str
    set_id: str
    reason: str
    until: datetime | None
    actor: str
    added_at: datetime
    path: str
    run_id: int | None


def add(
    connection: Connection,
    backup_set: BackupSet,
    *,
    instance: str,
    reason: str,
    until: datetime | None,
    actor: str,
    now: datetime,
) -> int:
    """Hold a backup; gives the hold's id."""
    values: dict[str, Any] = {
        "instance": instance,
        "database": backup_set.database,
        "set_id": backup_set.set_id,
        "reason": reason,
    }
    values |= {"until": until, "actor": actor, "added_at": now}
    return int(connection.execute(insert(holds).values(values).returning(holds.c.id)).scalar_one())


def remove(connection: Connection, hold_id: int, *, now: datetime) -> None:
    """Take a hold back; the row stays, as history."""
    connection.execute(update(holds).where(holds.c.id == hold_id).values(removed_at=now))


def get(connection: Connection, hold_id: int) -> HoldRow | None:
    """Return a hold that was not taken back."""
    return next(iter(_read(connection, holds.c.id == hold_id)), None)


def in_force(connection: Connection, now: datetime, *, instance: str | None = None) -> list[HoldRow]:
    """Return the holds that were not taken back and whose end has not come, the newest first.

    One whose end cannot be read has none.
    """
    where = [] if instance is None else [holds.c.instance == instance]
    return [row for row in _read(connection, *where) if row.until is None or row.until > now]


def of_instance(connection: Connection, instance: str) -> dict[str, list[Hold]]:
    """Return the holds on backups of an instance by database, those whose end has come as well.

    With an empty name: those of which cannot be read what they hold.
    """
    found: dict[str, list[Hold]] = {}
    for row in _read(connection, holds.c.instance == instance):
        database = row.database if row.set_id else ""
        found.setdefault(database, []).append(Hold(row.set_id, row.reason, row.until))
    return found


def held_ids(connection: Connection, instance: str, database: str, now: datetime) -> frozenset[str] | None:
    """Return the `set_id` of each backup of a database that is held; None: what a hold is on cannot be read."""
    every = of_instance(connection, instance)
    if every.get(""):
        return None
    found = every.get(database, ())
    return frozenset(one.set_id for one in found if one.until is None or one.until > now)


def _read(connection: Connection, *where: ColumnElement[bool]) -> list[HoldRow]:
    statement = select(holds).where(holds.c.removed_at.is_(None), *where).order_by(holds.c.id.desc())
    found = rows.read(connection, holds, statement)
    ids = {rows.values_of(row)["set_id"] for row in found}
    columns = (backup_sets.c.instance, backup_sets.c.set_id, backup_sets.c.path, backup_sets.c.run_id)
    known = {
        (row["instance"], row["set_id"]): (row["path"] or "", row["run_id"])
        for row in map(
            rows.values_of,
            rows.read(connection, backup_sets, select(*columns).where(backup_sets.c.set_id.in_(ids - {None}))),
        )
    }
    return [_row(row, known) for row in found]


def _row(row: RowMapping | Unreadable, known: Mapping[tuple[str, str], tuple[str, int | None]]) -> HoldRow:
    values = {key: value for key, value in rows.values_of(row).items() if key != "removed_at"}
    if isinstance(row, Unreadable):
        values |= {key: values[key] or "" for key in ("instance", "database", "set_id", "actor")}
        values["reason"] = f"This entry of the catalogue is damaged: {row.reason}. {values['reason'] or ''}".strip()
        values["added_at"] = values["added_at"] or BEGINNING
    path, run_id = known.get((values["instance"], values["set_id"]), ("", None))
    return HoldRow(**values, path=path, run_id=run_id)
