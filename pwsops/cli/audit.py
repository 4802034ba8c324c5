"""`pwsops audit`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.output import AsJson, emit, note, say, table
from pwsops.cli.period_options import Named, Since, Until, Zone, check, period
from pwsops.cli.session import confirmed, opened

if TYPE_CHECKING:
    from pwsops.operations.audit_log import Verification

CHANGED = 3
"""The exit code where the log is not what was written."""
NOT_CHECKED = 4
"""The exit code where part of it could not be checked."""

app = typer.Typer(help="Who did what, when; and whether the log of it is whole.", no_args_is_help=True)


def _text(name: str, explained: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(name, metavar="TEXT", help=explained, show_default=False)
    return found


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many entries, the newest first.")] = 100,
    named: Named = None,
    since: Since = None,
    until: Until = None,
    actor: Annotated[str, _text("--actor", "Only by whom it is found in: the name, or the system's user.")] = "",
    action: Annotated[str, _text("--action", "Only this action.")] = "",
    subject: Annotated[str, _text("--subject", "Only on what it is found in, or in the detail.")] = "",
    timezone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """List who did what, and when."""
    from pwsops.cli import words
    from pwsops.operations import json_shapes
    from pwsops.operations.audit_log import AuditQuery

    check(named, since, until)
    with opened(context) as operations:
        asked = period(operations, named, since, until, timezone)
        query = AuditQuery(since=asked.since, until=asked.until, actor=actor, action=action, subject=subject)
        entries = operations.audit.list(limit, query)

    if as_json:
        emit(map(json_shapes.audit_entry, entries))
        return
    table(
        ("Entry", "When", "Who", "As user", "What", "On", "Detail"),
        (
            (str(row.id), words.moment(row.at), row.actor, row.system_user, row.action, row.subject, row.detail)
            for row in entries
        ),
        right=("Entry",),
        wraps=("On", "Detail"),
        empty="Nothing that fits has been done yet.",
    )


@app.command("verify")
def verify(
    context: typer.Context,
    heads: Annotated[
        list[Path] | None,
        typer.Option(help="A file of heads to compare with as well, such as a copy of it.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the log with its digests and with every head of it that left the home.

    Exit 0: whole. Exit 3: it is not what was written. Exit 4: part of it could not be checked, or was acknowledged.
    """
    from pwsops.operations.audit_log import AuditState

    with opened(context) as operations:
        found = operations.audit.verify_with(heads) if heads else operations.audit.verify()
        problem = operations.audit.problem()
    if as_json:
        from pwsops.operations import json_shapes

        emit([json_shapes.verification(found)])
    else:
        for line in _lines(found):
            say(line)
    if problem:
        note(problem)
    if found.state is not AuditState.WHOLE:
        raise typer.Exit(CHANGED if found.state is AuditState.CHANGED else NOT_CHECKED)


@app.command("acknowledge")
def acknowledge(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="What happened, and who knows.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without being asked.")] = False,
) -> None:
    """Write into the log that what a verification finds now is explained; it is told as acknowledged from then on.

    That covers heads that contradict the log, and a log that was begun anew. It never makes the log whole.
    """
    with opened(context) as operations:
        confirmed("What is wrong with the audit log is acknowledged.", "all", yes=yes, refusal="Nothing was written.")
        operations.audit.acknowledge(reason)
    say("It stands in the log, and its head has left the home.")


@app.command("new-key")
def new_key(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without being asked.")] = False,
) -> None:
    """Use a new key for the log from now on: the former one is lost, or known to others.

    Where the former one cannot be had any more, what it covers cannot be checked any more either.
    """
    with opened(context) as operations:
        confirmed("The log gets a new key.", "new", yes=yes, refusal="The log keeps its key.")
        number = operations.audit.begin_new_key()
    say(f"Entries are written with key {number} of the log from now on.")


def _lines(found: Verification) -> Iterator[str]:
    yield f"The audit log is {found.summary}." if not found.findings else f"The audit log: {found.state.value}."
    yield from (f"- {finding.text}" for finding in found.findings)
    if found.left_out:
        yield f"- and {found.left_out:,} more findings."
    for name, count in found.sources.items():
        yield f"Compared with {count:,} heads in {name}."
    if found.caveat:
        yield found.caveat
    if found.last:
        yield f"The newest digest, of entry {found.last}: {found.head}"
