"""A week hour by hour, and a day with all its runs by profile. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

from pwsops.operations.records import RunView
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.web.ui import formatting
from pwsops.web.ui.charts.month import OPEN, TROUBLE, Outcomes, begin_of
from pwsops.web.ui.charts.plan import Clash, Plans

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Week:
    """The hours of seven days, as a wall clock shows them: one that is skipped has no time, one that is repeated two.

    Parameters
    ----------
    first
        Its Monday.
    edges
        The instants at which its hours begin, and the one at which the last ends.
    places
        Of each of these hours, which day it is of, and what a clock shows.
    """

    first: date
    edges: Sequence[datetime]
    places: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, day: date, zone: tzinfo) -> Week:
        """Return the week that a day lies in."""
        first = day - timedelta(days=day.weekday())
        midnights = [begin_of(first + timedelta(days=number), zone).astimezone(UTC) for number in range(8)]
        edges, places = list[datetime](), list[tuple[int, int]]()
        for number, (at, end) in enumerate(pairwise(midnights)):
            while at < end:
                edges.append(at)
                places.append((number, at.astimezone(zone).hour))
                at += _HOUR
        return cls(first=first, edges=[*edges, midnights[-1]], places=places)

    @property
    def days(self) -> Sequence[date]:
        """Its seven days."""
        return [self.first + timedelta(days=number) for number in range(7)]

    def hours(self, plans: Plans, outcomes: Sequence[Outcomes], now: datetime) -> Mapping[tuple[int, int], Hour]:
        """Lay runs out in its hours, each by its day and what a clock shows; those that do not exist are left out.

        `outcomes`: of each of its hours, how many runs ended how.
        """
        found: dict[tuple[int, int], Hour] = {}
        counted = [plan.counts(self.edges) for plan in plans.plans]
        clashing = self._clashing(plans.clashes)
        for at, place in enumerate(self.places):
            mine, others = counted[: plans.shown], counted[plans.shown :]
            hour = Hour(
                begin=self.edges[at],
                full=sum(profile_hours[at][0] for profile_hours in mine),
                incremental=sum(profile_hours[at][1] for profile_hours in mine),
                others=sum(sum(profile_hours[at]) for profile_hours in others),
                outcomes=outcomes[at] if outcomes else {},
                clashes=at in clashing,
                past=self.edges[at + 1] <= now,
            )
            found[place] = found[place].and_again(hour) if place in found else hour
        return found

    def _clashing(self, clashes: Iterable[Clash]) -> set[int]:
        found: set[int] = set()
        for clash in clashes:
            # Of one that ends as an hour begins, that hour has nothing.
            found.update(range(max(0, bisect_right(self.edges, clash.begin) - 1), bisect_left(self.edges, clash.end)))
            if self.edges[0] <= clash.begin < self.edges[-1]:
                found.add(bisect_right(self.edges, clash.begin) - 1)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """The runs that are due in one hour. `clashes`: some overlap in it; `repeated`: the clock shows it twice."""

    begin: datetime
    full: int = 0
    incremental: int = 0
    others: int = 0
    outcomes: Outcomes = field(default_factory=dict)
    clashes: bool = False
    past: bool = False
    repeated: bool = False

    def and_again(self, other: Hour) -> Hour:
        """Return both passes of an hour that the clock shows twice."""
        statuses = self.outcomes.keys() | other.outcomes.keys()
        return Hour(
            begin=self.begin,
            full=self.full + other.full,
            incremental=self.incremental + other.incremental,
            others=self.others + other.others,
            outcomes={status: self.outcomes.get(status, 0) + other.outcomes.get(status, 0) for status in statuses},
            clashes=self.clashes or other.clashes,
            past=other.past,
            repeated=True,
        )

    @property
    def coming(self) -> int:
        """So many runs are to come in it."""
        return self.full + self.incremental

    @property
    def trouble(self) -> int:
        """So many of its runs failed, were missed or skipped."""
        return sum(self.outcomes.get(status, 0) for status in TROUBLE)

    @property
    def ended(self) -> int:
        """So many of its runs are over."""
        return sum(count for status, count in self.outcomes.items() if status not in OPEN)

    @property
    def under_way(self) -> int:
        """So many of its runs have not ended yet."""
        return sum(self.outcomes.get(status, 0) for status in OPEN)

    @property
    def succeeded(self) -> int:
        """So many of its runs succeeded: a cancelled one is over too, and is no success."""
        return self.outcomes.get(RunStatus.SUCCEEDED, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One run of a day, past or to come, in the zone it is shown in.

    Parameters
    ----------
    begin, end
        When it began and ended, or is to; `end` is None where nobody knows.
    status
        How it ended; None: it is to come.
    run
        Its number; 0: it has none yet.
    clashes
        Whether it overlaps with another.
    missed
        For how many missed runs it stands, until `end`; 0: for itself.
    """

    begin: datetime
    end: datetime | None
    kind: BackupKind
    status: RunStatus | None = None
    run: int = 0
    clashes: bool = False
    missed: int = 0
    shifted: bool = False

    @property
    def words(self) -> str:
        """What is told of it after its time: full, failed; for a run to come how long it usually takes."""
        kind = formatting.kind(self.kind)
        if self.missed > 1 and self.end is not None:
            return f"{self.missed} missed until {self.end:%H:%M}"
        if self.status is not None:
            return f"{kind}, {formatting.run_mark(self.status).word}"
        if self.end is None:
            return kind
        return f"{kind}, about {formatting.duration((self.end - self.begin).total_seconds())}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The runs of one profile on one day, in order. `beside`: it is not the one that is looked at."""

    profile: str
    entries: Sequence[Entry]
    beside: bool = False

    @property
    def trouble(self) -> int:
        """So many of them failed, were missed or skipped."""
        return sum(max(1, entry.missed) for entry in self.entries if entry.status in TROUBLE)

    @property
    def clashes(self) -> int:
        """So many of them overlap with others."""
        return sum(entry.clashes for entry in self.entries)


