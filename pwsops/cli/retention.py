"""`pwsops prune` and `pwsops hold`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli import parse
from pwsops.cli.output import AsJson, emit, note, say, table
from pwsops.cli.session import confirmed, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pwsops.operations.holds import HoldRow
    from pwsops.operations.retention import Retention, SetDecision

holds = typer.Typer(help="Backups that stay whatever a policy says, with what they stand on.", no_args_is_help=True)


def prune(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PROFILE", help="The profile's name.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: only show what goes and stays.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the backups that a profile's policy (--keep-…) keeps no longer; what it cannot remove it names."""
    with opened(context) as operations:
        found = operations.retention.preview(name)
        going = found.tried
        if not dry_run:
            if going:
                for database, why in [*found.hindrances.items(), *found.doubts.items()]:
                    note(f"{database}: {why}.")
                _confirm(name, going, yes=yes)
            # Also where nothing is to go: what an interrupted prune left is settled.
            found = operations.retention.prune(name, agreed=[one.set_id for one in going])
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.set_decision, found.sets))
        return
    if dry_run:
        _show(found)
    _sum_up(found, dry_run=dry_run)


def _confirm(name: str, going: Sequence[SetDecision], *, yes: bool) -> None:
    from pwsops.cli import words

    amount = f"{words.counted(len(going), 'backup')} of {name} ({words.size(sum(one.size_bytes for one in going))})"
    confirmed(
        f"This deletes {amount}; `pwsops prune --dry-run` names them.",
        name,
        yes=yes,
        refusal=f"Nothing of {name} was removed: it was not confirmed.",
    )


def _show(found: Retention) -> None:
    from pwsops.cli import words

    rows = (
        (
            one.action.value,
            one.database,
            words.kind(one.kind),
            words.moment(one.finished_at),
            words.size(one.size_bytes),
            one.path,
            one.reason,
        )
        for one in found.sets
    )
    headings = ("Action", "Database", "Kind", "Finished", "Size", "File", "Reason")
    table(headings, rows, right=("Size",), wraps=("File", "Reason"), empty="The profile has no backup.")


def _sum_up(found: Retention, *, dry_run: bool) -> None:
    from pwsops.cli import words
    from pwsops.operations.retention import Action

    removed, retained, gone = (found.having(each) for each in (Action.REMOVE, Action.RETAINED, Action.GONE))
    amount = words.size(sum(one.size_bytes for one in removed))
    verb = "Would remove" if dry_run else "Removed"
    if removed:
        say(f"{verb} {words.counted(len(removed), 'backup')} ({amount}).")
    elif not retained and not gone:
        say("There is nothing to remove.")
    if gone:
        say(f"Not there any more: {words.counted(len(gone), 'backup')}.")
    if retained:
        note(f"Retained, though no rule keeps them: {words.counted(len(retained), 'backup')}.")
    for database, why in found.hindrances.items():
        note(f"{database}: {why}.")
    if dry_run:
        for database, why in found.doubts.items():
            note(f"{database}: {why}.")
    else:
        for one in retained:
            if one.database not in found.hindrances:
                note(f"Retained {one.path}: {one.reason}.")
    for database, points in found.points.items():
        if points:
            oldest, newest = (words.moment(points[at].finished_at) for at in (-1, 0))
            span = f"from {oldest} to {newest}" if len(points) > 1 else f"of {newest}"
            say(f"{database} can be restored from {words.counted(len(points), 'backup')}, {span}.")
        else:
            note(f"{database} can be restored from none of these backups.")


@holds.command("add")
def add(
    context: typer.Context,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What it is kept for.", show_default=False)],
    run: Annotated[
        int | None, typer.Option(metavar="N", help="Hold every backup of this run.", show_default=False)
    ] = None,
    instance: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --set: the instance it is of.", show_default=False)
    ] = None,
    set_id: Annotated[
        str | None,
        typer.Option("--set", metavar="ID", help="Hold this backup (`pwsops media` shows it).", show_default=False),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="When it ends: 2027-01-31T00:00, of this machine's zone; default: never.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep backups, with what they stand on, whatever the policy says."""
    end = _moment(until)
    if (run is None) == (set_id is None) or (set_id is None) != (instance is None):
        raise typer.BadParameter("give a run, or an instance and a set of it.", param_hint="--run / --instance, --set")
    with opened(context) as operations:
        if run is not None:
            made = operations.holds.add_run(run, reason=reason, until=end)
        else:
            made = [operations.holds.add_set(instance or "", set_id or "", reason=reason, until=end)]
    _tell(made, as_json=as_json)


@holds.command("list")
def list_(
    context: typer.Context,
    instance: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this instance.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the holds in force, the newest first."""
    with opened(context) as operations:
        found = operations.holds.list(instance)
    _tell(found, as_json=as_json)


@holds.command("remove")
def remove(context: typer.Context, hold: Annotated[int, typer.Argument(metavar="HOLD", help="Its number.")]) -> None:
    """Take a hold back: the policy decides about its backup again."""
    with opened(context) as operations:
        operations.holds.remove(hold)
    say(f"Took back hold {hold}.")


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse.moment(text).astimezone(UTC)
    except parse.ParseError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None


def _tell(found: Sequence[HoldRow], *, as_json: bool) -> None:
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.hold, found))
        return
    rows = (
        (
            str(one.id),
            one.instance,
            one.database,
            str(one.run_id or words.NOTHING),
            words.moment(one.until) if one.until else "taken back",
            one.actor,
            one.reason,
            one.path,
        )
        for one in found
    )
    headings = ("Hold", "Instance", "Database", "Run", "Until", "By", "Reason", "File")
    table(headings, rows, right=("Hold", "Run"), wraps=("Reason", "File"), empty="No backup is held.")
