"""What became of items and runs, and what that means for the profile: each function is part of one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from pwsops.catalogue import audit, claims, profiles, runs, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.errors import Cancelled, PwsopsError
from pwsops.rules import breaker
from pwsops.rules.model import SKEW, BackupKind, BackupSet, Message, ProfileState, RunStatus

SERVICE = "backup service"


def item_succeeded(
    connection: Connection,
    profile: ProfileRow,
    run_id: int,
    item_id: int,
    backup_set: BackupSet,
    *,
    reason: str,
    told: Sequence[Message],
    now: datetime,
    replaced: Sequence[str] = (),
) -> None:
    """Keep a set that was taken, and what was said on the way; `replaced` are the media that went for it."""
    instance = profile.fields["instance"]
    sets.mark_replaced(connection, replaced, instance=instance, now=now)
    sets.add(connection, backup_set, instance=instance, profile_id=profile.id, run_id=run_id, now=now, proven=True)
    runs.change_item(
        connection,
        item_id,
        status=RunStatus.SUCCEEDED.value,
        finished_at=now,
        kind=backup_set.kind.value,
        reason=reason,
        path=backup_set.path,
        set_id=backup_set.set_id,
        size_bytes=backup_set.size_bytes,
    )
    runs.add_messages(connection, item_id, told)


def item_failed(
    connection: Connection, item_id: int, error: PwsopsError, *, told: Sequence[Message], now: datetime
) -> None:
    """Keep what went wrong with an item, or that somebody stopped it."""
    cancelled = isinstance(error, Cancelled)
    status = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
    runs.change_item(connection, item_id, status=status.value, finished_at=now, error=error.message, hint=error.hint)
    runs.add_messages(connection, item_id, [*told, *(error.messages or [_as_message(error, cancelled, now)])])


def _as_message(error: PwsopsError, cancelled: bool, now: datetime) -> Message:
    return Message(text=error.message, at=now, number=error.number, severity=error.severity, is_error=not cancelled)


def run_finished(connection: Connection, run_id: int, *, now: datetime) -> RunStatus:
    """End a run by what its items came to, count for the breaker, and plan what comes next; gives its status."""
    run = runs.get(connection, run_id)
    if run is None:
        raise LookupError(f"run {run_id} is not in the catalogue")
    if RunStatus(run["status"]).ended:
        return RunStatus(run["status"])  # counted already
    items = runs.items(connection, [run_id])[run_id]
    status = _status(items)
    runs.change(
        connection,
        run_id,
        status=status.value,
        finished_at=now,
        summary=_summary(status, items),
        size_bytes=sum(item["size_bytes"] or 0 for item in items),
        progress_phase=None,
        progress_done=None,
        progress_total=None,
    )
    _count(connection, run, status, items, now=now)
    return status


def _status(items: Sequence[RowMapping]) -> RunStatus:
    found = {RunStatus(item["status"]) for item in items}
    if RunStatus.FAILED in found:
        return RunStatus.FAILED
    return RunStatus.CANCELLED if RunStatus.CANCELLED in found else RunStatus.SUCCEEDED


def _summary(status: RunStatus, items: Sequence[RowMapping]) -> str:
    affected = [item for item in items if item["status"] == status.value]
    if status is RunStatus.SUCCEEDED:
        reasons = sorted({item["reason"] for item in items if item["reason"]})
        return "; ".join(reasons)
    if len(items) == 1:
        return str(affected[0]["error"])
    verb = "failed" if status is RunStatus.FAILED else "cancelled"
    return f"{len(affected)} of {len(items)} {verb}: {affected[0]['error']}"


def _count(
    connection: Connection, run: RowMapping, status: RunStatus, items: Sequence[RowMapping], *, now: datetime
) -> None:
    profile = profiles.get(connection, run["profile_id"])
    succeeded = any(item["status"] == RunStatus.SUCCEEDED.value for item in items)
    failures = breaker.after_run(profile.failures_in_a_row, status, succeeded)
    profiles.set_state(
        connection,
        profile.id,
        failures_in_a_row=failures,
        database_failures=_database_failures(profile, items),
    )
    if run["kind"] == BackupKind.FULL.value:
        _plan_after_full(connection, profile, run, succeeded=succeeded, now=now)
    if profile.state is ProfileState.ACTIVE and breaker.trips(failures) and failures > profile.failures_in_a_row:
        _trip(connection, profile, failures, now=now)


def _database_failures(profile: ProfileRow, items: Sequence[RowMapping]) -> dict[str, int]:
    counts = {}
    for item in items:
        name = item["database"]
        status = RunStatus(item["status"])
        before = profile.database_failures.get(name, 0)
        counts[name] = breaker.after_run(before, status, status is RunStatus.SUCCEEDED)
    return {name: count for name, count in counts.items() if count and name in profile.fields["databases"]}


def _plan_after_full(
    connection: Connection, profile: ProfileRow, run: RowMapping, *, succeeded: bool, now: datetime
) -> None:
    if succeeded and _counts_as_last(profile, run, now):
        profiles.set_state(connection, profile.id, last_full_due_at=run["due_at"])
    claims.plan_anew(connection, profile.id, now=now)


def _counts_as_last(profile: ProfileRow, run: RowMapping, now: datetime) -> bool:
    if profile.last_full_due_at is None:
        # An edit may have asked for a new chain while the run went on: what it took may lie where the profile was.
        return bool(profile.amended_at <= run["started_at"])
    if profile.last_full_due_at > now + SKEW:
        # A clock that was ahead dated that one; whatever comes after it in the order of claims is newer.
        return True
    return bool(profile.last_full_due_at < run["due_at"])


def _trip(connection: Connection, profile: ProfileRow, failures: int, *, now: datetime) -> None:
    profiles.set_state(connection, profile.id, state=ProfileState.TRIPPED.value, tripped_at=now, next_due_at=None)
    audit.append(
        connection,
        at=now,
        actor=SERVICE,
        action="trip profile",
        subject=profile.name,
        detail=f"switched off after {failures} failed runs in a row",
    )
