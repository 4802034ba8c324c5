"""The one place where due occurrences become run rows, exactly once.

`claim` is one write transaction: whatever is due gets its row, committed before anything is done about it. `advance`
comes after it, because the next instants take longer to work out than the rows take to write; a crash between the two
leaves profiles that look due again, and the unique (profile, instant) of the runs then turns the second claim away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import structlog
from sqlalchemy import BigInteger, Connection, case, exists, literal, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import profiles as catalogue_profiles
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.runs import OPEN, new_row, open_of
from pwsops.catalogue.schema import Instant, profiles, runs
from pwsops.rules import recurrence as rules
from pwsops.rules.chain import planned_kind
from pwsops.rules.misfire import GRACE, CatchUpPlan, plan_catch_up
from pwsops.rules.model import BackupKind, RunStatus, Trigger

SKIPPED = "the run before it was still going"
FAR_AHEAD = timedelta(hours=2)
NOT_RUNNING = "the backup service was not running"

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One claimed profile: `due_at` is the run's instant, `seen_until` the newest occurrence that is decided."""

    profile_id: int
    due_at: datetime
    seen_until: datetime


def claim(connection: Connection, *, now: datetime, owner: str, why_missed: str = NOT_RUNNING) -> list[Claimed]:
    """Write a run row for every profile that is due, and give what was claimed.

    `why_missed` is what is known of why nobody ran what was due earlier.
    """
    claimed = _claim_on_time(connection, now=now, owner=owner)
    for row in _late(connection, now):
        try:
            row.require_usable()
            claimed.append(_claim_late(connection, row, now=now, owner=owner, why_missed=why_missed))
        except Exception as error:  # noqa: BLE001 - one profile that cannot be worked out must not stop the others
            _log.warning("a profile's schedule cannot be worked out", profile=row.name, error=str(error))
            claimed += _claim_broken(connection, row, now=now, owner=owner)
    return claimed


def _claim_broken(connection: Connection, row: ProfileRow, *, now: datetime, owner: str) -> list[Claimed]:
    """Claim a run that says, by failing, that its profile cannot be run; nothing is planned after it."""
    if row.next_due_at is None:
        return []
    run = new_row(
        profile_id=row.id,
        profile=row.name,
        kind=BackupKind.FULL,
        now=now,
        due_at=row.next_due_at,
        trigger=Trigger.SCHEDULE,
        owner=owner,
        status=RunStatus.QUEUED,
    )
    connection.execute(insert(runs).values(run).on_conflict_do_nothing())
    return [Claimed(profile_id=row.id, due_at=row.next_due_at, seen_until=now)]


def _claim_on_time(connection: Connection, *, now: datetime, owner: str) -> list[Claimed]:
    """Claim what is due within the grace, in one statement: ten thousand profiles may be due together."""
    on_time = (profiles.c.next_due_at <= now) & (profiles.c.next_due_at >= now - GRACE)
    due = connection.execute(select(profiles.c.id, profiles.c.next_due_at).where(on_time)).all()
    if not due:
        return []
    busy = exists().where(runs.c.profile_id == profiles.c.id, runs.c.status.in_(OPEN))
    columns = {
        "profile_id": profiles.c.id,
        "profile": profiles.c.name,
        "due_at": profiles.c.next_due_at,
        "status": case((busy, RunStatus.SKIPPED.value), else_=RunStatus.QUEUED.value),
        "kind": case((profiles.c.next_kind.in_(list(BackupKind)), profiles.c.next_kind), else_=BackupKind.FULL.value),
        "trigger": literal(Trigger.SCHEDULE.value),
        "claimed_at": literal(now, Instant),
        "finished_at": case((busy, literal(now, Instant)), else_=None),
        "summary": case((busy, SKIPPED), else_=""),
        "missed_count": literal(0),
        "owner": literal(owner),
        "cancel_requested": literal(False),
    }
    rows = select(*columns.values()).where(on_time).order_by(profiles.c.next_due_at)
    # An instant that has its row already is left alone.
    connection.execute(insert(runs).from_select(list(columns), rows).on_conflict_do_nothing())
    return [Claimed(profile_id=which, due_at=at, seen_until=at) for which, at in due]


