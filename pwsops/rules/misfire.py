"""What becomes of occurrences that nobody was there to run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pwsops.rules.model import Trigger

GRACE = timedelta(seconds=30)
"""An occurrence claimed within this time counts as on time."""


@dataclass(frozen=True, kw_only=True)
class CatchUpPlan:
    """One run to make up for everything that is due, and what of it was missed.

    Parameters
    ----------
    due_at, trigger
        The run: the newest occurrence itself where it is still on time, otherwise a catch-up, due now.
    missed_count, missed_from, missed_until
        How many occurrences nobody ran, the first and the last of them.
    """

    due_at: datetime
    trigger: Trigger
    missed_count: int = 0
    missed_from: datetime | None = None
    missed_until: datetime | None = None


def plan_catch_up(due: Iterable[datetime], *, now: datetime, grace: timedelta = GRACE) -> CatchUpPlan:
    """Settle occurrences that are due, ascending, at least one, none of them after `now`."""
    count, first, before, last = 0, None, None, None
    for instant in due:
        count, first, before, last = count + 1, first or instant, last, instant
    if last is None:
        raise ValueError("nothing is due")
    if now - last > grace:
        return CatchUpPlan(
            due_at=now, trigger=Trigger.CATCH_UP, missed_count=count, missed_from=first, missed_until=last
        )
    if count == 1:
        return CatchUpPlan(due_at=last, trigger=Trigger.SCHEDULE)
    return CatchUpPlan(
        due_at=last, trigger=Trigger.SCHEDULE, missed_count=count - 1, missed_from=first, missed_until=before
    )


def spread(first: int, last: int, count: int, since: int | None = None, until: int | None = None) -> list[int]:
    """Return the instants of missed occurrences of which the first, the last and the number were noted.

    They are taken as spread evenly. All instants are numbers of one unit.

    Parameters
    ----------
    since, until
        Only those from the first on and before the second; None: all on that side.
    """
    begin = 0 if since is None else missed_before(first, last, count, since)
    end = max(1, count) if until is None else missed_before(first, last, count, until)
    return [_spread(first, last, count, number) for number in range(begin, end)]


def missed_before(first: int, last: int, count: int, instant: int) -> int:
    """Return how many of the instants that `spread` gives are before another one."""
    return bisect_left(range(max(1, count)), instant, key=lambda number: _spread(first, last, count, number))


def _spread(first: int, last: int, count: int, number: int) -> int:
    return first + (last - first) * number // (count - 1) if count > 1 else first
