"""`pwsops report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pwsops.cli.output import say
from pwsops.cli.period_options import Named, Since, Until, Zone, check, period
from pwsops.cli.session import opened
from pwsops.reports.formats import ReportFormat


def report(
    context: typer.Context,
    form: Annotated[
        ReportFormat,
        typer.Option("--format", help="csv, xlsx and parquet have a run a row; html and evidence are to be read."),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.", show_default=False)],
    named: Named = None,
    since: Since = None,
    until: Until = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this profile's runs.", show_default=False)
    ] = None,
    timezone: Zone = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write the history into a file: a table, a document, or evidence for an auditor."""
    from pwsops.operations.reports import ReportQuery

    check(named, since, until)
    with opened(context) as operations:
        asked = period(operations, named, since, until, timezone)
        query = ReportQuery(since=asked.since, until=asked.until, profile=profile)
        count = operations.reports.write(form, output, query, replace=force)
    say(f"{output} holds {count:,} {'run' if count == 1 else 'runs'}.")
