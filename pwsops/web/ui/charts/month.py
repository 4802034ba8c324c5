"""Six weeks of runs, laid out in days: the past with how it ended, and what is to come. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo

from pwsops.rules.model import RunStatus
from pwsops.rules.wallclock import ClockChange
from pwsops.web.ui import formatting
from pwsops.web.ui.charts.plan import Plans, Tally, added

WEEKS = 6
DAYS = 7 * WEEKS
AHEAD = BEHIND = 24
"""So many months after the present one are shown, and so many before it."""
TROUBLE = (RunStatus.FAILED, RunStatus.MISSED, RunStatus.SKIPPED)
OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
_DAY = timedelta(days=1)

Outcomes = Mapping[RunStatus, int]


def day_name(day: date, *, year: bool = False) -> str:
    """Return a day in words: Sunday 6 December."""
    return f"{day:%A} {day.day} {day:%B %Y}" if year else f"{day:%A} {day.day} {day:%B}"


def clocks(change: ClockChange, zone: tzinfo) -> str:
    """Return a change of the clocks in words: clocks go forward 1 h at 02:00."""
    at = change.at.astimezone(zone) - change.by
    way = "forward" if change.by > timedelta() else "back"
    return f"clocks go {way} {formatting.duration(abs(change.by).total_seconds())} at {at:%H:%M}"


@dataclass(frozen=True, kw_only=True)
class Day:
    """One cell of the calendar.

    Parameters
    ----------
    runs
        What is to come on it.
    outcomes
        How many runs of it ended how.
    clashes
        How often runs overlap on it.
    others
        So many runs of other profiles are to come on it, where only one profile is shown.
    change
        What clocks do on it, in words; empty: nothing.
    put_forward_s
        By how much they are put forward, in seconds; negative: back.
    """

    date: date
    in_month: bool
    today: bool
    past: bool
    runs: Tally | None = None
    outcomes: Outcomes = field(default_factory=dict)
    clashes: int = 0
    others: int = 0
    change: str = ""
    put_forward_s: float = 0.0

    @property
    def number(self) -> str:
        """The day as its cell is headed: the first of a month is named."""
        return f"{self.date.day} {self.date:%b}" if self.date.day == 1 else str(self.date.day)

    @property
    def span(self) -> str:
        """From its first run to come to its last."""
        if self.runs is None:
            return ""
        first, last = f"{self.runs.first:%H:%M}", f"{self.runs.last:%H:%M}"
        return first if self.runs.count == 1 else f"{first} {formatting.NOTHING} {last}"

    def ended(self, *statuses: RunStatus) -> int:
        """Count the runs that ended so."""
        return sum(self.outcomes.get(status, 0) for status in statuses)

    @property
    def trouble(self) -> int:
        """So many runs failed, were missed or skipped."""
        return self.ended(*TROUBLE)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell of it."""
        return self.runs is None and not any(self.outcomes.values()) and not self.change and not self.others

    @property
    def past_words(self) -> str:
        """How its runs ended: 23 succeeded, 1 failed."""
        counts = [(status, self.outcomes.get(status, 0)) for status in RunStatus]
        return ", ".join(f"{count} {formatting.run_mark(status).word}" for status, count in counts if count)

    @property
    def coming_words(self) -> str:
        """What is to come on it: 24 runs to come, 1 of them full, 00:00 to 23:00."""
        if self.runs is None:
            return ""
        return f"{formatting.counted(self.runs.count, 'run')} to come, {full_of(self.runs)}, {self.span}"

    @property
    def words(self) -> str:
        """All that is told of it, in one line."""
        clashes = f"runs overlap {formatting.counted(self.clashes, 'time')}" if self.clashes else ""
        others = f"{formatting.counted(self.others, 'run')} of other profiles" if self.others else ""
        parts = [part for part in (self.past_words, self.coming_words, clashes, others, self.change) if part]
        return f"{day_name(self.date, year=True)}: {'; '.join(parts) or 'no runs'}"


def full_of(runs: Tally) -> str:
    """Return how many of some runs are full, in words."""
    if runs.count == 1:
        return "full" if runs.full else "incremental"
    return "all of them full" if runs.full == runs.count else f"{runs.full or 'none'} of them full"


