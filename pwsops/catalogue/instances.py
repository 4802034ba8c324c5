"""Instances, as the catalogue keeps them: the password sealed, never open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select, update

from pwsops.catalogue import places, rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import instance_looks, instances, seen_databases
from pwsops.engines import registry
from pwsops.sealing import Bound

_COLUMNS = ("name", "engine", "address", "options", "login", "sealed_password")


@dataclass(frozen=True, kw_only=True)
class InstanceRow:
    """One instance. `broken` says why it cannot be used, in a sentence; empty: it can."""

    name: str
    engine: str
    address: str
    options: dict[str, Any]
    login: str | None
    sealed_password: str | None
    broken: str = ""

    @property
    def place(self) -> str:
        """Where it is; see `registry.place`."""
        return registry.place(self.engine, self.address)

    def login_bound(self, login: str | None) -> Bound:
        """Return what the password of a login is sealed for: this server, reached and protected as now."""
        return ("password of a login", *self._target(), login or "")

    @property
    def certificate_password_bound(self) -> Bound:
        """What the password of certificates that are saved with backups is sealed for: a server is given that, too."""
        target = self._target() if registry.takes_logins(self.engine) else (self.engine,)
        return ("password of saved certificates", *target)

    def _target(self) -> Bound:
        return self.engine, self.place, *registry.protection(self.engine, self.options)


def add(connection: Connection, row: InstanceRow, *, now: datetime) -> None:
    """Remember an instance; its name must be free."""
    connection.execute(insert(instances).values(created_at=now, **_values(row)))
    places.keep_address(connection, row.name, row.engine, row.address)


def amend(connection: Connection, row: InstanceRow) -> None:
    """Replace what is remembered of the instance of that name."""
    connection.execute(update(instances).where(instances.c.name == row.name).values(**_values(row)))
    places.keep_address(connection, row.name, row.engine, row.address)


def remove(connection: Connection, name: str) -> None:
    """Forget an instance. Its history stays."""
    connection.execute(delete(instances).where(instances.c.name == name))
    forget_looks(connection, name)


def forget_looks(connection: Connection, name: str) -> None:
    """Forget what an instance told of itself: it is gone, or another one now."""
    connection.execute(delete(instance_looks).where(instance_looks.c.instance == name))
    connection.execute(delete(seen_databases).where(seen_databases.c.instance == name))


def find(connection: Connection, name: str) -> InstanceRow | None:
    """Return the instance of that name."""
    return next(iter(_read(connection, select(instances).where(instances.c.name == name))), None)


def directories(connection: Connection) -> dict[str, str]:
    """Return where the instances lie that are directories of this machine, by name; nothing is looked up there."""
    found = connection.execute(select(instances.c.name, instances.c.engine, instances.c.place)).all()
    embedded = [(row.name, row.place.partition(" ")[2]) for row in found if registry.is_embedded(row.engine)]
    return {name: path for name, path in embedded if path.startswith("/")}


def every(connection: Connection) -> list[InstanceRow]:
    """Return all instances, by name."""
    return _read(connection, select(instances).order_by(instances.c.name))


def _values(row: InstanceRow) -> dict[str, Any]:
    return {key: getattr(row, key) for key in _COLUMNS} | {"place": row.place}


def _read(connection: Connection, statement: Select[Any]) -> list[InstanceRow]:
    return [_row(row) for row in rows.read(connection, instances, statement)]


def _row(row: RowMapping | Unreadable) -> InstanceRow:
    values = row.values if isinstance(row, Unreadable) else row
    fields = {key: values[key] for key in _COLUMNS}
    wrong = [] if isinstance(fields["options"], dict) else ["options"]
    fields["options"] = fields["options"] if not wrong else {}
    for key in ("name", "engine", "address"):
        if not isinstance(fields[key], str):
            wrong.append(key)
            fields[key] = f"(instance {values['id']})" if key == "name" else ""
    broken = f"What is stored of the instance as {', '.join(f'`{key}`' for key in wrong)} cannot be read."
    return InstanceRow(**fields, broken=broken if wrong else _engine_fault(fields))


def _engine_fault(fields: dict[str, Any]) -> str:
    if fields["engine"] in registry.ENGINES:
        return ""
    return f"The instance {fields['name']} wants the engine {fields['engine']!r}, which does not exist here."
