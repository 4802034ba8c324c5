"""Where instances ever kept databases or backups: what lies there is theirs when they have moved on, or are gone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue.schema import instances, known_places
from pwsops.engines import registry


@dataclass(frozen=True, kw_only=True)
class KnownPlace:
    """A directory, whose it is or was, and on which machine; an empty host is this one."""

    instance: str
    host: str
    path: str


def keep(connection: Connection, instance: str, path: str) -> None:
    """Remember that an instance keeps something in a directory of its machine; nobody forgets it."""
    if path:
        values = {"instance": instance, "host": _host_of(connection, instance), "path": path}
        connection.execute(insert(known_places).values(values).on_conflict_do_nothing())


def keep_address(connection: Connection, instance: str, engine: str, address: str) -> None:
    """Remember where the databases of an instance lie, where they are files of this machine."""
    if registry.is_embedded(engine):
        keep(connection, instance, address)


def every(connection: Connection) -> Sequence[KnownPlace]:
    """Return all that the connection may see."""
    columns = known_places.c.instance, known_places.c.host, known_places.c.path
    return [KnownPlace(**row._mapping) for row in connection.execute(select(*columns))]


def host(engine: str, address: str) -> str:
    """Return the machine of an instance; empty: this one."""
    return "" if registry.is_embedded(engine) else re.split(r"[\\,]", address)[0].casefold()


def _host_of(connection: Connection, instance: str) -> str:
    statement = select(instances.c.engine, instances.c.address).where(instances.c.name == instance)
    row = connection.execute(statement).first()
    return "" if row is None else host(str(row.engine), str(row.address))
