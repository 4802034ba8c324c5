"""The audit log: append-only, each row's digest covering the one before, so that a later rewrite shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, audit

AuditRow = RowMapping | Mapping[str, Any]
"""An entry as it was read, or what stands for one that cannot be."""

FIRST = "0" * 64


def append(connection: Connection, *, at: datetime, actor: str, action: str, subject: str, detail: str) -> None:
    """Add one row. The caller holds the write lock, so no other row can come between."""
    before = connection.execute(select(audit.c.digest).order_by(audit.c.id.desc()).limit(1)).scalar() or FIRST
    digest = _digest(before, at=at, actor=actor, action=action, subject=subject, detail=detail)
    connection.execute(
        insert(audit).values(at=at, actor=actor, action=action, subject=subject, detail=detail, digest=digest)
    )


def newest(connection: Connection, *, limit: int) -> list[AuditRow]:
    """Give the newest rows, newest first."""
    return read(connection, select(audit).order_by(audit.c.id.desc()).limit(limit))


def about(
    connection: Connection, *, subject: str, actions: Collection[str], since: datetime | None, limit: int
) -> list[AuditRow]:
    """Give the newest rows that tell of these actions on one subject, newest first; `since` leaves out older ones."""
    found = select(audit).where(audit.c.subject == subject, audit.c.action.in_(actions))
    if since is not None:
        found = found.where(audit.c.at >= since)
    return read(connection, found.order_by(audit.c.id.desc()).limit(limit))


def head(connection: Connection) -> tuple[int, str]:
    """Give the number of entries, and the newest digest, which covers them all."""
    count = connection.execute(select(func.count()).select_from(audit)).scalar_one()
    newest_digest = connection.execute(select(audit.c.digest).order_by(audit.c.id.desc()).limit(1)).scalar()
    return int(count), newest_digest or FIRST


def first_broken(connection: Connection) -> int | None:
    """Give the id of the first row whose digest does not follow from the one before; None: the log is whole."""
    before = FIRST
    for row in rows.read(connection, audit, select(audit).order_by(audit.c.id)):
        if isinstance(row, Unreadable):
            return row.id
        told = {key: row[key] for key in ("at", "actor", "action", "subject", "detail")}
        if row["digest"] != _digest(before, **told):
            return int(row["id"])
        before = row["digest"]
    return None


def read(connection: Connection, statement: Select[Any]) -> list[AuditRow]:
    """Give the entries that a statement selects; one that cannot be read with what can be, its detail saying so."""
    return [_sound(row) for row in rows.read(connection, audit, statement)]


def _sound(row: RowMapping | Unreadable) -> AuditRow:
    if not isinstance(row, Unreadable):
        return row
    texts = {key: row.values[key] or "" for key in ("actor", "action", "subject", "digest")}
    detail = f"This entry is damaged: {row.reason}. {row.values['detail'] or ''}".strip()
    return {"id": row.id, "at": row.values["at"] or BEGINNING, **texts, "detail": detail}


def _digest(before: str, *, at: datetime, actor: str, action: str, subject: str, detail: str) -> str:
    told = json.dumps([before, at.isoformat(), actor, action, subject, detail], ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