def _claim_late(
    connection: Connection, row: ProfileRow, *, now: datetime, owner: str, why_missed: str = NOT_RUNNING
) -> Claimed:
    """Claim for a profile that nobody ran when it was due: note what was missed, and make up for it once."""
    if row.next_due_at is None:
        raise LookupError(f"profile {row.id} is not due")
    due = iter(rules.due_between(row.recurrence(), row.next_due_at, now))
    kind: BackupKind | None = row.next_kind
    if _has_row(connection, row.id, row.next_due_at):
        # Claimed before a crash: that run goes its own way, and only what came after it was missed.
        first, kind = next(due, None), None
        if first is None:
            return Claimed(profile_id=row.id, due_at=row.next_due_at, seen_until=row.next_due_at)
    else:
        first = row.next_due_at
    plan = plan_catch_up(chain([first], due), now=now)
    if kind is not BackupKind.FULL:
        kind = plan_kind(row, plan.due_at, row.last_full_due_at, now=now)
    busy = open_of(connection, row.id) is not None
    for values in _late_rows(row, plan, kind, owner=owner, now=now, busy=busy, why_missed=why_missed):
        connection.execute(insert(runs).values(values).on_conflict_do_nothing())
    seen_until = max(filter(None, (plan.missed_until, plan.due_at)))
    return Claimed(profile_id=row.id, due_at=plan.due_at, seen_until=seen_until)


def take_queued(connection: Connection, *, owner: str) -> list[int]:
    """Make the runs that wait for no one in particular ours (started by hand, or left by a dead process)."""
    waiting = (runs.c.status == RunStatus.QUEUED.value) & runs.c.owner.is_(None)
    connection.execute(update(runs).where(waiting).values(owner=owner))
    statement = select(runs.c.id).where(runs.c.status == RunStatus.QUEUED.value, runs.c.owner == owner)
    return list(connection.execute(statement.order_by(runs.c.due_at, runs.c.id)).scalars())


def advance(connection: Connection, claimed: Iterable[Claimed], *, now: datetime) -> None:
    """Set the next instant of the profiles that were claimed, unless they were edited since.

    A profile whose schedule cannot be worked out has none.
    """
    by_id = {run.profile_id: run for run in claimed}
    rows = catalogue_profiles.by_ids(connection, sorted(by_id))
    # A full that has yet to end is taken for done. Should it fail, the next one is planned as full again.
    open_full = runs.c.status.in_(OPEN) & (runs.c.kind == BackupKind.FULL.value)
    waiting = connection.execute(select(runs.c.profile_id, runs.c.due_at).where(open_full))
    fulls: dict[int, datetime] = {run.profile_id: run.due_at for run in waiting}
    catalogue_profiles.schedule(
        connection,
        [
            _planned(row, by_id[row.id].seen_until, now=now, assuming_full_at=fulls.get(row.id))
            for row in rows
            if row.next_due_at is not None and row.next_due_at <= by_id[row.id].seen_until
        ],
    )


def refresh(connection: Connection, *, now: datetime) -> None:
    """Work out again what lies ahead: after the clock jumped, and at every start (zones change by decree).

    What ran while the clock was far ahead gives its instants free: they are still to come, and not what ran then. Where
    it was ahead by less, nothing is run twice.
    """
    ended_ahead = (runs.c.due_at > now + FAR_AHEAD) & runs.c.status.not_in(OPEN)
    moved = update(runs).where(ended_ahead).values(due_at=type_coerce(runs.c.due_at, BigInteger) + 1)
    connection.execute(moved.prefix_with("OR IGNORE"))
    catalogue_profiles.schedule(
        connection,
        [
            _planned(row, now, now=now)
            for row in catalogue_profiles.active(connection)
            if row.broken or row.next_due_at is None or row.next_due_at > now
        ],
    )


