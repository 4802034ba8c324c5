"""What the options of a profile mean. Pure: text in, plain values out, `ParseError` with the valid form."""

from __future__ import annotations

import os
import re
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pwsops.errors import InvalidInput
from pwsops.rules.model import Unit
from pwsops.rules.span import parse_span
from pwsops.rules.validity import is_zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_TIME_LIMIT_H = 720.0

# A moment of the very first or last year may have none in another zone.
_FIRST_YEAR = 2
_LAST_YEAR = 9998

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = {name: number for names in (WEEKDAYS, _NAMES) for number, name in enumerate(names)}
_EVERY = re.compile(r"([1-9][0-9]{0,5})(mo|m|h|d|w)")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DAY = re.compile(r"[1-9]|[12][0-9]|3[01]")


class ParseError(ValueError):
    """A value that cannot be read; the message says which form can."""


class Interval(NamedTuple):
    """Every how many of which unit."""

    every: int
    unit: Unit


class Window(NamedTuple):
    """First and last time of a day, both included; both None is the whole day."""

    first: time | None
    last: time | None


def every(text: str) -> Interval:
    """Read ``15m``, ``1h``, ``1d``, ``2w`` or ``3mo``."""
    found = _EVERY.fullmatch(text.strip().lower())
    if found is None:
        raise ParseError(f"{text!r} is not an interval; give a whole number from 1 and a unit: 15m, 1h, 1d, 2w or 3mo.")
    return Interval(int(found[1]), Unit(found[2]))


def at(text: str) -> time:
    """Read a time of day such as ``02:30``."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ParseError(f"{text!r} is not a time of day; give hours and minutes: 02:30.")
    return time(int(found[1]), int(found[2]))


def between(text: str) -> Window:
    """Read a window such as ``06:00-22:00``; ``all`` is the whole day."""
    if text.strip().lower() == "all":
        return Window(None, None)
    first, dash, last = text.partition("-")
    try:
        if dash:
            return Window(at(first), at(last))
    except ParseError:
        pass
    raise ParseError(f"{text!r} is not a window of the day; give its first and last time: 06:00-22:00 (or all).")


def on(text: str) -> list[int]:
    """Read weekdays such as ``mon,wed`` into numbers, Monday 0, in order; ``all`` is no choice: an empty list."""
    if text.strip().lower() == "all":
        return []
    names = [name.strip().lower() for name in text.split(",")]
    if not all(name in _WEEKDAY for name in names):
        raise ParseError(f"{text!r} does not name weekdays; give them with commas: mon,wed (or all).")
    return sorted({_WEEKDAY[name] for name in names})


def moment(text: str) -> datetime:
    """Read a moment such as ``2026-03-01T00:00``; naive unless it carries an offset. A date alone is its midnight."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            return moment
    except ValueError:
        pass
    raise ParseError(
        f"{text!r} is not a moment; give a date and a time: 2026-03-01T00:00 (an offset such as +01:00 may follow)."
    )


def until(text: str) -> date | None:
    """Read a date such as ``2026-12-31``; ``never`` is no end."""
    if text.strip().lower() == "never":
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ParseError(f"{text!r} is not a date; give year, month and day: 2026-12-31 (or never).") from None


def timezone(text: str) -> str:
    """Check that a time zone is known by its IANA name."""
    name = text.strip()
    if not is_zone(name):
        raise ParseError(f"{text!r} is not a known time zone; give an IANA name: Europe/Berlin.")
    return name


def renew_full(text: str) -> str:
    """Read ``weekly[:sun]``, ``monthly[:1]`` or ``never``, into the form with its day."""
    period, colon, day = text.strip().lower().partition(":")
    if period == "never" and not colon:
        return "never"
    if period == "weekly" and (not colon or day in _WEEKDAY):
        return f"weekly:{WEEKDAYS[_WEEKDAY[day or 'sun']]}"
    if period == "monthly" and (not colon or _DAY.fullmatch(day)):
        return f"monthly:{day or '1'}"
    raise ParseError(
        f"{text!r} is not a renewal of the full; give weekly, weekly:sun, monthly, monthly:1 (a day to 31) or never."
    )


def on_day(text: str) -> str:
    """Read a day of the month: ``15``, ``first:mon`` or ``last:fri``."""
    asked = text.strip().lower()
    which, _, weekday = asked.partition(":")
    if _DAY.fullmatch(asked):
        return asked
    if which in ("first", "last") and weekday in _WEEKDAY:
        return f"{which}:{WEEKDAYS[_WEEKDAY[weekday]]}"
    raise ParseError(f"{text!r} is not a day of the month; give 15 (1 to 31), first:mon or last:fri.")


def time_limit(text: str) -> float:
    """Read a run's time limit in hours."""
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0.01 <= hours <= MAX_TIME_LIMIT_H:
        raise ParseError(f"{text!r} is not a time limit; give hours, from 0.01 to {MAX_TIME_LIMIT_H:g}: 24.")
    return hours


def encrypt_with(text: str) -> str:
    """Read a certificate's name; ``none`` is no encryption."""
    return "" if text.strip().lower() == "none" else text.strip()


def keep_within(text: str) -> str:
    """Read for how long backups are kept; ``none`` is no such rule."""
    written = text.strip().lower()
    try:
        return "" if written == "none" or parse_span(written) is None else written
    except InvalidInput as error:
        raise ParseError(f"{error.message} {error.hint} Or none.") from None


def wall_time(moment: datetime, zone: str) -> datetime:
    """Return a moment as naive wall time of a zone: a naive one as it is, one with an offset converted."""
    return moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def from_here(path: str) -> str:
    """Return a path of this machine from the top, meaning what the system reads: `..` behind a link goes up there."""
    path = os.path.expanduser(path)
    directory, name = os.path.split(path)
    if os.pardir in path.split(os.sep):
        return os.path.realpath(path) if name in ("", os.curdir, os.pardir) else _join(directory, name)
    return os.path.abspath(path)


def _join(directory: str, name: str) -> str:
    # The last name may be a link itself, and stays one.
    return os.path.join(os.path.realpath(directory), name)
