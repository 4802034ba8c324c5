"""Which days a recurrence chooses, as ordinals. Plain integers, so that a jump over years costs nothing.

`dateutil.rrule` says the same (the tests compare the two), but has to count from the start: too slow for a service
that moves thousands of profiles on at once.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterator
from datetime import date
from itertools import chain

from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth

# Nothing is planned beyond, so that no sum of a date and a few days can leave the calendar.
LAST_YEAR = 9989
_END = date(LAST_YEAR + 1, 1, 1).toordinal()
_MONDAY = 1  # 0001-01-01 was one


def recurrence_days(recurrence: Recurrence, since: int) -> Iterator[int]:
    """Return the chosen days from `since` on, never before the start's own day, ascending.

    Days, minutes and hours count every n-th, or every, day from the start's; `weekdays` then leaves only those that
    fall on one of them. Weeks begin on Monday, months on their first.
    """
    start = recurrence.start.toordinal()
    since = max(since, start)
    if recurrence.unit is Unit.WEEK:
        weekdays = recurrence.weekdays or (recurrence.start.weekday(),)
        return _weeks(start, recurrence.every, weekdays, since)
    if recurrence.unit is Unit.MONTH:
        return _months(recurrence.start, recurrence.every, recurrence.on_day or recurrence.start.day, since)
    step = recurrence.every if recurrence.unit is Unit.DAY else 1
    every = range(since + (start - since) % step, _END, step)
    weekdays = recurrence.weekdays
    return (day for day in every if (day - _MONDAY) % 7 in weekdays) if weekdays else iter(every)


def renewal_days(renewal: Renewal, since: int) -> Iterator[int]:
    """Return the days from `since` on at whose local midnight the full is renewed."""
    if renewal.period is RenewalPeriod.WEEKLY:
        return iter(range(since + (renewal.day + _MONDAY - since) % 7, _END, 7))
    if renewal.period is RenewalPeriod.MONTHLY:
        return _months(date.fromordinal(since), 1, renewal.day, since)
    return iter(())


def _weeks(start: int, every: int, weekdays: Collection[int], since: int) -> Iterator[int]:
    step = 7 * every
    first = start - (start - _MONDAY) % 7
    mondays = range(first + (since - first) // step * step, _END, step)
    days = chain.from_iterable([monday + weekday for weekday in sorted(set(weekdays))] for monday in mondays)
    return (day for day in days if day >= since)


def _months(start: date, every: int, on_day: int | WeekdayOfMonth, since: int) -> Iterator[int]:
    first = start.year * 12 + start.month - 1
    jump = date.fromordinal(since)
    passed = (jump.year * 12 + jump.month - 1 - first) // every * every
    months = range(first + passed, (LAST_YEAR + 1) * 12, every)
    days = (_day_of_month(*divmod(month, 12), on_day) for month in months)
    return (day for day in days if day >= since)


def _day_of_month(year: int, month0: int, on_day: int | WeekdayOfMonth) -> int:
    """Return a day of a month, the last one where the month lacks it."""
    weekday, length = monthrange(year, month0 + 1)
    first = date(year, month0 + 1, 1).toordinal()
    if isinstance(on_day, int):
        return first + min(on_day, length) - 1
    if on_day.last:
        last = first + length - 1
        return last - (last - _MONDAY - on_day.weekday) % 7
    return first + (on_day.weekday - weekday) % 7
