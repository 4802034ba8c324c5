from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from pwsops.errors import InvalidInput
from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth
from pwsops.rules.recurrence import validate

START = datetime.fromisoformat("2026-05-06T02:30")  # a Wednesday
HOURLY = Recurrence(every=1, unit=Unit.HOUR, start=START, timezone="Europe/Berlin")
DAILY = replace(HOURLY, unit=Unit.DAY)
WEEKLY = replace(HOURLY, unit=Unit.WEEK)
MONTHLY = replace(HOURLY, unit=Unit.MONTH)


@pytest.mark.parametrize(
    ("base", "change", "named"),
    [
        (HOURLY, {"timezone": "Europe/Atlantis"}, "timezone"),
        (HOURLY, {"timezone": ""}, "timezone"),
        (HOURLY, {"timezone": "Europe"}, "timezone"),
        (HOURLY, {"timezone": "../etc/passwd"}, "timezone"),
        (HOURLY, {"timezone": "a\0b"}, "timezone"),
        (HOURLY, {"start": START.replace(tzinfo=UTC)}, "start"),
        (HOURLY, {"start": START.replace(year=1)}, "start"),
        (HOURLY, {"start": START.replace(year=9999)}, "start"),
        (HOURLY, {"until": date(2026, 5, 5)}, "until"),
        (HOURLY, {"every": 0}, "every"),
        (DAILY, {"every": -1}, "every"),
        (HOURLY, {"every": 24}, "every"),
        (HOURLY, {"every": 1440, "unit": Unit.MINUTE}, "every"),
        (HOURLY, {"at": time(2)}, "at"),
        (HOURLY, {"at": time(2), "unit": Unit.MINUTE}, "at"),
        (DAILY, {"at": time(2, tzinfo=UTC)}, "at"),
        (DAILY, {"between": (time(6), time(22))}, "between"),
        (WEEKLY, {"between": (time(6), time(22))}, "between"),
        (HOURLY, {"between": (time(6), time(22, tzinfo=UTC))}, "between"),
        (WEEKLY, {"weekdays": (7,)}, "weekdays"),
        (HOURLY, {"weekdays": (0, -1)}, "weekdays"),
        (MONTHLY, {"weekdays": (0,)}, "weekdays"),
        (MONTHLY, {"on_day": 0}, "on_day"),
        (MONTHLY, {"on_day": 32}, "on_day"),
        (MONTHLY, {"on_day": WeekdayOfMonth(weekday=7, last=False)}, "on_day"),
        (DAILY, {"on_day": 15}, "on_day"),
        (WEEKLY, {"on_day": WeekdayOfMonth(weekday=0, last=True)}, "on_day"),
        (DAILY, {"every": 7, "weekdays": (0,), "until": date(2036, 1, 1)}, "until"),
        (MONTHLY, {"on_day": 31, "until": date(2026, 5, 30)}, "until"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field_and_a_way_out(
    base: Recurrence, change: dict[str, Any], named: str
) -> None:
    validate(base, Renewal())
    with pytest.raises(InvalidInput) as refused:
        validate(replace(base, **change), Renewal())
    assert refused.value.field == named
    assert "`" not in refused.value.message + refused.value.hint, "pages call fields otherwise than the code"
    assert refused.value.hint


@pytest.mark.parametrize(
    "given",
    [
        replace(HOURLY, every=23, between=(time(22), time(4)), weekdays=(0, 6)),
        replace(HOURLY, every=1439, unit=Unit.MINUTE, between=(time(6), time(6))),
        replace(DAILY, every=400, at=time(2, 30), until=date(2026, 5, 6)),
        replace(DAILY, every=7, weekdays=(2,)),
        replace(WEEKLY, every=2, weekdays=(0, 2)),
        replace(MONTHLY, on_day=31),
        replace(MONTHLY, on_day=WeekdayOfMonth(weekday=4, last=True)),
    ],
)
def test_what_makes_sense_is_accepted(given: Recurrence) -> None:
    validate(given, Renewal())


@pytest.mark.parametrize(
    ("renewal", "accepted"),
    [
        (Renewal(period=RenewalPeriod.WEEKLY, day=0), True),
        (Renewal(period=RenewalPeriod.WEEKLY, day=7), False),
        (Renewal(period=RenewalPeriod.MONTHLY, day=31), True),
        (Renewal(period=RenewalPeriod.MONTHLY, day=0), False),
        (Renewal(period=RenewalPeriod.MONTHLY, day=32), False),
    ],
)
def test_a_renewal_needs_a_day_of_its_period(renewal: Renewal, accepted: bool) -> None:
    if accepted:
        validate(HOURLY, renewal)
        return
    with pytest.raises(InvalidInput, match="renewal") as refused:
        validate(HOURLY, renewal)
    assert refused.value.field == "renew_full"
    assert refused.value.hint
