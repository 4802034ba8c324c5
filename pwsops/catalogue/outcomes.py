"""What became of items and runs, and what that means for the profile: each function is part of one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from pwsops.catalogue import audit, claims, damage, profiles, runs, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.runs import RunRow
from pwsops.catalogue.schema import runs as run_table
from pwsops.errors import Cancelled, DatabaseDamaged, PwsopsError
from pwsops.rules import breaker
from pwsops.rules.chain import is_ahead
from pwsops.rules.model import BackupKind, BackupSet, Message, ProfileState, RunStatus
from pwsops.rules.run_summary import counted

SERVICE = audit.SERVICE


def item_succeeded(
    connection: Connection,
    profile: ProfileRow,
    run_id: int,
    item_id: int,
    backup_set: BackupSet,
    *,
    reason: str,
    messages: Sequence[Message],
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
    runs.add_messages(connection, item_id, messages)
    if backup_set.is_checked:
        damage.clear(connection, instance, backup_set.database, run_id=run_id)


def item_failed(
    connection: Connection,
    item_id: int,
    error: PwsopsError,
    *,
    messages: Sequence[Message],
    now: datetime,
    look_again_at: datetime | None = None,
) -> None:
    """Keep what went wrong with an item, or that somebody stopped it.

    `look_again_at`: when to look whether its backup was finished all the same; None: it is known that it was not.
    """
    cancelled = isinstance(error, Cancelled)
    status = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
    runs.change_item(
        connection,
        item_id,
        status=status.value,
        finished_at=now,
        error=error.message,
        hint=error.hint,
        look_again_at=look_again_at,
    )
    if isinstance(error, DatabaseDamaged):
        damage.note(connection, item_id, error.message, now=now)
    runs.add_messages(connection, item_id, [*messages, *(error.messages or [_as_message(error, cancelled, now)])])


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


def item_found_damaged(connection: Connection, item_id: int, error: DatabaseDamaged, *, now: datetime) -> None:
    """Note of an item that failed that its backup was finished, but of a damaged database."""
    runs.change_item(connection, item_id, error=error.message, hint=error.hint, look_again_at=None)
    damage.note(connection, item_id, error.message, now=now)
    runs.add_messages(connection, item_id, [_as_message(error, False, now)])


def item_found(
    connection: Connection, profile: ProfileRow, run: RunRow, item: RunRow, found: BackupSet, *, now: datetime
) -> None:
    """Correct what an item that failed came to: its backup was finished after all, and what follows from that.

    The run's end, the breaker's counts and the plan are what they would have been; a profile that only this failure
    switched off is active again.
    """
    when = f"{found.finished_at:%Y-%m-%d %H:%M:%S} UTC"
    reason = f"found finished at {when}; the run had failed, because its end was not known"
    messages = [Message(text=f"What was told before: {item['error']}", at=now)]
    item_succeeded(connection, profile, run["id"], item["id"], found, reason=reason, messages=messages, now=now)
    runs.change_item(connection, item["id"], error="", hint="", look_again_at=None)
    items = runs.items(connection, [run["id"]])[run["id"]]
    status = _status(items)
    size = sum(each["size_bytes"] or 0 for each in items)
    runs.change(connection, run["id"], status=status.value, summary=_summary(status, items), size_bytes=size)
    audit.append(
        connection,
        at=now,
        actor=SERVICE,
        action="backup found",
        subject=f"{profile.fields['instance']}/{item['database']}",
        detail=f"run {run['id']}: {reason}",
    )
    if run["kind"] == BackupKind.FULL.value:
        _plan_after_full(connection, profile, run, succeeded=True, now=now)
    _recount(connection, profile, run["id"], item["database"], now=now)


def _recount(connection: Connection, profile: ProfileRow, run_id: int, database: str, *, now: datetime) -> None:
    """Count the failures in a row from a run on in which something succeeded after all."""
    failures = min(profile.failures_in_a_row, runs.failed_after(connection, profile.id, run_id))
    since = min(
        profile.database_failures.get(database, 0), runs.failed_items_after(connection, profile.id, run_id, database)
    )
    counts = dict(profile.database_failures) | {database: since}
    profiles.set_state(
        connection,
        profile.id,
        failures_in_a_row=failures,
        database_failures={name: count for name, count in counts.items() if count},
    )
    if profile.state is ProfileState.TRIPPED and not breaker.trips(failures):
        _arm(connection, profile.id, run_id, now=now)


def _arm(connection: Connection, profile_id: int, run_id: int, *, now: datetime) -> None:
    profiles.set_state(connection, profile_id, state=ProfileState.ACTIVE.value, tripped_at=None)
    profile = profiles.get(connection, profile_id)
    if not profile.broken:
        profiles.schedule(connection, [claims.next_due(profile, now, now=now)])
    audit.append(
        connection,
        at=now,
        actor=SERVICE,
        action="activate profile",
        subject=profile.name,
        detail=f"it was switched off for failures of which one, run {run_id}, was found finished",
    )


def run_unstarted(connection: Connection, run_id: int, error: PwsopsError, *, now: datetime) -> RunStatus:
    """End a queued run that cannot be started as failed, with the cause at each of its databases; gives its status.

    It counts for the breaker as any failed run does. Asks nothing of the row but who it belongs to: the row itself may
    be what cannot be read.
    """
    found = connection.execute(select(run_table.c.status, run_table.c.profile_id).where(run_table.c.id == run_id)).one()
    if found.status != RunStatus.QUEUED.value:
        return RunStatus(found.status)
    profile = profiles.get(connection, found.profile_id)
    runs.change(
        connection,
        run_id,
        status=RunStatus.FAILED.value,
        started_at=now,
        finished_at=now,
        summary=error.message if profile.fields["databases"] else f"{error.message} {error.hint}",
    )
    for item_id in runs.add_items(connection, run_id, profile.fields["databases"]):
        item_failed(connection, item_id, error, messages=[], now=now)
    items = runs.items(connection, [run_id])[run_id]
    _count_failures(connection, profile, RunStatus.FAILED, items, now=now)
    return RunStatus.FAILED


def _status(items: Sequence[RunRow]) -> RunStatus:
    found = {RunStatus(item["status"]) for item in items}
    if RunStatus.FAILED in found:
        return RunStatus.FAILED
    return RunStatus.CANCELLED if RunStatus.CANCELLED in found else RunStatus.SUCCEEDED


def _summary(status: RunStatus, items: Sequence[RunRow]) -> str:
    affected = [item for item in items if item["status"] == status.value]
    if status is RunStatus.SUCCEEDED:
        reasons = sorted({item["reason"] for item in items if item["reason"]})
        return "; ".join(reasons)
    if len(items) == 1:
        return str(affected[0]["error"])
    return f"{counted(status, [RunStatus(item['status']) for item in items])}: {affected[0]['error']}"


def _count(connection: Connection, run: RunRow, status: RunStatus, items: Sequence[RunRow], *, now: datetime) -> None:
    profile = profiles.get(connection, run["profile_id"])
    if run["kind"] == BackupKind.FULL.value:
        succeeded = any(item["status"] == RunStatus.SUCCEEDED.value for item in items)
        _plan_after_full(connection, profile, run, succeeded=succeeded, now=now)
    _count_failures(connection, profile, status, items, now=now)


def _count_failures(
    connection: Connection, profile: ProfileRow, status: RunStatus, items: Sequence[RunRow], *, now: datetime
) -> None:
    succeeded = any(item["status"] == RunStatus.SUCCEEDED.value for item in items)
    failures = breaker.after_run(profile.failures_in_a_row, status, succeeded)
    profiles.set_state(
        connection,
        profile.id,
        failures_in_a_row=failures,
        database_failures=_database_failures(profile, items),
    )
    if profile.state is ProfileState.ACTIVE and breaker.trips(failures) and failures > profile.failures_in_a_row:
        _trip(connection, profile, failures, now=now)


def _database_failures(profile: ProfileRow, items: Sequence[RunRow]) -> dict[str, int]:
    counts = {}
    for item in items:
        name = item["database"]
        status = RunStatus(item["status"])
        before = profile.database_failures.get(name, 0)
        counts[name] = breaker.after_run(before, status, status is RunStatus.SUCCEEDED)
    return {name: count for name, count in counts.items() if count and name in profile.fields["databases"]}


def _plan_after_full(
    connection: Connection, profile: ProfileRow, run: RunRow, *, succeeded: bool, now: datetime
) -> None:
    if succeeded and runs.is_at_its_place(connection, run["id"]) and _counts_as_last(profile, run, now):
        profiles.set_state(connection, profile.id, last_full_due_at=run["due_at"])
    claims.plan_anew(connection, profile.id, now=now)


def _counts_as_last(profile: ProfileRow, run: RunRow, now: datetime) -> bool:
    if profile.last_full_due_at is None:
        # An edit may have asked for a new chain while the run went on: what it took may lie where the profile was.
        return bool(profile.amended_at <= run["started_at"])
    if is_ahead(profile.last_full_due_at, now):
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
