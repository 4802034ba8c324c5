"""A month of runs to come, laid out in days. Pure; the picture of it is drawn by `pwsops.views.calendar`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from pwsops.rules.model import BackupKind
from pwsops.views import words

WEEKS = 6
DAYS = 7 * WEEKS


@dataclass(frozen=True, kw_only=True, slots=True)
class Coming:
    """One run to come, in the zone it is shown in."""

    at: datetime
    profile: str
    kind: BackupKind
    shifted: bool = False


@dataclass(frozen=True, kw_only=True)
class Day:
    """One cell of the calendar."""

    date: date
    in_month: bool
    today: bool
    past: bool
    runs: Sequence[Coming] = ()

    @property
    def full(self) -> int:
        """How many of its runs are full."""
        return sum(run.kind is BackupKind.FULL for run in self.runs)

    @property
    def shifted(self) -> bool:
        """Whether a run was moved behind a clock change."""
        return any(run.shifted for run in self.runs)

    @property
    def span(self) -> str:
        """From its first run to its last."""
        if not self.runs:
            return ""
        first, last = f"{self.runs[0].at:%H:%M}", f"{self.runs[-1].at:%H:%M}"
        return first if len(self.runs) == 1 else f"{first} {words.DASH} {last}"


@dataclass(frozen=True, kw_only=True)
class Month:
    """What a calendar shows: six weeks, of which one month matters.

    The present month begins with the present week, since what is over has no run to come.
    """

    first: date
    present: date

    @classmethod
    def read(cls, text: str, now: datetime) -> Month:
        """Read ``2026-03``; nothing, or a month that is over, is the present one."""
        today = now.date()
        year, month = map(int, text.split("-")) if text else (today.year, today.month)
        return cls(first=max(date(year, month, 1), today.replace(day=1)), present=today)

    @property
    def title(self) -> str:
        """Name the month."""
        return f"{self.first:%B %Y}"

    @property
    def later(self) -> str:
        """The key of the month after."""
        return f"{self.first + timedelta(days=32):%Y-%m}"

    @property
    def earlier(self) -> str:
        """The key of the month before; empty where that is over."""
        return "" if self.first <= self.present else f"{self.first - timedelta(days=1):%Y-%m}"

    @property
    def begin(self) -> date:
        """The Monday its first week begins with."""
        day = max(self.first, self.present)
        return day - timedelta(days=day.weekday())

    def end(self, zone: tzinfo) -> datetime:
        """Give the instant behind its last week."""
        return datetime.combine(self.begin + timedelta(days=DAYS), time(), zone)

    def holds(self, day: date) -> bool:
        """Say whether a day belongs to the month itself."""
        return (day.year, day.month) == (self.first.year, self.first.month)

    def days(self, runs: Iterable[Coming]) -> list[Day]:
        """Lay runs out in its six weeks."""
        by_date: dict[date, list[Coming]] = defaultdict(list)
        for run in runs:
            by_date[run.at.date()].append(run)
        dates = [self.begin + timedelta(days=index) for index in range(DAYS)]
        return [
            Day(
                date=day,
                in_month=self.holds(day),
                today=day == self.present,
                past=day < self.present,
                runs=sorted(by_date[day], key=lambda run: run.at),
            )
            for day in dates
        ]


def told(runs: Sequence[Coming], month: Month) -> str:
    """Say how many runs a month still holds and of which kind."""
    if not runs:
        return f"No run to come in {month.title}."
    full = sum(run.kind is BackupKind.FULL for run in runs)
    of_them = "all of them" if full == len(runs) else f"{full or 'none'} of them"
    return f"{words.counted(len(runs), 'run')} to come in {month.title}, {of_them} full."
