"""Restores: begun in one transaction, ended in another, and all of them kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    ScalarSelect,
    Select,
    func,
    insert,
    or_,
    select,
    update,
)

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, backup_sets, restores, runs
from pwsops.catalogue.search import LONGEST_TEXT, matcher
from pwsops.rules.model import BackupKind, BackupSet, Message, RunStatus
from pwsops.rules.replacing import Order, Restored
from pwsops.rules.restore_outlook import Measured


@dataclass(frozen=True, kw_only=True)
class RestoreFilter:
    """Which restores are looked at.

    Parameters
    ----------
    text
        Found anywhere in the name of the instance or of the database, in either case; each character stands for itself.
    status
        Only those in this state; None: all.
    since, until
        Started from the first instant on, and before the second; aware. None: without that end.
    """

    text: str = ""
    status: RunStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


RestoreRow = RowMapping | Mapping[str, Any]
"""A restore as it was read, or what stands for one that cannot be."""

OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
_LAST = 2**62
"""A number that no run and no set has."""


def add(
    connection: Connection,
    source: BackupSet,
    *,
    instance: str,
    database: str,
    actor: str,
    owner: str,
    now: datetime,
) -> int:
    """Remember a restore that begins; gives its id. The caller has made sure that no other of it is open."""
    row = {
        "instance": instance,
        "database": database,
        "path": source.path,
        "position": source.position,
        "set_id": source.set_id,
        "kind": source.kind.value,
        "data_at": source.finished_at,
        "actor": actor,
        "status": RunStatus.RUNNING.value,
        "started_at": now,
        "owner": owner,
        "cancel_requested": False,
        "error": "",
        "hint": "",
        "interrupted": False,
        "messages": [],
        "runs_until": _highest(runs.c.id),
        "sets_until": _highest(backup_sets.c.id),
    }
    return int(connection.execute(insert(restores).values(row).returning(restores.c.id)).scalar_one())


def _highest(column: Column[int]) -> ScalarSelect[int]:
    return select(func.coalesce(func.max(column), 0)).scalar_subquery()


def progressed(connection: Connection, restore_id: int, *, phase: str, done_bytes: int, total_bytes: int) -> None:
    """Note how far a restore is."""
    values = {"progress_phase": phase, "progress_done": done_bytes, "progress_total": total_bytes}
    connection.execute(update(restores).where(restores.c.id == restore_id).values(values))


def ask_to_cancel(connection: Connection, restore_id: int) -> None:
    """Ask whoever works on a restore to stop."""
    connection.execute(update(restores).where(restores.c.id == restore_id).values(cancel_requested=True))


def end(
    connection: Connection,
    restore_id: int,
    status: RunStatus,
    *,
    now: datetime,
    restored_bytes: int | None = None,
    kept_damaged_as: str | None = None,
    error: str = "",
    hint: str = "",
    interrupted: bool = False,
    messages: Sequence[Message] = (),
) -> bool:
    """Note how a restore ended; False where that is known already, and stays."""
    values = {
        "status": status.value,
        "finished_at": now,
        "restored_bytes": restored_bytes,
        "kept_damaged_as": kept_damaged_as,
        "error": error,
        "hint": hint,
        "interrupted": interrupted,
        "messages": [{**vars(message), "at": message.at.isoformat()} for message in messages],
    }
    still_open = (restores.c.id == restore_id) & restores.c.status.in_(OPEN)
    return connection.execute(update(restores).where(still_open).values(values)).rowcount > 0


def get(connection: Connection, restore_id: int) -> RestoreRow | None:
    """Return one restore."""
    return next(iter(_read(connection, select(restores).where(restores.c.id == restore_id))), None)


def listing(
    connection: Connection,
    *,
    limit: int | None = 50,
    offset: int = 0,
    instance: str | None = None,
    database: str | None = None,
) -> list[RestoreRow]:
    """Return restores, newest first."""
    statement = select(restores).order_by(restores.c.id.desc()).limit(limit).offset(offset)
    columns: dict[str, Any] = {"instance": instance, "database": database}
    for column, value in columns.items():
        if value is not None:
            statement = statement.where(restores.c[column] == value)
    return _read(connection, statement)


def page(
    connection: Connection, query: RestoreFilter, *, limit: int | None, before: int | None = None
) -> list[RestoreRow]:
    """Return restores that fit, newest first; `before`: those with a smaller number."""
    statement = select(restores).where(*conditions(query)).order_by(restores.c.id.desc()).limit(limit)
    return _read(connection, statement if before is None else statement.where(restores.c.id < before))


def total(connection: Connection, query: RestoreFilter) -> int:
    """Count the restores that fit."""
    counted = select(func.count()).select_from(restores).where(*conditions(query))
    return int(connection.execute(counted).scalar_one())


def conditions(query: RestoreFilter) -> Iterator[ColumnElement[bool]]:
    """Return what holds of the restores that fit."""
    if query.text.strip():
        says = matcher(query.text.strip()[:LONGEST_TEXT])
        yield or_(says(restores.c.instance), says(restores.c.database))
    if query.status is not None:
        yield restores.c.status == query.status.value
    if query.since is not None:
        yield restores.c.started_at >= query.since
    if query.until is not None:
        yield restores.c.started_at < query.until


def every_open(connection: Connection) -> list[RestoreRow]:
    """Return the restores that have not ended, as far as anybody wrote down."""
    return _read(connection, select(restores).where(restores.c.status.in_(OPEN)))


def open_of(connection: Connection, instance: str, database: str) -> RestoreRow | None:
    """Return the restore of a database that is under way."""
    there = (restores.c.instance == instance) & (restores.c.database == database) & restores.c.status.in_(OPEN)
    return next(iter(_read(connection, select(restores).where(there))), None)


def into(connection: Connection, instance: str, database: str, *, limit: int | None = None) -> list[Restored]:
    """Return the restores that wrote into a database, or may have: those that succeeded, go on or were interrupted.

    The newest first; `limit`: so many of them. What cannot be read of one is taken for the worst: it wrote over all.
    """
    may_have = restores.c.status.in_((*OPEN, RunStatus.SUCCEEDED.value)) | restores.c.interrupted
    there = (restores.c.instance == instance) & (restores.c.database == database) & may_have
    columns = restores.c.id, restores.c.set_id, restores.c.data_at, restores.c.runs_until, restores.c.sets_until
    statement = select(*columns).where(there).order_by(restores.c.id.desc()).limit(limit)
    return [_restored(rows.values_of(row)) for row in rows.read(connection, restores, statement)]


def _restored(row: Mapping[Any, Any]) -> Restored:
    until = [_LAST if row[column] is None else row[column] for column in ("runs_until", "sets_until")]
    return Restored(row["set_id"] or "", row["data_at"] or datetime.min.replace(tzinfo=UTC), Order(*until))


def measured(connection: Connection, instance: str, *, limit: int = 50) -> list[Measured]:
    """Return how long the last restores on an instance took that succeeded, the newest first."""
    done = (restores.c.instance == instance) & (restores.c.status == RunStatus.SUCCEEDED.value)
    columns = restores.c.database, restores.c.restored_bytes, restores.c.started_at, restores.c.finished_at
    found = rows.read(
        connection, restores, select(*columns, restores.c.id).where(done).order_by(restores.c.id.desc()).limit(limit)
    )
    known = [row for row in map(rows.values_of, found) if None not in row.values()]
    took = [(row, (row["finished_at"] - row["started_at"]).total_seconds()) for row in known]
    return [Measured(row["database"], row["restored_bytes"], seconds) for row, seconds in took if seconds > 0]


def messages_of(row: RestoreRow) -> list[Message]:
    """Return what was said during a restore, in order."""
    return [Message(**{**message, "at": datetime.fromisoformat(message["at"])}) for message in row["messages"]]


def _read(connection: Connection, statement: Select[Any]) -> list[RestoreRow]:
    return [_sound(row) for row in rows.read(connection, restores, statement)]


def _sound(row: RowMapping | Unreadable) -> RestoreRow:
    """Return a row as it is, or as failed where it cannot be read, its error saying why."""
    values = row.values if isinstance(row, Unreadable) else row
    reason = row.reason if isinstance(row, Unreadable) else _fault(values)
    if not reason:
        return values
    known = values["status"] in list(RunStatus)
    return dict(values) | {
        **{key: values[key] or "(unknown)" for key in ("instance", "database", "path", "set_id", "actor", "owner")},
        "status": values["status"] if known else RunStatus.FAILED.value,
        "kind": values["kind"] if values["kind"] in list(BackupKind) else BackupKind.FULL.value,
        "position": values["position"] or 1,
        "data_at": values["data_at"] or BEGINNING,
        "started_at": values["started_at"] or BEGINNING,
        "error": f"This entry of the catalogue is damaged: {reason}. {values['error'] or ''}".strip(),
        "hint": values["hint"] or "",
        "messages": values["messages"] if isinstance(values["messages"], list) else [],
    }


def _fault(values: RestoreRow) -> str:
    for key, kind in (("status", RunStatus), ("kind", BackupKind)):
        if values[key] not in list(kind):
            return f"`{key}` cannot be {values[key]!r}"
    return "" if isinstance(values["messages"], list) else "`messages` cannot be read"
