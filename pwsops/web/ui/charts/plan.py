"""The runs to come of profiles, counted by day and kept by instant. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cached_property
from heapq import merge
from itertools import accumulate, chain, pairwise

from pwsops.rules.collisions import Busy, collisions
from pwsops.rules.model import BackupKind, Occurrence

Durations = Mapping[BackupKind, float]
"""How many seconds runs usually take, by kind; a kind that nobody knows of is left out."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Coming:
    """One run to come, in the zone it is shown in; `end_s` is when it usually ends, in seconds since 1970.

    Where nobody knows how long it takes, it ends when it begins.
    """

    at: datetime
    profile: str = ""
    kind: BackupKind = BackupKind.FULL
    shifted: bool = False
    end_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """The runs to come of one day: how many of which kind, from when to when, and whether one was moved by a gap."""

    first: datetime
    last: datetime
    full: int = 0
    incremental: int = 0
    shifted: bool = False

    @property
    def count(self) -> int:
        """All of them."""
        return self.full + self.incremental


class Plan:
    """The runs to come of one profile over some weeks: a million of them fit into some MB.

    Parameters
    ----------
    found
        The runs, ascending.
    zone
        The zone in which they are shown.
    profile
        Whose they are; empty where there is only one.
    """

    __slots__ = ("_full", "_shifted", "begins", "days", "profile", "zone")

    def __init__(self, found: Sequence[Occurrence], zone: tzinfo, profile: str = "") -> None:
        self.profile, self.zone = profile, zone
        self.begins = array("d", [occurrence.due_at.timestamp() for occurrence in found])
        """When they begin, in seconds since 1970."""
        self._full = bytes([occurrence.kind is BackupKind.FULL for occurrence in found])
        self._shifted = frozenset(at for at, occurrence in enumerate(found) if occurrence.shifted)
        local = [each.local if each.local.tzinfo is zone else each.due_at.astimezone(zone) for each in found]
        self.days = self._counted(local)

    def _counted(self, local: Sequence[datetime]) -> dict[date, Tally]:
        days: dict[date, Tally] = {}
        begin = 0
        # Counted where Python is quick: a month of many profiles has hundreds of thousands of runs.
        for day, count in Counter(map(datetime.date, local)).items():
            end = begin + count
            full = sum(self._full[begin:end])
            shifted = any(begin <= at < end for at in self._shifted)
            days[day] = Tally(
                first=local[begin], last=local[end - 1], full=full, incremental=count - full, shifted=shifted
            )
            begin = end
        return days

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def kinds(self) -> set[BackupKind]:
        """The kinds of its runs."""
        return {BackupKind.FULL if full else BackupKind.DIFFERENTIAL for full in set(self._full)}

    def ends(self, durations: Durations) -> list[float]:
        """Return when each of them usually ends, in seconds since 1970."""
        took = [durations.get(BackupKind.DIFFERENTIAL, 0.0), durations.get(BackupKind.FULL, 0.0)]
        return [begin + took[full] for begin, full in zip(self.begins, self._full, strict=True)]

    def run(self, at: int, end_s: float = 0.0) -> Coming:
        """Return the run at a position."""
        return Coming(
            at=datetime.fromtimestamp(self.begins[at], self.zone),
            profile=self.profile,
            kind=BackupKind.FULL if self._full[at] else BackupKind.DIFFERENTIAL,
            shifted=at in self._shifted,
            end_s=end_s,
        )

    def counts(self, edges: Sequence[datetime]) -> list[tuple[int, int]]:
        """Return how many fulls and how many incrementals there are between each two instants."""
        places = [bisect_left(self.begins, edge.timestamp()) for edge in edges]
        fulls = [(sum(self._full[begin:end]), end - begin) for begin, end in pairwise(places)]
        return [(full, count - full) for full, count in fulls]

    def since(self, instant: datetime) -> Iterator[Coming]:
        """Return the runs from an instant on, as they are asked for."""
        return map(self.run, range(bisect_left(self.begins, instant.timestamp()), len(self.begins)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Clash:
    """Runs that overlap: one begins before another usually ends. In the zone they are shown in, in order."""

    begin: datetime
    end: datetime
    runs: Sequence[int]
    """Their positions among the runs of all plans, one plan after the other; see `Plans.places`."""


class Plans:
    """The plans of several profiles, added up.

    Parameters
    ----------
    plans
        One a profile.
    durations
        By profile, how long its runs take.
    """

    def __init__(self, plans: Sequence[Plan], durations: Mapping[str, Durations] | None = None) -> None:
        self.plans = plans
        self.shown = len(plans)
        """So many of them, from the first on, are what is looked at; the others are beside."""
        self.durations = durations or {}
        self.ends = [plan.ends(self.durations.get(plan.profile, {})) for plan in plans]

    @cached_property
    def days(self) -> Mapping[date, Tally]:
        """How many runs there are on each day that has any."""
        days: dict[date, list[Tally]] = {}
        for plan in self.plans[: self.shown]:
            for day, counted in plan.days.items():
                days.setdefault(day, []).append(counted)
        return {day: added(several) for day, several in sorted(days.items())}

    @property
    def days_beside(self) -> Mapping[date, Tally]:
        """How many runs those beside have on each day that has any."""
        return {}

    @cached_property
    def busy(self) -> Busy:
        """When their runs are under way."""
        return Busy(self._begins, list(chain.from_iterable(self.ends)))

    @cached_property
    def clashes(self) -> Sequence[Clash]:
        """The runs that overlap, in the order of time."""
        found = collisions(self._begins, list(chain.from_iterable(self.ends)))
        return [self._clash(clash.begin, clash.end, clash.runs) for clash in found]

    @property
    def _begins(self) -> Sequence[float]:
        return array("d", chain.from_iterable(plan.begins for plan in self.plans))

    def _clash(self, begin: float, end: float, runs: Sequence[int]) -> Clash:
        zone = self.plans[0].zone
        return Clash(begin=datetime.fromtimestamp(begin, zone), end=datetime.fromtimestamp(end, zone), runs=runs)

    @cached_property
    def clashes_by_day(self) -> Mapping[date, int]:
        """How often runs overlap on each day on which they do, by when that begins."""
        return Counter(clash.begin.date() for clash in self.clashes)

    @cached_property
    def _firsts(self) -> Sequence[int]:
        """The position of each plan's first run among all, and how many there are."""
        return [0, *accumulate(map(len, self.plans))]

    def places(self, clash: Clash) -> Sequence[tuple[int, int]]:
        """Return of each run that overlaps which plan it is of, and its position there."""
        which = [bisect_right(self._firsts, run) - 1 for run in clash.runs]
        return [(plan, run - self._firsts[plan]) for plan, run in zip(which, clash.runs, strict=True)]

    def names(self, clash: Clash) -> Sequence[str]:
        """Return the profiles whose runs overlap, each once."""
        return list(dict.fromkeys(self.plans[plan].profile for plan, _ in self.places(clash)))

    @cached_property
    def unmeasured(self) -> Sequence[str]:
        """The profiles of which some kind of run has not been measured yet."""
        return [plan.profile for plan in self.plans if plan.kinds - self.durations.get(plan.profile, {}).keys()]

    def between(self, since: datetime, until: datetime) -> Iterator[tuple[int, int]]:
        """Return the runs of a time, by plan and in order: which plan each is of, and its position there."""
        for number, plan in enumerate(self.plans):
            begin, end = (bisect_left(plan.begins, edge.timestamp()) for edge in (since, until))
            yield from ((number, at) for at in range(begin, end))

    def run(self, plan: int, at: int) -> Coming:
        """Return the run at a position of a plan, with when it usually ends."""
        return self.plans[plan].run(at, self.ends[plan][at])

    def since(self, instant: datetime) -> Iterator[Coming]:
        """Return the runs that are looked at from an instant on, in order, as they are asked for."""
        return merge(*(plan.since(instant) for plan in self.plans[: self.shown]))


class Focus(Plans):
    """The plan of one profile, with those of the others beside it: of these, what overlaps with it matters.

    Parameters
    ----------
    own
        Its plan.
    durations
        How long its runs take.
    beside
        The others.
    """

    def __init__(self, own: Plan, durations: Durations, beside: Plans) -> None:
        super().__init__([own], {own.profile: durations})
        self._beside = beside
        self._own = self.ends[0]
        self.plans = [own, *beside.plans]
        self.ends = [*self.ends, *beside.ends]
        self.durations = {**beside.durations, own.profile: durations}

    @property
    def days_beside(self) -> Mapping[date, Tally]:
        """How many runs the others have on each day that has any."""
        return self._beside.days

    @cached_property
    def clashes(self) -> Sequence[Clash]:
        """Its runs that overlap with another, in the order of time."""
        found = []
        begins = self.plans[0].begins
        for at, (begin, end) in enumerate(zip(begins, self._own, strict=True)):
            overtaken = at + 1 < len(begins) and begins[at + 1] < end
            if overtaken or self._beside.busy.meets(begin, end):
                found.append(self._clash(begin, end, [at]))
        return found

    def places(self, clash: Clash) -> Sequence[tuple[int, int]]:
        """Return its run, and those that overlap with it."""
        (own,) = clash.runs
        begin, end = self.plans[0].begins[own], self._own[own]
        found = [(0, own)]
        for number, (plan, ends) in enumerate(zip(self.plans, self.ends, strict=True)):
            # Runs of one profile follow each other: only the one before can reach into a run.
            at = max(0, bisect_left(plan.begins, begin) - 1)
            while at < len(plan) and (plan.begins[at] < end or plan.begins[at] == begin):
                meets = plan.begins[at] >= begin or ends[at] > begin
                if meets and (number, at) != (0, own):
                    found.append((number, at))
                at += 1
        return found


def added(several: Sequence[Tally]) -> Tally:
    """Add tallies up; there must be one at least."""
    if len(several) == 1:
        return several[0]
    return Tally(
        first=min(tally.first for tally in several),
        last=max(tally.last for tally in several),
        full=sum(tally.full for tally in several),
        incremental=sum(tally.incremental for tally in several),
        shifted=any(tally.shifted for tally in several),
    )