def _planned(
    row: ProfileRow, after: datetime, *, now: datetime, assuming_full_at: datetime | None = None
) -> tuple[int, datetime | None, BackupKind | None]:
    """Return what `next_due` does, and no instant where that cannot be worked out: the others go on."""
    try:
        return next_due(row, after, now=now, assuming_full_at=assuming_full_at)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is wrong with this profile alone
        _log.warning("a profile's schedule cannot be worked out", profile=row.name, error=str(error))
        return row.id, None, None


def next_due(
    row: ProfileRow, after: datetime, *, now: datetime, assuming_full_at: datetime | None = None
) -> tuple[int, datetime | None, BackupKind | None]:
    """Return a profile's id, its next instant after `after`, and the kind planned for it, as it looks `now`."""
    recurrence = row.recurrence()
    due = rules.next_due(recurrence, after)
    if due is None:
        return row.id, None, None
    # The one that is under way was claimed after the last one, whatever the clock said then.
    return row.id, due, plan_kind(row, due, assuming_full_at or row.last_full_due_at, now=now)


def plan_anew(connection: Connection, profile_id: int, *, now: datetime) -> None:
    """Work out again what a profile's next run takes, after something about its last full has changed."""
    row = catalogue_profiles.get(connection, profile_id)
    if row.next_due_at is not None and not row.broken:
        kind = plan_kind(row, row.next_due_at, row.last_full_due_at, now=now)
        catalogue_profiles.schedule(connection, [(row.id, row.next_due_at, kind)])


def plan_kind(row: ProfileRow, due_at: datetime, last_full_due: datetime | None, *, now: datetime) -> BackupKind:
    """Return the kind planned for a profile's run at this instant, as it looks `now`."""
    return planned_kind(
        incremental=row.fields["incremental"],
        renewal=row.renewal(),
        recurrence=row.recurrence(),
        last_full_due=last_full_due,
        due_at=due_at,
        now=now,
    )


def free_instant(connection: Connection, profile_id: int, at: datetime) -> datetime:
    """Return the first instant from `at` on at which a profile has no run: two started by hand may share a tick."""
    while _has_row(connection, profile_id, at):
        at += timedelta(microseconds=1)
    return at


def _has_row(connection: Connection, profile_id: int, due_at: datetime) -> bool:
    found = exists().where(runs.c.profile_id == profile_id, runs.c.due_at == due_at)
    return bool(connection.execute(select(found)).scalar())


def _late(connection: Connection, now: datetime) -> list[ProfileRow]:
    due = select(profiles.c.id).where(profiles.c.next_due_at < now - GRACE).order_by(profiles.c.next_due_at)
    return catalogue_profiles.by_ids(connection, list(connection.execute(due).scalars()))


def _late_rows(
    row: ProfileRow,
    plan: CatchUpPlan,
    kind: BackupKind,
    *,
    owner: str,
    now: datetime,
    busy: bool,
    why_missed: str,
) -> Iterator[dict[str, Any]]:
    shared: dict[str, Any] = {"profile_id": row.id, "profile": row.name, "kind": kind, "now": now}
    if plan.missed_from is not None:
        yield new_row(
            **shared,
            due_at=plan.missed_from,
            trigger=Trigger.SCHEDULE,
            owner=None,
            status=RunStatus.MISSED,
            summary=_missed(plan.missed_count, why_missed),
            missed_count=plan.missed_count,
            missed_until=plan.missed_until,
        )
    yield new_row(
        **shared,
        due_at=plan.due_at,
        trigger=plan.trigger,
        owner=owner,
        status=RunStatus.SKIPPED if busy else RunStatus.QUEUED,
        summary=SKIPPED if busy else "",
    )


def _missed(count: int, why: str) -> str:
    runs_missed = "1 run was missed" if count == 1 else f"{count} runs were missed"
    return f"{runs_missed}: {why}"
