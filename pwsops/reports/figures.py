"""What a report says first: how the runs ended, in numbers and day by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pwsops.catalogue import reporting
from pwsops.catalogue.history import Selection
from pwsops.rules.model import RunStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_BARS = 92
_BAD = (RunStatus.FAILED, RunStatus.MISSED, RunStatus.SKIPPED)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Some days in a row, and how their runs ended."""

    first: datetime
    days: int
    good: int
    bad: int
    other: int

    @property
    def total(self) -> int:
        """All of their runs."""
        return self.good + self.bad + self.other


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How the runs of a period ended. What was missed counts as often as it was due."""

    counts: Mapping[RunStatus, int]
    rows: int
    size_bytes: int
    bars: Sequence[Bar]

    @property
    def success_rate(self) -> float | None:
        """The share that succeeded of what should have been done; None where nothing should.

        What was cancelled on purpose, waits or goes on says nothing either way.
        """
        good = self.counts.get(RunStatus.SUCCEEDED, 0)
        bad = sum(self.counts.get(status, 0) for status in _BAD)
        return good / (good + bad) if good + bad else None


def figures(selection: Selection) -> Figures:
    """Count the runs of a filter."""
    found = reporting.statuses(selection)
    return Figures(
        counts={status: times for status, (_, times, _) in found.items()},
        rows=sum(rows for rows, _, _ in found.values()),
        size_bytes=sum(size for _, _, size in found.values()),
        bars=tuple(_bars(reporting.days(selection))),
    )


def _bars(days: Sequence[tuple[int, RunStatus, int]]) -> Iterator[Bar]:
    if not days:
        return
    first, last = days[0][0], days[-1][0]
    width = -(-(last - first + 1) // _MOST_BARS)
    counts = [[0, 0, 0] for _ in range((last - first) // width + 1)]
    for day, status, count in days:
        which = 0 if status is RunStatus.SUCCEEDED else 1 if status in _BAD else 2
        counts[(day - first) // width][which] += count
    for number, (good, bad, other) in enumerate(counts):
        at = _EPOCH + timedelta(days=first + number * width)
        yield Bar(first=at, days=width, good=good, bad=bad, other=other)
