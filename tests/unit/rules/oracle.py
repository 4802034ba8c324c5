"""A second, slow way to say when a profile runs, built from other parts: dateutil's days and PEP 495's two passes."""

from __future__ import annotations

import itertools
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, FR, MO, MONTHLY, SA, SU, TH, TU, WE, WEEKLY, rrule

from pwsops.rules.model import BackupKind, Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth

_BY_WEEKDAY = (MO, TU, WE, TH, FR, SA, SU)
_DAY = timedelta(days=1)


def days(recurrence: Recurrence, last: date) -> list[date]:
    """Return every chosen day from the start's to `last`, by dateutil."""
    begin = datetime.combine(recurrence.start.date(), time())
    rule: dict[str, object] = {"dtstart": begin, "until": datetime.combine(last, time())}
    every = recurrence.every
    if recurrence.unit is Unit.WEEK:
        chosen = recurrence.weekdays or (begin.weekday(),)
        rule |= {"freq": WEEKLY, "interval": every, "wkst": MO, "byweekday": [_BY_WEEKDAY[day] for day in chosen]}
    elif recurrence.unit is Unit.MONTH:
        on_day = recurrence.on_day if recurrence.on_day is not None else begin.day
        rule |= {"freq": MONTHLY, "interval": every}
        if isinstance(on_day, WeekdayOfMonth):
            rule |= {"byweekday": _BY_WEEKDAY[on_day.weekday](-1 if on_day.last else 1)}
        else:
            rule |= {"bymonthday": list(range(min(on_day, 28), on_day + 1)), "bysetpos": -1}
    else:
        rule |= {"freq": DAILY, "interval": every if recurrence.unit is Unit.DAY else 1}
        if recurrence.weekdays:
            rule |= {"byweekday": [_BY_WEEKDAY[day] for day in recurrence.weekdays]}
    return [each.date() for each in rrule(**rule)]


def slots(recurrence: Recurrence, day: date) -> list[datetime]:
    """Return the wall times of a day, whether or not start and end let them run."""
    if recurrence.unit not in (Unit.MINUTE, Unit.HOUR):
        return [datetime.combine(day, recurrence.at or recurrence.start.time())]
    wall = datetime.combine(day, time())
    last = wall + _DAY - timedelta(seconds=1)
    if recurrence.between:
        wall, last = (datetime.combine(day, each) for each in recurrence.between)
        if last < wall:
            last += _DAY
    found = []
    while wall <= last:
        found.append(wall)
        wall += timedelta(**{"minutes" if recurrence.unit is Unit.MINUTE else "hours": recurrence.every})
    return found


def passes(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants that show a wall time, by going there and back."""
    tries = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(instant for instant in tries if instant.astimezone(zone).replace(tzinfo=None) == wall)


@lru_cache(maxsize=4096)
def end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Walk through a gap to the first second that exists."""
    wall = wall.replace(microsecond=0)
    while not passes(wall, zone):
        wall += timedelta(minutes=1)
    while passes(wall - timedelta(seconds=1), zone):
        wall -= timedelta(seconds=1)
    return passes(wall, zone)[0]


def runs(recurrence: Recurrence, first: datetime, last: datetime) -> dict[datetime, bool]:
    """Return the instants from `first` to `last` at which something is due, ascending, and whether it was moved."""
    zone = ZoneInfo(recurrence.timezone)
    found: dict[datetime, bool] = {}
    for day in days(recurrence, last.date() + 3 * _DAY):
        if day < first.date() - 4 * _DAY:
            continue
        todays = slots(recurrence, day)
        for wall in todays:
            if wall < recurrence.start or (recurrence.until and wall.date() > recurrence.until):
                continue
            existing = passes(wall, zone)
            if not existing:
                found.setdefault(end_of_gap(wall, zone), True)
            for instant in existing if len(todays) > 1 else existing[:1]:
                found[instant] = False
    return {instant: found[instant] for instant in sorted(found) if first <= instant <= last}


def renewals(renewal: Renewal, zone: ZoneInfo, first: datetime, last: datetime) -> list[datetime]:
    """Return the instants near a span of time at which the full is renewed, looking at every date."""
    found = []
    day = first.date() - 3 * _DAY
    while day <= last.date() + 3 * _DAY:
        month_day = min(renewal.day, monthrange(day.year, day.month)[1])
        weekly = renewal.period is RenewalPeriod.WEEKLY and day.weekday() == renewal.day
        if weekly or (renewal.period is RenewalPeriod.MONTHLY and day.day == month_day):
            midnight = datetime.combine(day, time())
            found.append((passes(midnight, zone) or [end_of_gap(midnight, zone)])[0])
        day += _DAY
    return found


def kinds(due: list[datetime], boundaries: list[datetime]) -> list[BackupKind]:
    """Return the kinds of all but the first: full where a renewal lies after the one before and not after this one."""
    return [
        BackupKind.FULL if any(before < each <= this for each in boundaries) else BackupKind.DIFFERENTIAL
        for before, this in itertools.pairwise(due)
    ]
