"""What calendars show, worked out once for all pages."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pwsops.errors import NotFound
from pwsops.operations.records import ProfileView
from pwsops.rules.wallclock import clock_changes
from pwsops.web.ui.charts.hours import Hour, Line, Week, lines
from pwsops.web.ui.charts.month import DAYS, Day, Month, Outcomes, begin_of, clocks
from pwsops.web.ui.charts.plan import Durations, Focus, Plan, Plans

if TYPE_CHECKING:
    from pwsops.operations import Operations
    from pwsops.web.live.snapshot import Snapshot

_KEPT = 2_000
"""How many plans are kept: one a profile and month."""
_SUMS_KEPT = 12
"""How many sums of plans are kept."""
MONTH, WEEK, DAY = "", "week", "day"
_NONE, _ONE = timedelta(), timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a calendar is asked for.

    Parameters
    ----------
    profiles
        Those that are looked at.
    beside
        Those that are shown faintly, and where they overlap.
    own
        The plan of a profile that is being edited; it takes the place of `profiles`.
    month, zone
        Its weeks, and whose clock it shows.
    view, day
        The whole, or the week or the day of a day.
    now
        Up to when runs are past.
    """

    profiles: Sequence[ProfileView] = ()
    beside: Sequence[ProfileView] = ()
    own: Plan | None = None
    month: Month
    zone: tzinfo
    view: str = MONTH
    day: date | None = None
    now: datetime

    @property
    def named(self) -> str | None:
        """The one profile whose past is shown; None: everybody's."""
        if self.own is not None:
            return self.own.profile
        return self.profiles[0].name if self.beside or len(self.profiles) == 1 else None

    @property
    def place(self) -> Hashable:
        """What is looked at, whatever has happened since."""
        return (self.named, self.month.begin, str(self.zone), self.view, self.day)


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a calendar shows."""

    request: Request
    plans: Plans
    weeks: Sequence[Sequence[Day]]
    changes: Mapping[date, tuple[str, float]]
    week: Week | None = None
    hours: Mapping[tuple[int, int], Hour] = field(default_factory=dict)
    lines: Sequence[Line] = ()

    @property
    def days(self) -> Sequence[Day]:
        """Its days, one after the other."""
        return [day for week in self.weeks for day in week]


class CalendarCache:
    """Plans by profile and month, kept until the profile changes or has run, and how long runs take.

    Only what is shown is worked out, however far away it is. Safe from several threads.
    """

    def __init__(self, ops: Operations) -> None:
        self._ops = ops
        self._lock = threading.Lock()
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._durations: dict[tuple[object, ...], Durations] = {}
        self._sums: dict[Hashable, Plans] = {(): Plans([])}
        self._zones: dict[tuple[object, ...], tzinfo] = {}

    def is_known(self, request: Request) -> bool:
        """Whether nothing has to be worked out for it but the past."""
        with self._lock:
            return all(_sum_key(_keyed(part, request)) in self._sums for part in (request.profiles, request.beside))

    def plans(self, ops: Operations, request: Request) -> Plans:
        """Return the runs to come. Takes some milliseconds for each profile that is not known yet."""
        if request.own is not None:
            # Its name was typed: how long the runs of a profile of that name take is told to those who may see it.
            durations = ops.calendar.durations([request.own.profile])[request.own.profile]
            return Focus(request.own, durations, self._sum(request.beside, request))
        if not request.beside:
            return self._sum(request.profiles, request)
        (profile,) = request.profiles
        own = self._sum([profile], request)
        plan = own.plans[0] if own.plans else Plan([], request.zone, profile.name)
        return Focus(plan, own.durations.get(profile.name, {}), self._sum(request.beside, request))

    def _sum(self, profiles: Sequence[ProfileView], request: Request) -> Plans:
        keyed = _keyed(profiles, request)
        key = _sum_key(keyed)
        with self._lock:
            found = self._sums.get(key)
        if found is None:
            durations = self._measured([profile for profile, _ in keyed])
            found = Plans([self._plan(profile, key, request) for profile, key in keyed], durations)
            with self._lock:
                if len(self._sums) >= _SUMS_KEPT:
                    del self._sums[next(filter(None, self._sums))]
                self._sums[key] = found
        return found

    def _plan(self, profile: ProfileView, key: tuple[object, ...], request: Request) -> Plan:
        with self._lock:
            known = self._plans.get(key)
        if known is None:
            assert profile.next_due_at is not None
            start = max(profile.next_due_at, request.month.since(request.zone))
            until = request.month.end(request.zone)
            try:
                found = self._ops.profiles.preview(profile.name, start=start, until=until) if start < until else []
            except NotFound:
                # It was deleted a moment ago, which the next snapshot knows.
                return Plan([], request.zone, profile.name)
            known = Plan(found, request.zone, profile.name)
            with self._lock:
                if len(self._plans) >= _KEPT:
                    self._plans.clear()
                self._plans[key] = known
        return known

    def _measured(self, profiles: Sequence[ProfileView]) -> dict[str, Durations]:
        """Return how long the runs of each take, by name."""
        with self._lock:
            known = {
                each.name: self._durations[_measure(each)] for each in profiles if _measure(each) in self._durations
            }
        unknown = [profile for profile in profiles if profile.name not in known]
        if unknown:
            known |= self._ops.calendar.durations([profile.name for profile in unknown])
            with self._lock:
                if len(self._durations) >= _KEPT:
                    self._durations.clear()
                self._durations |= {_measure(profile): known[profile.name] for profile in unknown}
        return known

    def zone_of(self, profile: ProfileView) -> tzinfo:
        """Return a profile's own time zone; kept until its schedule changes. UTC for one that cannot be worked out."""
        if profile.broken:
            return UTC
        key = (profile.id, profile.name, profile.schedule)
        with self._lock:
            known = self._zones.get(key)
        if known is None:
            known = ZoneInfo(self._ops.profiles.get(profile.name).timezone)
            with self._lock:
                self._zones[key] = known
        return known

    def content(self, ops: Operations, request: Request) -> Content:
        """Return what a calendar shows to somebody whose operations are given: the past is theirs alone."""
        plans, month, zone = self.plans(ops, request), request.month, request.zone
        changes = {
            day: (clocks(change, zone), change.by.total_seconds())
            for day, change in clock_changes(zone, month.begin, DAYS).items()
        }
        weeks = month.weeks(plans, _past(ops, request), changes)
        content = Content(request=request, plans=plans, weeks=weeks, changes=changes)
        if request.day is None or request.view not in (WEEK, DAY):
            return content
        if request.view == WEEK:
            return _with_week(content, ops)
        since, until = (begin_of(request.day + days, zone) for days in (_NONE, _ONE))
        runs = ops.calendar.runs(since, until) if month.behind else ops.calendar.runs(since, until, request.named)
        named = [request.named] if request.named is not None else []
        return replace(content, lines=lines(plans, runs, since, until, zone, named))


