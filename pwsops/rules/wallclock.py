"""From wall clock to instants. The one place that knows how zones shift, used by everything that plans.

A zone is a sequence of stretches of constant offset. Finding the few around a day, and asking which of them show a
given wall time, needs no special case: two stretches show it in a repeated hour, none does in a gap. Nothing here
assumes how far a zone shifts (Lord Howe 30 minutes, Troll two hours, Apia a whole day, local mean time odd seconds).

Zones are probed once a day. In the whole IANA database no two changes of a zone's offset lie less than three days
apart (the closest are Freetown's of 1939), so two equal probes in a row have nothing between them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

# Offsets are under 24 hours, so the slots of a day, and of a window that runs into the next, all lie within these
# UTC days around it.
_BEFORE, _AFTER = 1, 3


class OffsetSpan(NamedTuple):
    """A span of constant offset; `begin` and `end` are UTC without their tzinfo, `end` not included."""

    begin: datetime
    end: datetime
    offset: timedelta


@lru_cache(maxsize=8192)
def steady_offset(zone: ZoneInfo, day: int) -> timedelta | None:
    """Return the offset of a day (an ordinal) where no shift is near, else None.

    Not None means that every wall time of that day and the next is one instant, by plain arithmetic.
    """
    offset = _offset_at_midnight(zone, day)
    around = range(day - _BEFORE, day + _AFTER + 1)
    return offset if all(_offset_at_midnight(zone, other) == offset for other in around) else None


@lru_cache(maxsize=1024)
def offset_spans(zone: ZoneInfo, day: int) -> tuple[OffsetSpan, ...]:
    """Return the stretches, in order, that hold every instant the slots of a day (an ordinal) can have."""
    begin = _utc_midnight(day - _BEFORE)
    end = _utc_midnight(day + _AFTER)
    found = []
    for probe in range(day - _BEFORE, day + _AFTER):
        left, right = _utc_midnight(probe), _utc_midnight(probe + 1)
        if _offset(zone, left) != _offset(zone, right):
            change = _change(zone, left, right)
            found.append(OffsetSpan(begin, change, _offset(zone, begin)))
            begin = change
    return (*found, OffsetSpan(begin, end, _offset(zone, begin)))


def instants(wall: datetime, around: tuple[OffsetSpan, ...]) -> list[datetime]:
    """Map a wall time (naive) to its instants, first pass first: two in a repeated hour, none in a gap."""
    passes = ((wall - span.offset, span) for span in around)
    return [utc.replace(tzinfo=UTC) for utc, span in passes if span.begin <= utc < span.end]


def after_gap(wall: datetime, around: tuple[OffsetSpan, ...]) -> datetime:
    """Return the first instant after the gap that swallowed a wall time (naive)."""
    return next(each.begin for each in around if each.begin + each.offset > wall).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def local_midnight(zone: ZoneInfo, day: int) -> datetime:
    """Return the instant at which a local day (an ordinal) begins: its first pass, or the end of a gap that has it."""
    wall = _utc_midnight(day)
    offset = steady_offset(zone, day)
    if offset is not None:
        return (wall - offset).replace(tzinfo=UTC)
    around = offset_spans(zone, day)
    return next(iter(instants(wall, around)), None) or after_gap(wall, around)


def _utc_midnight(day: int) -> datetime:
    return datetime.combine(date.fromordinal(day), datetime.min.time())


@lru_cache(maxsize=16384)
def _offset_at_midnight(zone: ZoneInfo, day: int) -> timedelta:
    return _offset(zone, _utc_midnight(day))


def _offset(zone: ZoneInfo, utc: datetime) -> timedelta:
    return zone.fromutc(utc.replace(tzinfo=zone)).replace(tzinfo=None) - utc


def _change(zone: ZoneInfo, left: datetime, right: datetime) -> datetime:
    """Find the second at which the offset of `left` ends; `right` has another one already."""
    before = _offset(zone, left)
    while right - left > SECOND:
        middle = left + (right - left) // 2 // SECOND * SECOND
        if _offset(zone, middle) == before:
            left = middle
        else:
            right = middle
    return right


class ClockChange(NamedTuple):
    """A change of a zone's offset: the aware instant, and the offsets before and from then on."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def by(self) -> timedelta:
        """How far clocks are put forward; negative: back."""
        return self.after - self.before


def clock_changes(zone: tzinfo, first: date, days: int) -> dict[date, ClockChange]:
    """Return the changes of a zone's offset, by the local day that they begin in, in `days` days from one on."""
    if not isinstance(zone, ZoneInfo):
        return {}  # of another kind there are only fixed ones
    found = {}
    for day in range(first.toordinal(), first.toordinal() + days):
        if steady_offset(zone, day) is not None:
            continue
        for earlier, later in pairwise(offset_spans(zone, day)):
            if (later.begin + earlier.offset).toordinal() == day:
                change = ClockChange(later.begin.replace(tzinfo=UTC), earlier.offset, later.offset)
                found[date.fromordinal(day)] = change
    return found
