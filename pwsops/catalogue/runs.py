"""Runs, their items (one a database) and the messages of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from pwsops.catalogue.schema import messages, profiles, run_items, runs
from pwsops.rules.model import BackupKind, Message, RunStatus, Trigger

OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
CANCELLED_EARLY = "cancelled before it began"


def add(
    connection: Connection,
    *,
    profile_id: int,
    profile: str,
    due_at: datetime,
    kind: BackupKind,
    trigger: Trigger,
    owner: str | None,
) -> int:
    """Queue one run; gives its id. The caller has made sure that (profile, instant) is free."""
    row = new_row(
        profile_id=profile_id,
        profile=profile,
        due_at=due_at,
        kind=kind,
        trigger=trigger,
        owner=owner,
        status=RunStatus.QUEUED,
        now=due_at,
    )
    return int(connection.execute(insert(runs).values(row).returning(runs.c.id)).scalar_one())


def new_row(
    *,
    profile_id: int,
    profile: str,
    due_at: datetime,
    kind: BackupKind,
    trigger: Trigger,
    owner: str | None,
    status: RunStatus,
    now: datetime,
    summary: str = "",
    missed_count: int = 0,
    missed_until: datetime | None = None,
) -> dict[str, Any]:
    """Give the columns of a run that has not started."""
    return {
        "profile_id": profile_id,
        "profile": profile,
        "due_at": due_at,
        "status": status.value,
        "kind": kind.value,
        "trigger": trigger.value,
        "claimed_at": now,
        "finished_at": now if status.ended else None,
        "summary": summary,
        "missed_count": missed_count,
        "missed_until": missed_until,
        "owner": owner,
        "cancel_requested": False,
    }


def start(connection: Connection, run_id: int, *, owner: str, databases: Iterable[str], now: datetime) -> list[int]:
    """Mark a run as running and lay out its items; gives their ids, in order."""
    change(connection, run_id, status=RunStatus.RUNNING.value, started_at=now, owner=owner)
    ids = []
    for database in databases:
        row = {"run_id": run_id, "database": database, "status": RunStatus.QUEUED.value}
        row |= {"reason": "", "error": "", "hint": ""}
        ids.append(int(connection.execute(insert(run_items).values(row).returning(run_items.c.id)).scalar_one()))
    return ids


def change(connection: Connection, run_id: int, **values: Any) -> None:
    """Set columns of a run."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(values))


def change_item(connection: Connection, item_id: int, **values: Any) -> None:
    """Set columns of an item."""
    connection.execute(update(run_items).where(run_items.c.id == item_id).values(values))


def start_item(connection: Connection, item_id: int, *, now: datetime) -> None:
    """Mark an item as running."""
    change_item(connection, item_id, status=RunStatus.RUNNING.value, started_at=now)


def put_back(connection: Connection, run_id: int, *, owner: str | None) -> None:
    """Let anybody take a queued run that this owner left."""
    left = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value) & (runs.c.owner == owner)
    connection.execute(update(runs).where(left).values(owner=None))


def cancel_queued(connection: Connection, run_id: int, *, now: datetime) -> None:
    """End a run that has not begun; one that has is left alone."""
    waiting = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value)
    ended = {"status": RunStatus.CANCELLED.value, "finished_at": now, "summary": CANCELLED_EARLY}
    connection.execute(update(runs).where(waiting).values(ended))


def rename(connection: Connection, profile_id: int, name: str) -> None:
    """Let a profile's runs be found under its new name."""
    connection.execute(update(runs).where(runs.c.profile_id == profile_id).values(profile=name))


def item_ended(connection: Connection, item_id: int) -> bool:
    """Say whether nothing more will happen to an item."""
    status = connection.execute(select(run_items.c.status).where(run_items.c.id == item_id)).scalar_one()
    return RunStatus(status).ended


def add_messages(connection: Connection, item_id: int, told: Sequence[Message]) -> None:
    """Keep what was said about an item, in order."""
    if told:
        connection.execute(insert(messages), [{"item_id": item_id, **vars(message)} for message in told])


def get(connection: Connection, run_id: int) -> RowMapping | None:
    """Give one run."""
    return connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()


def listing(
    connection: Connection,
    *,
    profile: str | None = None,
    status: RunStatus | None = None,
    limit: int | None = 50,
    offset: int = 0,
) -> list[RowMapping]:
    """Give runs, newest first."""
    statement = _filtered(select(runs), profile, status).order_by(runs.c.due_at.desc(), runs.c.id.desc())
    return list(connection.execute(statement.limit(limit).offset(offset)).mappings())


def count(connection: Connection, *, profile: str | None = None, status: RunStatus | None = None) -> int:
    """Count runs."""
    return int(connection.execute(_filtered(select(func.count()).select_from(runs), profile, status)).scalar_one())


def items(connection: Connection, run_ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    """Give the items of these runs, by run, in the profile's order."""
    found: dict[int, list[RowMapping]] = {run_id: [] for run_id in run_ids}
    statement = select(run_items).where(run_items.c.run_id.in_(run_ids)).order_by(run_items.c.id)
    for row in connection.execute(statement).mappings():
        found[row["run_id"]].append(row)
    return found


def messages_of(connection: Connection, item_ids: Sequence[int]) -> dict[int, list[Message]]:
    """Give the messages of these items, by item, in order."""
    found: dict[int, list[Message]] = {item_id: [] for item_id in item_ids}
    statement = select(messages).where(messages.c.item_id.in_(item_ids)).order_by(messages.c.id)
    for row in connection.execute(statement).mappings():
        found[row["item_id"]].append(Message(**{key: row[key] for key in Message.__dataclass_fields__}))
    return found


def open_runs(connection: Connection) -> list[RowMapping]:
    """Give the runs that are queued or running."""
    return list(connection.execute(select(runs).where(runs.c.status.in_(OPEN)).order_by(runs.c.id)).mappings())


def open_of(connection: Connection, profile_id: int) -> RowMapping | None:
    """Give the queued or running run of a profile."""
    statement = select(runs).where(runs.c.status.in_(OPEN), runs.c.profile_id == profile_id)
    return connection.execute(statement.limit(1)).mappings().first()


def last_ended(connection: Connection) -> dict[int, RowMapping]:
    """Give, for each living profile, its newest run that ended and was not cancelled."""
    newest = (
        select(runs.c.id)
        .where(
            runs.c.profile_id == profiles.c.id,
            runs.c.status.not_in([*OPEN, RunStatus.CANCELLED.value]),
        )
        .order_by(runs.c.due_at.desc())
        .limit(1)
        .correlate(profiles)
        .scalar_subquery()
    )
    ids = select(newest).where(profiles.c.deleted_at.is_(None))
    statement = select(runs).where(runs.c.id.in_(ids))
    return {row["profile_id"]: row for row in connection.execute(statement).mappings()}


def _filtered(statement: Any, profile: str | None, status: RunStatus | None) -> Any:
    if profile is not None:
        statement = statement.where(runs.c.profile == profile)
    if status is not None:
        statement = statement.where(runs.c.status == status.value)
    return statement
