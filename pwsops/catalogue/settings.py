"""The settings that differ from their defaults."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Text, select, type_coerce
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue.schema import settings


def load(connection: Connection) -> dict[str, Any]:
    """Return what was set, by key; what cannot be read counts as not set."""
    found = {}
    for key, stored in connection.execute(select(settings.c.key, type_coerce(settings.c.value, Text))):
        try:
            # SQLite keeps a number as such in a column of JSON.
            found[key] = json.loads(stored) if isinstance(stored, str) else stored
        except (ValueError, TypeError):
            continue
    return found


def save(connection: Connection, key: str, value: Any) -> None:
    """Set one key."""
    statement = insert(settings).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
