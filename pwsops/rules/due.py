"""The due instants of a recurrence, without their kinds: what the service needs, and as fast as it needs it.

The days come from `days`, the slots of a day are sums of a step, and `wallclock` maps them to instants. A day with no
shift near is one offset and a tuple of slots; only the days around a shift are looked at slot by slot.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pwsops.rules.days import LAST_YEAR, recurrence_days
from pwsops.rules.model import Recurrence, Unit
from pwsops.rules.wallclock import DAY, after_gap, instants, offset_spans, steady_offset

_INSTANT = timedelta(microseconds=1)

# The slots of days this far apart cannot interleave, whatever the zone does between them.
_APART = 4


class Steady(NamedTuple):
    """Runs of a day (an ordinal) with no shift near: its slots, counted from local midnight, and the one offset."""

    day: int
    offset: timedelta
    slots: Sequence[timedelta]


class Uneven(NamedTuple):
    """Runs of neighbouring days around a shift, in order, and which of them were moved behind a gap."""

    due: list[datetime]
    shifted: list[bool]


def next_due(recurrence: Recurrence, after: datetime) -> datetime | None:
    """Return the first due instant strictly after another, None where the recurrence has ended."""
    batch = next(batches(recurrence, after, inclusive=False), None)
    if batch is None:
        return None
    return batch.due[0] if isinstance(batch, Uneven) else midnight(batch.day, UTC) - batch.offset + batch.slots[0]


def due_between(recurrence: Recurrence, after: datetime, until: datetime) -> Iterator[datetime]:
    """Return the due instants after the first instant, up to and with the second."""
    for batch in batches(recurrence, after, inclusive=False):
        due = due_instants(batch)
        yield from due[: bisect_right(due, until)]
        if due[-1] >= until:
            return


def batches(recurrence: Recurrence, after: datetime, *, inclusive: bool) -> Iterator[Steady | Uneven]:
    """Return the runs from an instant on, a steady day or a cluster of uneven days at a time, never an empty one."""
    zone = ZoneInfo(recurrence.timezone)
    after = max(after, recurrence.start.replace(tzinfo=UTC) - 2 * DAY)
    if after.year > LAST_YEAR:
        return
    cut = bisect_left if inclusive else bisect_right
    cluster = _Cluster(zone)
    # A window that began the day before may still go on, and a shift back may take the local date back by a day.
    for day, slots, several in _slots_by_day(recurrence, after.astimezone(zone).toordinal() - 2):
        offset = steady_offset(zone, day)
        if cluster.found and (offset is not None or day - cluster.latest >= _APART):
            yield from cluster.take(after, cut)
        if offset is None:
            cluster.add(day, slots, both_passes=several)
        elif left := slots[cut(slots, after - midnight(day, UTC) + offset) :]:
            yield Steady(day, offset, left)
    yield from cluster.take(after, cut)


class _Cluster:
    """Collects the runs of neighbouring days around a shift, where slots can collide and days interleave."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.latest = 0
        self.found: dict[datetime, bool] = {}
        self._zone = zone

    def add(self, day: int, slots: Sequence[timedelta], *, both_passes: bool) -> None:
        """Add a day (an ordinal). A slot that truly exists keeps an instant from counting as shifted."""
        self.latest = day
        around = offset_spans(self._zone, day)
        begin = midnight(day)
        for slot in slots:
            wall = begin + slot
            passes = instants(wall, around)
            if not passes:
                self.found.setdefault(after_gap(wall, around), True)
            for instant in passes if both_passes else passes[:1]:
                self.found[instant] = False

    def take(self, after: datetime, cut: Callable[[list[datetime], datetime], int]) -> Iterator[Uneven]:
        """Return what was collected, if anything of it is left after an instant, and begin anew."""
        due = sorted(self.found)
        if due := due[cut(due, after) :]:
            yield Uneven(due, [self.found[instant] for instant in due])
        self.found = {}


def _slots_by_day(recurrence: Recurrence, since: int) -> Iterator[tuple[int, Sequence[timedelta], bool]]:
    """Return each chosen day (an ordinal) with its slots within start and end, and whether it has several by rule."""
    slots = _slots(recurrence.every, recurrence.unit, recurrence.between, recurrence.at or recurrence.start.time())
    first = recurrence.start.toordinal()
    last = recurrence.until.toordinal() if recurrence.until else None
    for day in recurrence_days(recurrence, since):
        todays = slots
        if day == first:
            todays = todays[bisect_left(todays, recurrence.start - midnight(day)) :]
        if last is not None and day >= last:
            if day > last:
                return
            todays = todays[: bisect_left(todays, DAY)]
        yield day, todays, len(slots) > 1


@lru_cache(maxsize=1024)
def _slots(every: int, unit: Unit, between: tuple[time, time] | None, at: time) -> tuple[timedelta, ...]:
    """Return the slots of a day, counted from its local midnight; those of a window over midnight exceed 24 hours."""
    if unit not in (Unit.MINUTE, Unit.HOUR):
        return (_since_midnight(at),)
    step = timedelta(minutes=every) if unit is Unit.MINUTE else timedelta(hours=every)
    first, last = map(_since_midnight, between) if between else (timedelta(), DAY - _INSTANT)
    span = (last - first) % DAY
    return tuple(first + step * index for index in range(span // step + 1))


def _since_midnight(wall: time) -> timedelta:
    return timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)


def midnight(day: int, zone: tzinfo | None = None) -> datetime:
    """Return the wall time at which a day (an ordinal) begins, naive or labelled with a zone."""
    return datetime.combine(date.fromordinal(day), time(), zone)


def due_instants(batch: Steady | Uneven) -> list[datetime]:
    """Return the due instants of a batch, ascending."""
    if isinstance(batch, Uneven):
        return batch.due
    begin = midnight(batch.day, UTC) - batch.offset
    return [begin + slot for slot in batch.slots]
