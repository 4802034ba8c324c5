"""The options of a period, the same wherever a command takes one: by name, or from one time to another."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pwsops.cli import parse
from pwsops.rules.periods import Period, PeriodName

if TYPE_CHECKING:
    from pwsops.operations import Operations


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


Named = Annotated[
    PeriodName | None,
    typer.Option("--period", help="Today, today and the six days before, or the last month.", show_default=False),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        parser=read_moment,
        metavar="TIME",
        help="From then on; a date alone is its midnight. Default: from the first.",
        show_default=False,
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--to",
        parser=read_moment,
        metavar="TIME",
        help="Before then; a date alone is its midnight. Default: until now.",
        show_default=False,
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        parser=read_zone,
        metavar="ZONE",
        help="The zone of days, and of times that carry no offset; default: this machine's.",
        show_default=False,
    ),
]


def check(name: PeriodName | None, since: datetime | None, until: datetime | None) -> None:
    """Raise `BadParameter` where a period is given in both ways: one of them would be left out in silence."""
    if name is not None and (since is not None or until is not None):
        raise typer.BadParameter("Give --period, or --from and --to, not both.", param_hint="--period")


def period(
    operations: Operations, name: PeriodName | None, since: datetime | None, until: datetime | None, zone: str | None
) -> Period:
    """Return the period that the options mean now."""
    if name is not None:
        return operations.reports.period(name, zone or "")
    return Period(since=aware(since, zone), until=aware(until, zone))


def aware(moment: datetime | None, zone: str | None) -> datetime | None:
    """Return a moment with its zone: its own offset, the zone that was named, or this machine's."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=ZoneInfo(zone))
