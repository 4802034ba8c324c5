"""The one place where due occurrences become run rows, exactly once.

`claim` is one write transaction: whatever is due gets its row, committed before anything is done about it. `advance`
comes after it, because the next instants take longer to work out than the rows take to write; a crash between the two
leaves profiles that look due again, and the unique (profile, instant) of the runs then turns the second claim away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import profiles as catalogue_profiles
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.runs import OPEN, new_row
from pwsops.catalogue.schema import profiles, runs
from pwsops.rules import recurrence as rules
from pwsops.rules.chain import planned_kind
from pwsops.rules.misfire import GRACE, Settlement, settle
from pwsops.rules.model import BackupKind, RunStatus, Trigger


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One claimed profile: `due_at` is the run's instant, `seen_until` the newest occurrence that is settled."""

    profile_id: int
    due_at: datetime
    seen_until: datetime
    kind: BackupKind


def claim(connection: Connection, *, now: datetime, owner: str) -> list[Claimed]:
    """Write a run row for every profile that is due, and give what was claimed."""
    due = _due(connection, now)
    if not due:
        return []
    busy = set(connection.execute(select(runs.c.profile_id).where(runs.c.status.in_(OPEN))).scalars())
    late = {row.id for row in due if now - row.next_due_at > GRACE}
    known = {row.id: row for row in catalogue_profiles.by_ids(connection, sorted(late))}
    claimed: list[Claimed] = []
    rows: list[dict[str, Any]] = []
    for row in due:
        settled, kind = _settle(row, known.get(row.id), now)
        rows += _rows(row, settled, kind, owner=owner, now=now, busy=row.id in busy)
        claimed.append(
            Claimed(
                profile_id=row.id,
                due_at=settled.due_at,
                seen_until=max(filter(None, (settled.missed_until, settled.due_at))),
                kind=kind,
            )
        )
    # Rows of one statement need the same columns; an instant that has its row already is left alone.
    connection.execute(insert(runs).on_conflict_do_nothing(), rows)
    return claimed


def take_queued(connection: Connection, *, owner: str) -> list[int]:
    """Make the runs that wait for no one in particular ours (started by hand, or left by a dead process)."""
    waiting = (runs.c.status == RunStatus.QUEUED.value) & runs.c.owner.is_(None)
    connection.execute(update(runs).where(waiting).values(owner=owner))
    statement = select(runs.c.id).where(runs.c.status == RunStatus.QUEUED.value, runs.c.owner == owner)
    return list(connection.execute(statement.order_by(runs.c.due_at, runs.c.id)).scalars())


def advance(connection: Connection, claimed: Iterable[Claimed]) -> None:
    """Set the next instant of the profiles that were claimed, unless they were edited since."""
    by_id = {one.profile_id: one for one in claimed}
    rows = catalogue_profiles.by_ids(connection, sorted(by_id))
    catalogue_profiles.schedule(
        connection,
        [
            next_due(row, by_id[row.id].seen_until, assuming_full_at=_full_at(by_id[row.id]))
            for row in rows
            if row.next_due_at is not None and row.next_due_at <= by_id[row.id].seen_until
        ],
    )


def refresh(connection: Connection, *, now: datetime) -> None:
    """Work out again what lies ahead: after the clock jumped, and at every start (zones change by decree)."""
    catalogue_profiles.schedule(
        connection,
        [
            next_due(row, now)
            for row in catalogue_profiles.active(connection)
            if row.next_due_at is None or row.next_due_at > now
        ],
    )


def next_due(
    row: ProfileRow, after: datetime, *, assuming_full_at: datetime | None = None
) -> tuple[int, datetime | None, BackupKind | None]:
    """Give a profile's id, its next instant after `after`, and the kind planned for it."""
    recurrence = row.recurrence()
    due = rules.next_due(recurrence, after)
    if due is None:
        return row.id, None, None
    last_full = max(filter(None, (row.last_full_due_at, assuming_full_at)), default=None)
    return row.id, due, plan_kind(row, due, last_full)


def plan_kind(row: ProfileRow, due_at: datetime, last_full_due: datetime | None) -> BackupKind:
    """Give the kind planned for a profile's run at this instant."""
    return planned_kind(
        incremental=row.fields["incremental"],
        renewal=row.renewal(),
        recurrence=row.recurrence(),
        last_full_due=last_full_due,
        due_at=due_at,
    )


def _full_at(claimed: Claimed) -> datetime | None:
    # The run has only just been queued. Should it fail, the runner plans the next one as full again.
    return claimed.due_at if claimed.kind is BackupKind.FULL else None


def _due(connection: Connection, now: datetime) -> list[Row[Any]]:
    columns = (profiles.c.id, profiles.c.name, profiles.c.next_due_at, profiles.c.next_kind)
    return list(
        connection.execute(select(*columns).where(profiles.c.next_due_at <= now).order_by(profiles.c.next_due_at))
    )


def _settle(row: Row[Any], known: ProfileRow | None, now: datetime) -> tuple[Settlement, BackupKind]:
    planned = BackupKind(row.next_kind)
    if known is None:
        return Settlement(due_at=row.next_due_at, trigger=Trigger.SCHEDULE), planned
    recurrence = known.recurrence()
    due = chain([row.next_due_at], rules.due_between(recurrence, row.next_due_at, now))
    settled = settle(due, now=now)
    if planned is BackupKind.FULL:
        return settled, planned
    return settled, plan_kind(known, settled.due_at, known.last_full_due_at)


def _rows(
    row: Row[Any], settled: Settlement, kind: BackupKind, *, owner: str, now: datetime, busy: bool
) -> list[dict[str, Any]]:
    rows = []
    if settled.missed_from is not None:
        rows.append(
            new_row(
                profile_id=row.id,
                profile=row.name,
                due_at=settled.missed_from,
                kind=kind,
                trigger=Trigger.SCHEDULE,
                owner=None,
                status=RunStatus.MISSED,
                now=now,
                summary=_missed(settled.missed_count),
                missed_count=settled.missed_count,
                missed_until=settled.missed_until,
            )
        )
    rows.append(
        new_row(
            profile_id=row.id,
            profile=row.name,
            due_at=settled.due_at,
            kind=kind,
            trigger=settled.trigger,
            owner=owner,
            status=RunStatus.SKIPPED if busy else RunStatus.QUEUED,
            now=now,
            summary="the run before it was still going" if busy else "",
        )
    )
    return rows


def _missed(count: int) -> str:
    runs_missed = "1 run was missed" if count == 1 else f"{count} runs were missed"
    return f"{runs_missed}: the backup service was not running"
