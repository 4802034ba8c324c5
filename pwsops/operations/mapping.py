"""From the catalogue's rows to the records that are handed out."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.catalogue import Connection, RunRow, runs
from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.requests import Progress
from pwsops.operations.records import ItemView, ProfileView, RunMeasure, RunView
from pwsops.rules import breaker
from pwsops.rules.model import BackupKind, Health, Message, RunStatus, Trigger
from pwsops.rules.recurrence import describe


def run_views(
    connection: Connection, rows: Sequence[RunRow], *, with_items: bool = True, with_messages: bool = False
) -> list[RunView]:
    """Return runs with their items, unless told otherwise, and the items' messages where asked for."""
    if not with_items:
        return [_run(row, ()) for row in rows]
    items = runs.items(connection, [row["id"] for row in rows])
    messages: dict[int, list[Message]] = {}
    if with_messages:
        messages = runs.messages_of(connection, [item["id"] for of_run in items.values() for item in of_run])
    return [_run(row, [_item(item, messages.get(item["id"], [])) for item in items[row["id"]]]) for row in rows]


def run_measure(row: RunRow) -> RunMeasure:
    """Return what a run took and wrote."""
    started, finished = row["started_at"], row["finished_at"]
    return RunMeasure(
        run_id=row["id"],
        due_at=row["due_at"],
        status=RunStatus(row["status"]),
        kind=BackupKind(row["kind"]),
        duration_s=None if started is None or finished is None else (finished - started).total_seconds(),
        size_bytes=row["size_bytes"] or None,
    )


def profile_view(row: ProfileRow, *, last: RunView | None, running: RunView | None, without: str = "") -> ProfileView:
    """Return one row of the list of profiles; `without` says what its instance lacks to run it."""
    fields = row.fields
    broken = row.broken or without
    return ProfileView(
        id=row.id,
        name=row.name,
        instance=fields["instance"],
        databases=tuple(fields["databases"]),
        directory=fields["directory"],
        state=row.state,
        health=Health.RED if broken else breaker.health(row.state, last.status if last else None),
        schedule=_schedule(row),
        incremental=fields["incremental"],
        next_due_at=None if row.broken else row.next_due_at,
        next_kind=row.next_kind if row.next_due_at and not row.broken else None,
        last_run=last,
        running=running,
        failures_in_a_row=row.failures_in_a_row,
        tripped_at=row.tripped_at,
        red_databases=tuple(name for name, count in row.database_failures.items() if breaker.trips(count)),
        broken=broken,
    )


def _schedule(row: ProfileRow) -> str:
    if row.broken:
        return "cannot be worked out"
    return describe(row.recurrence(), incremental=row.fields["incremental"], renewal=row.renewal())


def _run(row: RunRow, items: Sequence[ItemView]) -> RunView:
    progress = None
    if row["progress_phase"] is not None:
        progress = Progress(
            phase=row["progress_phase"], done_bytes=row["progress_done"], total_bytes=row["progress_total"]
        )
    return RunView(
        id=row["id"],
        profile=row["profile"],
        due_at=row["due_at"],
        status=RunStatus(row["status"]),
        kind=BackupKind(row["kind"]),
        trigger=Trigger(row["trigger"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        summary=row["summary"],
        missed_count=row["missed_count"],
        missed_until=row["missed_until"],
        items=tuple(items),
        progress=progress,
    )


def _item(row: RunRow, messages: Sequence[Message]) -> ItemView:
    values = {key: row[key] for key in ItemView.__dataclass_fields__ if key != "messages"}
    values["status"] = RunStatus(values["status"])
    values["kind"] = values["kind"] and BackupKind(values["kind"])
    return ItemView(**values, messages=tuple(messages))
