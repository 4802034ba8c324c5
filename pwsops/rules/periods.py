"""Periods that people ask for: by name, or from one day to another, as the days of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pwsops.rules.wallclock import local_midnight

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 12, 31)
"""Between these every midnight is an instant that can be kept, in any zone."""
_WEEK_DAYS = 7


class PeriodName(StrEnum):
    """The periods that have a name."""

    TODAY = "today"
    WEEK = "7-days"
    MONTH = "last-month"


PERIOD_WORDS = {PeriodName.TODAY: "today", PeriodName.WEEK: "the last 7 days", PeriodName.MONTH: "last month"}


@dataclass(frozen=True, kw_only=True)
class Period:
    """From the first instant on, and before the second; None: without a beginning, or without an end."""

    since: datetime | None = None
    until: datetime | None = None


ALL_TIME = Period()


def days(name: PeriodName, now: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first and the last day of what a name means now, in a zone.

    Seven days are today and the six before it; last month is the calendar month before this one.
    """
    today = _today(now, zone)
    if name is PeriodName.MONTH:
        last = date.fromordinal(today.replace(day=1).toordinal() - 1)
        return last.replace(day=1), last
    return date.fromordinal(today.toordinal() - (_WEEK_DAYS - 1 if name is PeriodName.WEEK else 0)), today


def named(name: PeriodName, now: datetime, zone: ZoneInfo) -> Period:
    """Return what a name means now: whole days of a zone, which are 23 or 25 hours long where it changes its clocks."""
    return between(*days(name, now, zone), zone)


def between(first: date | None, last: date | None, zone: ZoneInfo) -> Period:
    """Return the period from one day to another, both included; None: without that end."""
    return Period(
        since=None if first is None else local_midnight(zone, first.toordinal()),
        until=None if last is None else local_midnight(zone, last.toordinal() + 1),
    )


def read_day(text: str) -> date | None:
    """Return the day that a text such as 2026-03-01 names; None where it names none, or one out of all bounds."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


def _today(now: datetime, zone: ZoneInfo) -> date:
    # Where clocks go back over midnight, yesterday's date comes again; the day that has begun goes on.
    today = now.astimezone(zone).date()
    tomorrow = date.fromordinal(today.toordinal() + 1)
    return tomorrow if now >= local_midnight(zone, tomorrow.toordinal()) else today
