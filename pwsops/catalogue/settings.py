"""The settings that differ from their defaults."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue.schema import settings


def load(connection: Connection) -> dict[str, Any]:
    """Give what was set, by key."""
    return {row.key: row.value for row in connection.execute(select(settings))}


def save(connection: Connection, key: str, value: Any) -> None:
    """Set one key."""
    statement = insert(settings).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
