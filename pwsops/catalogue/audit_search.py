"""The audit log, searched and read a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, func, or_, select

from pwsops.catalogue.audit import AuditRow, read
from pwsops.catalogue.schema import audit


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are looked at.

    Parameters
    ----------
    since, until
        From the first instant on, and before the second.
    actor
        Found anywhere in the name that somebody acted under, or in that of the system's user; in either case.
    action
        Exactly this one.
    subject
        Found anywhere in what it was done to, or in its detail; in either case.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    action: str = ""
    subject: str = ""


def conditions(query: AuditFilter) -> list[ColumnElement[bool]]:
    """Return a filter as conditions on the table."""
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(audit.c.at >= query.since)
    if query.until is not None:
        found.append(audit.c.at < query.until)
    if query.action:
        found.append(audit.c.action == query.action)
    for text, columns in (
        (query.actor, (audit.c.actor, audit.c.system_user)),
        (query.subject, (audit.c.subject, audit.c.detail)),
    ):
        if text:
            found.append(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    return found


def page(connection: Connection, query: AuditFilter, *, limit: int, before: int | None = None) -> list[AuditRow]:
    """Return the newest entries that fit, newest first; `before`: only those with a smaller number."""
    where = conditions(query)
    if before is not None:
        where.append(audit.c.id < before)
    return read(connection, select(audit).where(*where).order_by(audit.c.id.desc()).limit(limit))


def total(connection: Connection, query: AuditFilter) -> int:
    """Return how many entries fit."""
    return int(connection.execute(select(func.count()).select_from(audit).where(*conditions(query))).scalar_one())


def actions(connection: Connection) -> Sequence[str]:
    """Return every action that the log tells of, in order."""
    column: Column[str] = audit.c.action
    return [str(value) for value in connection.execute(select(column).distinct().order_by(column)).scalars()]
