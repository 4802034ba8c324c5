"""A schedule in plain words."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, time

from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Not strftime's, which would follow the machine's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {Unit.MINUTE: "minute", Unit.HOUR: "hour", Unit.DAY: "day", Unit.WEEK: "week", Unit.MONTH: "month"}
_LAST_DAY = 31
_IN_EVERY_MONTH = 28


def describe(recurrence: Recurrence, *, incremental: bool, renewal: Renewal) -> str:
    """Return a schedule as "every hour, full on Sundays, until 31 Dec 2026, Europe/Berlin"."""
    parts = [_rhythm(recurrence)]
    if incremental:
        parts.append(_renewal(renewal))
    if recurrence.until:
        parts.append(f"until {_day(recurrence.until)}")
    return ", ".join([*parts, recurrence.timezone])


def _rhythm(recurrence: Recurrence) -> str:
    every = _every(recurrence.every, recurrence.unit)
    if recurrence.unit in (Unit.MINUTE, Unit.HOUR):
        window = " from {} to {}".format(*map(_clock, recurrence.between)) if recurrence.between else ""
        return every + window + _on_weekdays(recurrence.weekdays)
    at = f" at {_clock(recurrence.at or recurrence.start.time())}"
    if recurrence.unit is Unit.MONTH:
        return f"{_on_day(recurrence)} of {every}{at}"
    if recurrence.unit is Unit.WEEK:
        return f"{every} on {_list(recurrence.weekdays or (recurrence.start.weekday(),))}{at}"
    only = _on_weekdays(recurrence.weekdays)
    if only:
        return (only.strip() if recurrence.every == 1 else f"{every}, only{only},") + at
    return every + at


def _every(count: int, unit: Unit) -> str:
    return f"every {_UNITS[unit]}" if count == 1 else f"every {count} {_UNITS[unit]}s"


def _on_day(recurrence: Recurrence) -> str:
    on_day = recurrence.on_day or recurrence.start.day
    if isinstance(on_day, WeekdayOfMonth):
        return f"on the {'last' if on_day.last else 'first'} {_WEEKDAYS[on_day.weekday]}"
    return _on_number(on_day)


def _on_number(day: int) -> str:
    if day == _LAST_DAY:
        return "on the last day"
    return f"on day {day}" if day <= _IN_EVERY_MONTH else f"on day {day} (or the last)"


def _on_weekdays(weekdays: Collection[int]) -> str:
    chosen = set(weekdays)
    if chosen in (set(), set(range(7))):
        return ""
    if chosen == {0, 1, 2, 3, 4}:
        return " on weekdays"
    if chosen == {5, 6}:
        return " on weekends"
    return f" on {_WEEKDAYS[chosen.pop()]}s" if len(chosen) == 1 else f" on {_list(chosen)}"


def _list(weekdays: Collection[int]) -> str:
    chosen = sorted(set(weekdays))
    if len(chosen) == 1:
        return _WEEKDAYS[chosen[0]]
    names = [_WEEKDAYS[day][:3] for day in chosen]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _renewal(renewal: Renewal) -> str:
    if renewal.period is RenewalPeriod.WEEKLY:
        return f"full on {_WEEKDAYS[renewal.day]}s"
    if renewal.period is RenewalPeriod.MONTHLY:
        return f"full {_on_number(renewal.day)} of every month"
    return "incremental after the first full"


def _clock(wall: time) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
