"""Whether the service is wanted, and who leads it. Whether it runs is told by the scheduler's lock, not by this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from pwsops.catalogue import rows
from pwsops.catalogue.schema import service


@dataclass(frozen=True, kw_only=True)
class ServiceRow:
    """The one row of the table."""

    requested: bool
    pid: int | None
    since: datetime | None


def load(connection: Connection) -> ServiceRow:
    """Return the row; a service of which it cannot be read whether it is wanted is not."""
    (row,) = rows.read(connection, service, select(service))
    known = rows.values_of(row)
    return ServiceRow(requested=bool(known["wanted"]), pid=known["pid"], since=known["since"])


def want(connection: Connection, requested: bool) -> None:
    """Ask for the service to run, or to stop, whichever process leads it."""
    connection.execute(update(service).values(wanted=requested))


def lead(connection: Connection, *, pid: int | None, since: datetime | None) -> None:
    """Note who leads; None when nobody does."""
    connection.execute(update(service).values(pid=pid, since=since))
