"""`pwsops run` and `pwsops runs`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.output import AsJson, complain, emit, note, say, table
from pwsops.cli.period_options import Named, Since, Until, Zone, check, period
from pwsops.cli.session import opened
from pwsops.rules.model import BackupKind, RunStatus

if TYPE_CHECKING:
    from pwsops.operations import Operations
    from pwsops.operations.records import RunView


class Kind(StrEnum):
    """A backup's kind, in the words people use."""

    FULL = "full"
    INCREMENTAL = "incremental"


_KINDS = {Kind.FULL: BackupKind.FULL, Kind.INCREMENTAL: BackupKind.DIFFERENTIAL}


def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.", show_default=False)],
    kind: Annotated[Kind | None, typer.Option(help="Default: what is due.", show_default=False)] = None,
    here: Annotated[bool, typer.Option("--here", help="Do it in this process; needs no service.")] = False,
) -> None:
    """Run a profile now and wait for the end. Exit 1 when it does not succeed."""
    asked = None if kind is None else _KINDS[kind]
    with opened(context) as operations:
        ended = _here(operations, name, asked) if here else _by_service(operations, name, asked)
    _tell_end(ended)
    if ended.status is not RunStatus.SUCCEEDED:
        raise typer.Exit(1)


def _here(operations: Operations, name: str, kind: BackupKind | None) -> RunView:
    from pwsops.cli import progress

    with progress.shown() as tell:
        return operations.runs.run_here(name, kind, progress.of_run(tell))


def _by_service(operations: Operations, name: str, kind: BackupKind | None) -> RunView:
    from pwsops.cli import progress

    queued = operations.runs.start(name, kind)
    try:
        with progress.shown() as tell:
            return operations.runs.wait(queued.id, progress.of_run(tell))
    except KeyboardInterrupt:
        note(f"No longer waiting; run {queued.id} goes on in the service, and `pwsops runs` shows how it ends.")
        raise


def _tell_end(ended: RunView) -> None:
    from pwsops.cli import words

    done = f"Run {ended.id} of {ended.profile}: {ended.status.value}"
    took = f" in {words.duration(ended.duration_s)}" if ended.duration_s is not None else ""
    say(f"{done}{took}.{f' {ended.gist}.' if ended.gist else ''}")
    for item in ended.items:
        if item.status is RunStatus.SUCCEEDED:
            why = f" ({item.reason})" if item.reason else ""
            say(f"{item.database}: {words.kind(item.kind)}{why}, {words.size(item.size_bytes)}, {item.path}")
        elif item.error:
            complain(f"{item.database}: {item.error}", item.hint, item.further_messages)


def runs(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="Only this profile's.", show_default=False)] = None,
    status: Annotated[RunStatus | None, typer.Option(help="Only those that stand so.", show_default=False)] = None,
    named: Named = None,
    since: Since = None,
    until: Until = None,
    timezone: Zone = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the history."""
    check(named, since, until)
    with opened(context) as operations:
        asked = period(operations, named, since, until, timezone)
        views = operations.runs.list(profile=profile, status=status, limit=limit, period=asked)
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.run, views))
        return
    rows = (
        (
            str(view.id),
            view.profile,
            words.moment(view.due_at),
            words.run_status(view.status),
            words.kind(view.kind),
            view.trigger.value.replace("_", " "),
            words.duration(view.duration_s),
            words.size(sum(item.size_bytes or 0 for item in view.items)) if view.items else words.NOTHING,
            view.summary,
        )
        for view in views
    )
    headings = ("Run", "Profile", "Due", "Status", "Kind", "Trigger", "Took", "Size", "Summary")
    table(headings, rows, right=("Run", "Took", "Size"), wraps=("Profile", "Summary"), empty="There is no such run.")