def _with_week(content: Content, ops: Operations) -> Content:
    request = content.request
    assert request.day is not None
    week = Week.of(request.day, request.zone)
    begun = request.month.behind and week.edges[0] <= request.now
    outcomes = ops.calendar.outcomes(week.edges, request.named) if begun else []
    return replace(content, week=week, hours=week.hours(content.plans, outcomes, request.now))


def _past(ops: Operations, request: Request) -> dict[date, Outcomes]:
    edges = [edge for edge in request.month.edges(request.zone) if edge <= request.now]
    if not edges or not request.month.behind:
        return {}
    edges = request.month.edges(request.zone)[: len(edges) + 1]
    found = ops.calendar.outcomes(edges, request.named)
    return {edge.date(): outcomes for edge, outcomes in zip(edges, found, strict=False)}


def _sum_key(keyed: Sequence[tuple[ProfileView, tuple[object, ...]]]) -> Hashable:
    return tuple((key, _measure(profile)) for profile, key in keyed)


def _measure(profile: ProfileView) -> tuple[object, ...]:
    return (profile.id, profile.name, None if profile.last_run is None else profile.last_run.id)


def _keyed(profiles: Sequence[ProfileView], request: Request) -> list[tuple[ProfileView, tuple[object, ...]]]:
    """Return the profiles that have runs to come, with what their plans are known by."""
    shown = (request.month.begin, str(request.zone))
    return [
        (profile, (profile.id, profile.name, profile.schedule, profile.next_due_at, profile.next_kind, *shown))
        for profile in profiles
        if profile.next_due_at is not None
    ]


def due_since(profiles: Sequence[ProfileView], snapshot: Snapshot) -> datetime | None:
    """Return the earliest run that is due and that nobody does, because the service is stopped; None: there is none."""
    if snapshot.service.running:
        return None
    due = [each.next_due_at for each in profiles if each.next_due_at is not None and each.next_due_at <= snapshot.at]
    return min(due, default=None)
