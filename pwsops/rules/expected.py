"""By when a schedule should have brought a backup, and how much later than that is still no cause for worry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

from pwsops.rules.due import due_between, next_due
from pwsops.rules.model import Recurrence, Unit

LEAST = timedelta(minutes=10)
"""A run may wait for its turn, and take a while: nobody is warned before."""
MOST = timedelta(hours=6)
"""A monthly schedule must not hide a failure for days."""
PART = 24
"""One part in so many of the time to the nearest occurrence is no delay: an hour of a day."""

# How far back the last occurrences are looked for: as near as will do, since a minute's schedule has many.
_SPANS = tuple(timedelta(days=days) for days in (0.1, 2, 15, 70, 800, 8000))
_FURTHEST_DAYS = 8100


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a schedule lets expect of a backup by now.

    Parameters
    ----------
    due_at
        The newest occurrence whose backup should be there: data from before then is too old. None: none was due yet.
    overdue_at
        From then on the backup of that occurrence counts as overdue.
    allowed
        How old data may be around now, whichever occurrence it came from, and whether or not the schedule has begun:
        the longest gap beside now in its rhythm, and the tolerance.
    begins_at
        The first occurrence, where it is still to come; None: the schedule has begun, or never runs.
    """

    due_at: datetime | None
    overdue_at: datetime | None
    allowed: timedelta
    begins_at: datetime | None


@lru_cache(maxsize=1024)  # at one instant it is asked for each database of a profile
def expected(recurrence: Recurrence, now: datetime, *, usual_s: float = 0.0) -> Expected:
    """Return what should be there by now, and how old the newest data may be.

    `usual_s` is how long the profile's runs usually take, in seconds: twice that is no delay, up to a whole gap.
    """
    rhythm = _rhythm(recurrence, now)
    coming = next_due(rhythm, now)
    to_come = [] if coming is None else [coming]
    tolerance = _tolerance(_gaps([*_newest(rhythm, now, 2), *to_come]), usual_s)
    settled = now - tolerance
    around = [*_newest(rhythm, settled, 2), *due_between(rhythm, settled, now), *to_come]
    due_at = next(iter(_newest(recurrence, settled, 1)), None)
    has_begun = due_at is not None or any(due_between(recurrence, settled, now))
    return Expected(
        due_at=due_at,
        overdue_at=None if due_at is None else due_at + tolerance,
        allowed=max(_gaps(around), default=timedelta()) + tolerance,
        begins_at=None if has_begun else next_due(recurrence, now),
    )


def _tolerance(gaps: Sequence[timedelta], usual_s: float) -> timedelta:
    """Return how late a backup may be.

    The first run after a weekend is not less urgent than the one an hour later: the nearest occurrence counts. One
    run that took very long, or seemed to since the clock was set meanwhile, must not excuse those after it for long.
    """
    of_gaps = min([*(gap / PART for gap in gaps), MOST])
    of_runs = min(timedelta(seconds=2 * usual_s), max([*gaps, MOST]))
    return max(LEAST, of_gaps, of_runs)


def _gaps(instants: Sequence[datetime]) -> list[timedelta]:
    return [after - before for before, after in pairwise(instants)]


def _newest(recurrence: Recurrence, until: datetime, count: int) -> list[datetime]:
    """Return the newest few occurrences up to and with an instant, ascending."""
    found: list[datetime] = []
    for span in _SPANS:
        found = list(due_between(recurrence, until - span, until))[-count:]
        if len(found) == count:
            break
    return found


def _rhythm(recurrence: Recurrence, now: datetime) -> Recurrence:
    """Return a schedule as though it had always been in force and never ended, its days and times unchanged.

    How long its gaps are does not depend on when somebody let it begin.
    """
    start = recurrence.start
    back_to = min(now.date(), start.date()).toordinal() - _FURTHEST_DAYS
    if recurrence.unit is Unit.MONTH:
        begin = _months_before(start.date(), recurrence.every, back_to)
        on_day, at = recurrence.on_day or start.day, recurrence.at or start.time()
        earlier = None if begin is None else datetime.combine(begin, time())
        return replace(recurrence, start=earlier or start, on_day=on_day, at=at, until=None)
    step = {Unit.WEEK: 7 * recurrence.every, Unit.DAY: recurrence.every}.get(recurrence.unit, 1)
    ordinal = start.toordinal()
    ordinal -= -(-(ordinal - back_to) // step) * step
    earlier = datetime.combine(date.fromordinal(ordinal), start.time()) if ordinal > 0 else None
    return replace(recurrence, start=earlier or start, until=None)


def _months_before(start: date, every: int, back_to: int) -> date | None:
    """Return the first of a month a multiple of `every` before the start's, at or before a day; None: there is none."""
    month = start.year * 12 + start.month - 1
    span = (start.toordinal() - back_to) // 28 + 1
    year, month0 = divmod(month - -(-span // every) * every, 12)
    return date(year, month0 + 1, 1) if year > 0 else None