@dataclass(frozen=True, kw_only=True)
class Month:
    """What a calendar shows: six weeks.

    They are those of a month, or, without one, those around today: the week before this one, so that what ended badly
    is seen, and what is to come. `behind`: so many weeks of the past are shown there; 0: no past at all.
    """

    first: date
    present: date
    named: bool = False
    behind: int = 1

    @classmethod
    def read(cls, text: str, now: datetime, *, behind: int = 1) -> Month:
        """Read ``2026-03``; nothing means the weeks around today, and a month too far away the last that is shown."""
        today = now.date()
        present = today.replace(day=1)
        if not text:
            return cls(first=present, present=today, behind=behind)
        year, month = map(int, text.split("-"))
        earliest = _months_on(present, -BEHIND) if behind else present
        asked = max(date(year, month, 1), earliest)
        first = min(asked, _months_on(present, AHEAD))
        return cls(first=first, present=today, named=bool(behind) or first > present, behind=behind)

    @classmethod
    def around(cls, day: date, month: Month, now: datetime) -> Month:
        """Return what shows the whole week of a day: `month`, where it does, or that of the day."""
        monday = day - timedelta(days=day.weekday())
        if month.begin <= monday and monday + timedelta(days=6) <= month.last:
            return month
        return cls.read(f"{day:%Y-%m}", now, behind=month.behind)

    @staticmethod
    def limits(today: date, *, behind: int = 1) -> tuple[date, date]:
        """Return the first and the last day that are shown."""
        earliest = _months_on(today, -BEHIND) if behind else today
        return earliest, _months_on(today, AHEAD + 1) - _DAY

    @property
    def title(self) -> str:
        """Name the month, or the days."""
        if self.named:
            return f"{self.first:%B %Y}"
        return f"{self.begin.day} {self.begin:%b} {formatting.NOTHING} {self.last.day} {self.last:%b %Y}"

    @property
    def later(self) -> str:
        """The key of the month after; empty where that is too far away."""
        return _key(_months_on(self.first, 1)) if self.first < _months_on(self.present, AHEAD) else ""

    @property
    def earlier(self) -> str:
        """The key of the month before; empty where that is not shown.

        Where the weeks around today leave out days of the present month, it comes first.
        """
        if not self.behind:
            return _key(_months_on(self.first, -1)) if self.named else ""
        if not self.named and self.begin > self.first:
            return _key(self.first)
        return _key(_months_on(self.first, -1)) if self.first > _months_on(self.present, -BEHIND) else ""

    @property
    def begin(self) -> date:
        """The Monday its first week begins with."""
        day = self.first if self.named else max(self.first, self.present - timedelta(weeks=self.behind))
        return day - timedelta(days=day.weekday())

    @property
    def last(self) -> date:
        """The Sunday its last week ends with."""
        return self.begin + timedelta(days=DAYS - 1)

    def since(self, zone: tzinfo) -> datetime:
        """Return the instant its first week begins with."""
        return begin_of(self.begin, zone)

    def end(self, zone: tzinfo) -> datetime:
        """Return the instant behind its last week."""
        return begin_of(self.last + _DAY, zone)

    def edges(self, zone: tzinfo) -> list[datetime]:
        """Return the instants at which its days begin, and the one at which the last ends."""
        return [begin_of(self.begin + timedelta(days=number), zone) for number in range(DAYS + 1)]

    def holds(self, day: date) -> bool:
        """Whether a day is one that the calendar is about: of the month, where it is of one."""
        if self.named:
            return (day.year, day.month) == (self.first.year, self.first.month)
        return self.begin <= day <= self.last

    @property
    def where(self) -> str:
        """The time that is summed up, after "to come": in December 2026, or until a day."""
        return f"in {self.title}" if self.named else f"until {self.last.day} {self.last:%B %Y}"

    def weeks(
        self,
        plans: Plans | None = None,
        outcomes: Mapping[date, Outcomes] | None = None,
        changes: Mapping[date, tuple[str, float]] | None = None,
    ) -> list[list[Day]]:
        """Lay runs out in its six weeks; `changes` are those of the clocks, in words and in seconds."""
        runs = {} if plans is None else plans.days
        clashes = {} if plans is None else plans.clashes_by_day
        beside = {} if plans is None else plans.days_beside
        days = []
        for day in (self.begin + timedelta(days=number) for number in range(DAYS)):
            change, put_forward_s = (changes or {}).get(day, ("", 0.0))
            days.append(
                Day(
                    date=day,
                    in_month=self.holds(day),
                    today=day == self.present,
                    past=day < self.present,
                    runs=runs.get(day),
                    outcomes=(outcomes or {}).get(day, {}),
                    clashes=clashes.get(day, 0),
                    others=beside[day].count if day in beside else 0,
                    change=change,
                    put_forward_s=put_forward_s,
                )
            )
        return [days[at : at + 7] for at in range(0, DAYS, 7)]

    def inside(self, runs: Mapping[date, Tally]) -> Tally | None:
        """Return the runs to come that the calendar is about as one tally; None where there are none."""
        held = [counted for day, counted in runs.items() if self.holds(day)]
        return added(held) if held else None


def begin_of(day: date, zone: tzinfo) -> datetime:
    """Return the midnight that a day begins with."""
    return datetime.combine(day, time(), zone)


def _key(first: date) -> str:
    return f"{first:%Y-%m}"


def _months_on(day: date, months: int) -> date:
    """Return the first day of the month that is so many months on."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def coming_text(inside: Tally | None, month: Month) -> str:
    """Return in words how many runs are to come and of which kind."""
    if inside is None:
        return f"No run to come {month.where}."
    return f"{formatting.counted(inside.count, 'run')} to come {month.where}, {full_of(inside)}."


def ended(days: Sequence[Day], month: Month) -> str:
    """Return in words how the past runs that a calendar is about ended; empty where there are none."""
    sums = {status: sum(day.outcomes.get(status, 0) for day in days if month.holds(day.date)) for status in RunStatus}
    if not any(sums.values()):
        return ""
    whole = Day(date=month.begin, in_month=True, today=False, past=True, outcomes=sums)
    since = f"In {month.title}" if month.named else f"Since {month.begin.day} {month.begin:%B}"
    return f"{since}: {whole.past_words}."
