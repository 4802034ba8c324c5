"""`pwsops report`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from pwsops.cli import parse
from pwsops.cli.output import say
from pwsops.cli.session import opened
from pwsops.reports.formats import ReportFormat


def read_moment(text: str) -> datetime:
    """Read a moment of an option; raises `BadParameter`."""
    try:
        return parse.moment(text)
    except parse.ParseError as error:
        raise typer.BadParameter(str(error)) from None


def read_zone(text: str) -> str:
    """Read a time zone of an option; raises `BadParameter`."""
    try:
        return parse.timezone(text)
    except parse.ParseError as error:
        raise typer.BadParameter(str(error)) from None


Zone = Annotated[
    str | None,
    typer.Option(
        parser=read_zone,
        metavar="ZONE",
        help="The zone of times that carry no offset; default: this machine's.",
        show_default=False,
    ),
]


def report(
    context: typer.Context,
    form: Annotated[
        ReportFormat,
        typer.Option("--format", help="csv, xlsx and parquet have a run a row; html and evidence are to be read."),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.", show_default=False)],
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            parser=read_moment,
            metavar="TIME",
            help="Runs due from then on; default: the first.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--to",
            parser=read_moment,
            metavar="TIME",
            help="Runs due before then; a date alone is its midnight. Default: now.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this profile's runs.", show_default=False)
    ] = None,
    timezone: Zone = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write the history into a file: a table, a document, or evidence for an auditor."""
    from pwsops.operations.reports import ReportQuery

    query = ReportQuery(since=aware(since, timezone), until=aware(until, timezone), profile=profile)
    with opened(context) as operations:
        count = operations.reports.write(form, output, query, replace=force)
    say(f"{output} holds {count:,} {'run' if count == 1 else 'runs'}.")


def aware(told: datetime | None, zone: str | None) -> datetime | None:
    """Return a moment with its zone: its own offset, the zone that was named, or this machine's."""
    if told is None or told.tzinfo is not None:
        return told
    return told.astimezone() if zone is None else told.replace(tzinfo=ZoneInfo(zone))
