"""By when a schedule should have brought a backup, and how much later than that is still no cause for worry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pwsops.rules.due import due_between, next_due
from pwsops.rules.model import Recurrence

LEAST = timedelta(minutes=10)
"""A run may wait for its turn, and take a while: nobody is warned before."""
MOST = timedelta(hours=6)
"""A monthly schedule must not hide a failure for days."""
PART = 24
"""One part in so many of the time to the nearest occurrence is no delay: an hour of a day."""

# How far back the last occurrences are looked for: as near as will do, since a minute's schedule has many.
_SPANS = tuple(timedelta(days=days) for days in (0.1, 2, 15, 70, 800, 8000))


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The newest occurrence whose backup should be there by now.

    Parameters
    ----------
    due_at
        When it was due: data from before then is too old.
    overdue_at
        From then on it counts as overdue.
    allowed
        How old data may be around now, whichever occurrence it came from: the longest gap beside it and the tolerance.
    """

    due_at: datetime
    overdue_at: datetime
    allowed: timedelta


def expected(recurrence: Recurrence, now: datetime, *, usual_s: float = 0.0) -> Expected | None:
    """Return which occurrence should have its backup by now; None where none was due long enough ago.

    `usual_s` is how long the profile's runs usually take, in seconds: twice that is no delay.
    """
    around = [*_newest(recurrence, now, 2), next_due(recurrence, now)]
    gaps = [after - before for before, after in pairwise(instant for instant in around if instant is not None)]
    # The first run after a weekend is not less urgent than the one an hour later.
    tolerance = max(LEAST, min([*(gap / PART for gap in gaps), MOST]), timedelta(seconds=2 * usual_s))
    due = _newest(recurrence, now - tolerance, 1)
    if not due:
        return None
    return Expected(due_at=due[0], overdue_at=due[0] + tolerance, allowed=max(gaps, default=timedelta()) + tolerance)


def _newest(recurrence: Recurrence, until: datetime, count: int) -> list[datetime]:
    """Return the newest few occurrences up to and with an instant, ascending."""
    found: list[datetime] = []
    for span in _SPANS:
        found = list(due_between(recurrence, until - span, until))[-count:]
        if len(found) == count:
            break
    return found
