"""Whether the service is wanted, and who leads it. Whether it runs is told by the scheduler's lock, not by this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from pwsops.catalogue.schema import service


@dataclass(frozen=True, kw_only=True)
class ServiceRow:
    """The one row of the table."""

    wanted: bool
    pid: int | None
    since: datetime | None


def load(connection: Connection) -> ServiceRow:
    """Give the row."""
    row = connection.execute(select(service.c.wanted, service.c.pid, service.c.since)).one()
    return ServiceRow(wanted=row.wanted, pid=row.pid, since=row.since)


def want(connection: Connection, wanted: bool) -> None:
    """Ask for the service to run, or to stop, whichever process leads it."""
    connection.execute(update(service).values(wanted=wanted))


def lead(connection: Connection, *, pid: int | None, since: datetime | None) -> None:
    """Note who leads; None when nobody does."""
    connection.execute(update(service).values(pid=pid, since=since))
