"""The days on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.wallclock import clock_changes

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "at", "by"),
    [
        ("Europe/Berlin", date(2027, 3, 28), datetime(2027, 3, 28, 1, tzinfo=UTC), HOUR),
        ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 25, 1, tzinfo=UTC), -HOUR),
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 1, 6, tzinfo=UTC), -HOUR),
        ("Australia/Lord_Howe", date(2026, 10, 4), datetime(2026, 10, 3, 15, 30, tzinfo=UTC), HOUR / 2),
        # Midnight itself: the day that begins an hour late, and the one that ends twice.
        ("Africa/Cairo", date(2026, 4, 24), datetime(2026, 4, 23, 22, tzinfo=UTC), HOUR),
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 5, tzinfo=UTC), -HOUR),
    ],
)
def test_a_change_is_found_on_its_day_alone(zone: str, day: date, at: datetime, by: timedelta) -> None:
    found = clock_changes(ZoneInfo(zone), day - timedelta(days=20), 42)
    assert {day: (change.at, change.by) for day, change in found.items()} == {day: (at, by)}


def test_a_zone_without_changes_has_none() -> None:
    assert clock_changes(ZoneInfo("UTC"), date(2026, 1, 1), 366) == {}
    assert clock_changes(UTC, date(2026, 1, 1), 366) == {}


def test_both_directions_of_a_year_are_found() -> None:
    found = clock_changes(ZoneInfo("Europe/Berlin"), date(2027, 1, 1), 365)
    assert [change.by for change in found.values()] == [HOUR, -HOUR]