def lines(
    plans: Plans, runs: Iterable[RunView], since: datetime, until: datetime, zone: tzinfo, named: Iterable[str] = ()
) -> list[Line]:
    """Return all runs of a day by profile: those with trouble first, those that are only beside last.

    Parameters
    ----------
    plans
        What is to come.
    runs
        Those that are over or under way.
    since, until
        Where the day begins and ends.
    named
        The profiles that are looked at; none: all.
    """
    looked_at = set(named)
    found: dict[str, list[Entry]] = {}
    for run in runs:
        found.setdefault(run.profile, []).append(_past(run, zone))
    here = [clash for clash in plans.clashes if clash.begin < until and clash.end >= since]
    clashing = {place for clash in here for place in plans.places(clash)}
    for plan, at in plans.between(since, until):
        coming = plans.run(plan, at)
        end = datetime.fromtimestamp(coming.end_s, zone)
        found.setdefault(coming.profile, []).append(
            Entry(
                begin=coming.at,
                end=end if end > coming.at else None,
                kind=coming.kind,
                clashes=(plan, at) in clashing,
                shifted=coming.shifted,
            )
        )
    laid_out = [
        Line(profile=name, entries=entries, beside=bool(looked_at) and name not in looked_at)
        for name, entries in found.items()
    ]
    return sorted(laid_out, key=lambda line: (line.beside, not line.trouble, not line.clashes, line.profile.lower()))


def _past(run: RunView, zone: tzinfo) -> Entry:
    begin = (run.started_at or run.due_at).astimezone(zone)
    ended = run.missed_until if run.status is RunStatus.MISSED else run.finished_at
    return Entry(
        begin=begin,
        end=None if ended is None else ended.astimezone(zone),
        kind=run.kind,
        status=run.status,
        run=run.id,
        missed=run.missed_count,
    )


def clash_words(clash: Clash, names: Sequence[str], *, most: int = 3) -> str:
    """Return in words which runs overlap and when: 02:00 to 02:14: A, B and 2 more."""
    begin, end = f"{clash.begin:%H:%M}", f"{clash.end:%H:%M}"
    when = begin if begin == end else f"{begin} to {end}"
    if len(names) == 1:
        return f"{when}: {names[0]} is still running when its next run is due"
    return f"{when}: {formatting.listed(names, most)}"
