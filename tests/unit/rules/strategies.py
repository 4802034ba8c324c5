"""Recurrences, and moments at which zones do something odd."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth

ZONES = sorted(available_timezones())


@lru_cache(maxsize=4096)
def shift_days(zone: str, year: int) -> tuple[date, ...]:
    """Return the UTC dates of a year on which a zone's offset changes."""
    clock = ZoneInfo(zone)
    first = datetime(year, 1, 1, tzinfo=UTC)
    found = []
    # Most years of most zones are settled by a look every ten days; only two changes in between would be overlooked.
    for coarse in range(0, 370, 10):
        offsets = [(first + timedelta(days=coarse + fine)).astimezone(clock).utcoffset() for fine in (0, 10)]
        if offsets[0] != offsets[1]:
            day = first + timedelta(days=coarse)
            while (day + timedelta(days=1)).astimezone(clock).utcoffset() == offsets[0]:
                day += timedelta(days=1)
            found.append(day.date())
    return tuple(found)


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """Return a UTC moment, close to a shift of the zone where the year has one."""
    year = draw(st.integers(1885, 2037) | st.integers(1990, 2037))
    near = shift_days(zone, year) or (date(year, 1, 1) + timedelta(days=draw(st.integers(0, 364))),)
    day = datetime.combine(draw(st.sampled_from(near)), time(), UTC)
    return day + timedelta(hours=draw(st.integers(-30, 40)), minutes=draw(st.integers(0, 59)))


walls = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 30, 45, 59)))
weekdays = st.lists(st.integers(0, 6), max_size=3, unique=True).map(tuple)
on_days = st.none() | st.integers(1, 31) | st.builds(WeekdayOfMonth, weekday=st.integers(0, 6), last=st.booleans())
renewals = (
    st.just(Renewal())
    | st.builds(Renewal, period=st.just(RenewalPeriod.WEEKLY), day=st.integers(0, 6))
    | st.builds(Renewal, period=st.just(RenewalPeriod.MONTHLY), day=st.integers(1, 31))
)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, object]:
    """Return everything of a recurrence but zone, start and end."""
    unit = draw(st.sampled_from(Unit))
    if unit in (Unit.MINUTE, Unit.HOUR):
        every = draw(st.sampled_from((10, 15, 25, 30, 45, 90)) if unit is Unit.MINUTE else st.integers(1, 23))
        between = draw(st.none() | st.tuples(walls, walls))
        return {"unit": unit, "every": every, "between": between, "weekdays": draw(st.just(()) | weekdays)}
    shape = {"unit": unit, "every": draw(st.integers(1, 6)), "at": draw(st.none() | walls)}
    if unit is Unit.MONTH:
        return {**shape, "on_day": draw(on_days)}
    return {**shape, "weekdays": draw(weekdays)}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Recurrence, datetime]:
    """Return a recurrence in any zone, and a UTC moment near which that zone may shift."""
    zone = draw(st.sampled_from(ZONES))
    moment = draw(moments(zone))
    naive = moment.replace(tzinfo=None)
    ago = draw(st.integers(-2, 4) | st.integers(0, 400))
    start = naive - timedelta(days=ago, hours=draw(st.integers(0, 23)))
    until = draw(st.none() | st.integers(max(0, ago), ago + 4).map(lambda days: start.date() + timedelta(days=days)))
    return Recurrence(start=start, timezone=zone, until=until, **draw(shapes())), moment
