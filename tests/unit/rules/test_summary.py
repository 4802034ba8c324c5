from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth
from pwsops.rules.recurrence import describe

SUNDAYS = Renewal(period=RenewalPeriod.WEEKLY, day=6)


def said(every: int, unit: Unit, *, incremental: bool = False, renewal: Renewal = SUNDAYS, **fields: Any) -> str:
    start = datetime.fromisoformat("2026-05-06T02:30")
    recurrence = Recurrence(every=every, unit=unit, start=start, timezone="Europe/Berlin", **fields)
    return describe(recurrence, incremental=incremental, renewal=renewal).removesuffix(", Europe/Berlin")


def test_the_whole_of_a_schedule_is_one_line() -> None:
    recurrence = Recurrence(
        every=1,
        unit=Unit.HOUR,
        start=datetime.fromisoformat("2026-05-06T02:30"),
        timezone="Europe/Berlin",
        until=date(2026, 12, 31),
    )
    assert describe(recurrence, incremental=True, renewal=SUNDAYS) == (
        "every hour, full on Sundays, until 31 Dec 2026, Europe/Berlin"
    )


@pytest.mark.parametrize(
    ("every", "unit", "fields", "expected"),
    [
        (2, Unit.HOUR, {}, "every 2 hours"),
        (
            15,
            Unit.MINUTE,
            {"between": (time(6), time(22)), "weekdays": (4, 3, 2, 1, 0)},
            "every 15 minutes from 06:00 to 22:00 on weekdays",
        ),
        (1, Unit.HOUR, {"weekdays": (5, 6)}, "every hour on weekends"),
        (1, Unit.HOUR, {"weekdays": (0,)}, "every hour on Mondays"),
        (1, Unit.HOUR, {"weekdays": tuple(range(7))}, "every hour"),
        (1, Unit.DAY, {}, "every day at 02:30"),
        (1, Unit.DAY, {"at": time(4, 5, 6)}, "every day at 04:05:06"),
        (1, Unit.DAY, {"weekdays": (2, 0)}, "on Mon and Wed at 02:30"),
        (1, Unit.DAY, {"weekdays": tuple(range(7))}, "every day at 02:30"),
        (3, Unit.DAY, {"weekdays": (0, 2, 4)}, "every 3 days, only on Mon, Wed and Fri, at 02:30"),
        (2, Unit.WEEK, {"weekdays": (0, 2), "at": time(22)}, "every 2 weeks on Mon and Wed at 22:00"),
        (1, Unit.WEEK, {}, "every week on Wednesday at 02:30"),
        (1, Unit.MONTH, {}, "on day 6 of every month at 02:30"),
        (3, Unit.MONTH, {"on_day": 30}, "on day 30 (or the last) of every 3 months at 02:30"),
        (1, Unit.MONTH, {"on_day": 31}, "on the last day of every month at 02:30"),
        (
            1,
            Unit.MONTH,
            {"on_day": WeekdayOfMonth(weekday=4, last=True)},
            "on the last Friday of every month at 02:30",
        ),
        (
            1,
            Unit.MONTH,
            {"on_day": WeekdayOfMonth(weekday=0, last=False)},
            "on the first Monday of every month at 02:30",
        ),
    ],
)
def test_a_rhythm_is_said_as_people_would(every: int, unit: Unit, fields: dict[str, Any], expected: str) -> None:
    assert said(every, unit, **fields) == expected


@pytest.mark.parametrize(
    ("renewal", "expected"),
    [
        (Renewal(), "every hour, incremental after the first full"),
        (Renewal(period=RenewalPeriod.MONTHLY, day=1), "every hour, full on day 1 of every month"),
        (Renewal(period=RenewalPeriod.MONTHLY, day=31), "every hour, full on the last day of every month"),
    ],
)
def test_an_incremental_says_when_it_is_full(renewal: Renewal, expected: str) -> None:
    assert said(1, Unit.HOUR, incremental=True, renewal=renewal) == expected
