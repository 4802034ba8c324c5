"""A past put into an empty history at once: for samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert, select

from pwsops.catalogue import sets
from pwsops.catalogue.schema import backup_sets, messages, run_items, runs
from pwsops.rules.model import BackupKind, BackupSet, Message, RunStatus, Trigger


@dataclass(frozen=True, kw_only=True)
class PastItem:
    """One database of a past run: the set that was taken, or what went wrong."""

    database: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime
    taken: BackupSet | None = None
    error: str = ""
    hint: str = ""
    messages: Sequence[Message] = ()


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """One past run."""

    due_at: datetime
    status: RunStatus
    kind: BackupKind
    trigger: Trigger = Trigger.SCHEDULE
    items: Sequence[PastItem] = ()
    summary: str = ""
    missed_count: int = 0
    missed_until: datetime | None = None


def is_empty(connection: Connection) -> bool:
    """Whether there was never a run."""
    return connection.execute(select(runs.c.id).limit(1)).first() is None


def add(
    connection: Connection, past: Sequence[PastRun], *, profile_id: int, profile: str, instance: str, first_id: int
) -> int:
    """Put the runs of a profile into the history, numbered from `first_id` on, and give the next number.

    Items have the numbers from a thousand times their run's on, so that no row has to be asked for its number.
    """
    numbered = list(zip(count(first_id), past))
    items = [
        (item_id, run_id, item) for run_id, run in numbered for item_id, item in zip(count(run_id * 1000), run.items)
    ]
    place = connection.execute(select(sets.place_of(instance))).scalar_one()
    rows: dict[Any, list[dict[str, Any]]] = {
        runs: [_run(run_id, profile_id, profile, run) for run_id, run in numbered],
        run_items: [_item(item_id, run_id, item) for item_id, run_id, item in items],
        messages: [{"item_id": item_id, **vars(message)} for item_id, _, item in items for message in item.messages],
        backup_sets: [
            {**_set(item.taken, profile_id, run_id, instance), "place": place}
            for _, run_id, item in items
            if item.taken is not None
        ],
    }
    for table, values in rows.items():
        if values:
            connection.execute(insert(table), values)
    return first_id + len(past)


def _run(run_id: int, profile_id: int, profile: str, run: PastRun) -> dict[str, Any]:
    return {
        "id": run_id,
        "profile_id": profile_id,
        "profile": profile,
        "due_at": run.due_at,
        "claimed_at": run.due_at,
        "status": run.status.value,
        "kind": run.kind.value,
        "trigger": run.trigger.value,
        "started_at": min((item.started_at for item in run.items), default=None),
        "finished_at": max((item.finished_at for item in run.items), default=None),
        "summary": run.summary,
        "missed_count": run.missed_count,
        "missed_until": run.missed_until,
        "cancel_requested": run.status is RunStatus.CANCELLED,
        "size_bytes": sum(item.taken.size_bytes for item in run.items if item.taken is not None),
    }


def _item(item_id: int, run_id: int, item: PastItem) -> dict[str, Any]:
    taken = item.taken
    return {
        "id": item_id,
        "run_id": run_id,
        "database": item.database,
        "status": item.status.value,
        "kind": taken and taken.kind.value,
        "reason": "",
        "started_at": item.started_at,
        "finished_at": item.finished_at,
        "path": taken and taken.path,
        "set_id": taken and taken.set_id,
        "size_bytes": taken and taken.size_bytes,
        "error": item.error,
        "hint": item.hint,
    }


def _set(taken: BackupSet, profile_id: int, run_id: int, instance: str) -> dict[str, Any]:
    values = vars(taken) | {"kind": taken.kind.value, "details": dict(taken.details)}
    return values | {"instance": instance, "profile_id": profile_id, "run_id": run_id}
