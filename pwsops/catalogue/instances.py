"""Instances, as the catalogue keeps them: the password sealed, never open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from pwsops.catalogue.schema import instance_looks, instances, seen_databases


@dataclass(frozen=True, kw_only=True)
class InstanceRow:
    """One instance."""

    name: str
    engine: str
    address: str
    options: dict[str, Any]
    login: str | None
    sealed_password: str | None


def add(connection: Connection, row: InstanceRow, *, now: datetime) -> None:
    """Remember an instance; its name must be free."""
    connection.execute(insert(instances).values(created_at=now, **vars(row)))


def amend(connection: Connection, row: InstanceRow) -> None:
    """Replace what is remembered of the instance of that name."""
    connection.execute(update(instances).where(instances.c.name == row.name).values(**vars(row)))


def remove(connection: Connection, name: str) -> None:
    """Forget an instance. Its history stays."""
    connection.execute(delete(instances).where(instances.c.name == name))
    connection.execute(delete(instance_looks).where(instance_looks.c.instance == name))
    connection.execute(delete(seen_databases).where(seen_databases.c.instance == name))


def find(connection: Connection, name: str) -> InstanceRow | None:
    """Give the instance of that name."""
    row = connection.execute(select(instances).where(instances.c.name == name)).mappings().first()
    return None if row is None else _row(row)


def every(connection: Connection) -> list[InstanceRow]:
    """Give all instances, by name."""
    return [_row(row) for row in connection.execute(select(instances).order_by(instances.c.name)).mappings()]


def _row(row: RowMapping) -> InstanceRow:
    return InstanceRow(**{key: row[key] for key in InstanceRow.__dataclass_fields__})
