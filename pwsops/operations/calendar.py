"""The past of a calendar: how the runs of each day ended, the runs of one day, and how long runs usually take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from pwsops.catalogue import outcomes_by_day
from pwsops.catalogue.outcomes_by_day import Gap
from pwsops.operations.access import Context
from pwsops.operations.mapping import run_views
from pwsops.operations.records import RunView
from pwsops.operations.rights import needs
from pwsops.rules.misfire import missed_before
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.rights import Right

MEASURED = 5
"""So many runs of a kind say how long it usually takes: one that was slow, or saw a clock being set, does not."""

_MICROSECOND = timedelta(microseconds=1)

Outcomes = Mapping[RunStatus, int]


class Calendar:
    """Look at past runs by day."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "see how runs ended")
    def outcomes(self, edges: Sequence[datetime], profile: str | None = None) -> list[Outcomes]:
        """Count the runs of each day by how they ended.

        Missed ones are kept as one row a gap, with the first, the last and their number: they are laid out evenly
        between the two, which is what they were for any schedule without a window or weekdays.

        Parameters
        ----------
        edges
            Where each day begins, and where the last one ends; aware, ascending.
        profile
            Only its runs; None: all, also of profiles that were deleted.
        """
        days: list[Counter[RunStatus]] = [Counter() for _ in edges[1:]]
        with self._context.read() as connection:
            for counts in outcomes_by_day.counts(connection, edges, profile):
                days[counts.day][counts.status] += counts.number
            gaps = outcomes_by_day.gaps(connection, edges[0], edges[-1], profile)
        for day, count in _laid_out(gaps, edges).items():
            days[day][RunStatus.MISSED] += count
        return list(days)

    @needs(Right.LOOK, "see the runs of a day")
    def runs(self, since: datetime, until: datetime, profile: str | None = None) -> list[RunView]:
        """Return the runs that were due from an instant on and before another, in order.

        Gaps of missed runs that only reach into that time come first. Databases and messages are left out: a day may
        have thousands of runs.
        """
        with self._context.read() as connection:
            found = outcomes_by_day.between(connection, since, until, profile)
            return run_views(connection, found, with_items=False)

    @needs(Right.LOOK, "see how long runs take")
    def durations(self, profiles: Iterable[str]) -> dict[str, dict[BackupKind, float]]:
        """Return how many seconds runs of these profiles usually take, by kind.

        It is the median of the last five that succeeded. A kind of which none has is left out: nobody knows.
        """
        with self._context.read() as connection:
            return {
                name: {kind: median(took[:MEASURED]) for kind, took in found.items()}
                for name in profiles
                for found in [outcomes_by_day.durations(connection, name)]
            }


def _laid_out(gaps: Iterable[Gap], edges: Sequence[datetime]) -> Counter[int]:
    """Return how many missed occurrences fall on each day, by its position."""
    days: Counter[int] = Counter()
    for gap in gaps:
        before = [_before(edge, gap) for edge in edges]
        days.update({day: later - earlier for day, (earlier, later) in enumerate(pairwise(before))})
    return days


def _before(instant: datetime, gap: Gap) -> int:
    """Count the occurrences of a gap before an instant, as reports do."""
    last, limit = ((at - gap.first) // _MICROSECOND for at in (gap.last, instant))
    return missed_before(0, last, gap.number, limit)
