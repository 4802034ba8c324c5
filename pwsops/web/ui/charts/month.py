"""A month of runs to come, laid out in days. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from heapq import merge
from itertools import islice

from pwsops.rules.model import BackupKind, Occurrence
from pwsops.web.ui import formatting

WEEKS = 6
DAYS = 7 * WEEKS
SHOWN = 7
"""So many marks fit into a day; more are counted."""
TOLD = 12
"""How many runs are told one by one: of a day, and of the month."""
AHEAD = 24
"""So many months behind the present one are shown."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Coming:
    """One run to come, in the zone it is shown in. `profile` is empty where there is only one."""

    at: datetime
    profile: str = ""
    kind: BackupKind = BackupKind.FULL
    shifted: bool = False


@dataclass(kw_only=True, slots=True)
class Tally:
    """The runs of one day: how many of which kind, from when to when, and the first few themselves."""

    first: datetime
    last: datetime
    full: int = 0
    incremental: int = 0
    shifted: bool = False
    runs: list[Coming] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All of them."""
        return self.full + self.incremental


def tally(occurrences: Iterable[Occurrence], zone: tzinfo, profile: str = "") -> dict[date, Tally]:
    """Count the ascending runs of one profile by the days of a zone."""
    days: dict[date, Tally] = {}
    for due_at, local, kind, shifted in occurrences:
        at = local if local.tzinfo is zone else due_at.astimezone(zone)
        day = at.date()
        known = days.get(day)
        if known is None:
            known = days[day] = Tally(first=at, last=at)
        known.last = at
        if kind is BackupKind.FULL:
            known.full += 1
        else:
            known.incremental += 1
        if shifted:
            known.shifted = True
        if len(known.runs) < TOLD:
            known.runs.append(Coming(at=at, profile=profile, kind=kind, shifted=shifted))
    return days


def together(parts: Sequence[Mapping[date, Tally]]) -> Mapping[date, Tally]:
    """Add the tallies of several profiles up."""
    if len(parts) == 1:
        return parts[0]
    days: dict[date, list[Tally]] = {}
    for part in parts:
        for day, counted in part.items():
            days.setdefault(day, []).append(counted)
    return {day: _added(several) for day, several in days.items()}


def _added(several: Sequence[Tally]) -> Tally:
    return Tally(
        first=min(one.first for one in several),
        last=max(one.last for one in several),
        full=sum(one.full for one in several),
        incremental=sum(one.incremental for one in several),
        shifted=any(one.shifted for one in several),
        runs=list(islice(merge(*(one.runs for one in several)), TOLD)),
    )


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A square or a dot in a day; `count` is 0 where it stands for one run."""

    kind: BackupKind
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Day:
    """One cell of the calendar."""

    date: date
    in_month: bool
    today: bool
    past: bool
    runs: Tally | None = None

    @property
    def number(self) -> str:
        """The day as its cell is headed: the first of a month is named."""
        return f"{self.date.day} {self.date:%b}" if self.date.day == 1 else str(self.date.day)

    @property
    def marks(self) -> Sequence[Mark]:
        """What is drawn in it."""
        if self.runs is None:
            return ()
        if self.runs.count <= SHOWN:
            return [Mark(kind=run.kind) for run in self.runs.runs]
        counted = ((BackupKind.FULL, self.runs.full), (BackupKind.DIFFERENTIAL, self.runs.incremental))
        return [Mark(kind=kind, count=count) for kind, count in counted if count]

    @property
    def span(self) -> str:
        """From its first run to its last."""
        if self.runs is None:
            return ""
        first, last = f"{self.runs.first:%H:%M}", f"{self.runs.last:%H:%M}"
        return first if self.runs.count == 1 else f"{first} {formatting.NOTHING} {last}"

    def told(self, *, named: bool = True) -> str:
        """Say the day and its runs in words, with or without the profiles' names."""
        name = f"{self.date:%A} {self.date.day} {self.date:%B %Y}"
        if self.runs is None:
            return f"{name}: no run to come"
        told = [
            f"{run.at:%H:%M} {formatting.kind(run.kind)}" + (f" ({run.profile})" if named and run.profile else "")
            for run in self.runs.runs
        ]
        more = self.runs.count - len(told)
        return f"{name}: {', '.join(told)}" + (f" and {more} more" if more else "")


@dataclass(frozen=True, kw_only=True)
class Month:
    """What a calendar shows: six weeks, of which one month matters.

    The present month begins with the present week, since what is over has no run to come.
    """

    first: date
    present: date

    @classmethod
    def read(cls, text: str, now: datetime) -> Month:
        """Read ``2026-03``; nothing, or a month that is over, is the present one, and one too far away the last."""
        today = now.date()
        year, month = map(int, text.split("-")) if text else (today.year, today.month)
        asked = max(date(year, month, 1), today.replace(day=1))
        return cls(first=min(asked, _last(today)), present=today)

    @property
    def title(self) -> str:
        """Name the month."""
        return f"{self.first:%B %Y}"

    @property
    def later(self) -> str:
        """The key of the month after; empty where that is too far away."""
        return f"{self.first + timedelta(days=32):%Y-%m}" if self.first < _last(self.present) else ""

    @property
    def earlier(self) -> str:
        """The key of the month before; empty where that is over."""
        return "" if self.first <= self.present else f"{self.first - timedelta(days=1):%Y-%m}"

    @property
    def begin(self) -> date:
        """The Monday its first week begins with."""
        day = max(self.first, self.present)
        return day - timedelta(days=day.weekday())

    def since(self, zone: tzinfo) -> datetime:
        """Return the instant its first week begins with."""
        return datetime.combine(self.begin, time(), zone)

    def end(self, zone: tzinfo) -> datetime:
        """Return the instant behind its last week."""
        return datetime.combine(self.begin + timedelta(days=DAYS), time(), zone)

    def holds(self, day: date) -> bool:
        """Whether a day belongs to the month itself."""
        return (day.year, day.month) == (self.first.year, self.first.month)

    def weeks(self, runs: Mapping[date, Tally]) -> list[list[Day]]:
        """Lay runs out in its six weeks."""
        dates = [self.begin + timedelta(days=index) for index in range(DAYS)]
        days = [
            Day(
                date=day,
                in_month=self.holds(day),
                today=day == self.present,
                past=day < self.present,
                runs=runs.get(day),
            )
            for day in dates
        ]
        return [days[at : at + 7] for at in range(0, DAYS, 7)]

    def inside(self, runs: Mapping[date, Tally]) -> Tally | None:
        """Return the runs of the month itself as one tally; None where it holds none."""
        held = [counted for day, counted in runs.items() if self.holds(day)]
        return _added(held) if held else None

    def coming(self, runs: Mapping[date, Tally], most: int) -> Sequence[Coming]:
        """Return the first runs from the month's beginning on, those of the shown days behind its end included."""
        days = sorted(day for day in runs if day >= self.first)
        return list(islice((run for day in days for run in runs[day].runs), most))


def _last(present: date) -> date:
    """Return the first day of the last month that is shown."""
    years, month = divmod(present.month - 1 + AHEAD, 12)
    return date(present.year + years, month + 1, 1)


def told(inside: Tally | None, month: Month) -> str:
    """Say how many runs a month still holds and of which kind."""
    if inside is None:
        return f"No run to come in {month.title}."
    of_them = "all of them" if inside.full == inside.count else f"{inside.full or 'none'} of them"
    return f"{formatting.counted(inside.count, 'run')} to come in {month.title}, {of_them} full."
