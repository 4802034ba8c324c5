"""Periods by name and by day, in every zone, also on days that are 23 or 25 hours long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.periods import Period, PeriodName, between, days, named, read_day
from tests.unit.rules.strategies import ZONES, moments

BERLIN = ZoneInfo("Europe/Berlin")
ZONED = st.sampled_from(ZONES).flatmap(lambda zone: st.tuples(st.just(ZoneInfo(zone)), moments(zone)))


@given(ZONED)
def test_now_is_today_and_within_seven_days_and_after_last_month(zoned: tuple[ZoneInfo, datetime]) -> None:
    zone, now = zoned
    for name in (PeriodName.TODAY, PeriodName.WEEK):
        found = named(name, now, zone)
        assert found.since is not None
        assert found.until is not None
        assert found.since <= now < found.until
    month = named(PeriodName.MONTH, now, zone)
    assert month.until is not None
    assert month.until <= now


@given(ZONED)
def test_the_days_of_a_period_follow_each_other_without_gap_or_overlap(zoned: tuple[ZoneInfo, datetime]) -> None:
    zone, now = zoned
    for name in PeriodName:
        first, last = days(name, now, zone)
        every = [date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1)]
        parts = [between(day, day, zone) for day in every]
        assert all(one.until == other.since for one, other in pairwise(parts))
        assert Period(since=parts[0].since, until=parts[-1].until) == named(name, now, zone)


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-03-29T12:00", 23), ("2026-10-25T12:00", 25), ("2026-06-01T12:00", 24)]
)
def test_a_day_on_which_clocks_change_has_its_own_length(now: str, hours: int) -> None:
    found = named(PeriodName.TODAY, datetime.fromisoformat(now).replace(tzinfo=UTC), BERLIN)
    assert found.since is not None
    assert found.until is not None
    assert found.until - found.since == timedelta(hours=hours)


def test_last_month_is_a_calendar_month_of_the_zone_also_over_a_year() -> None:
    # In Berlin it is January already.
    found = named(PeriodName.MONTH, datetime(2026, 12, 31, 23, 30, tzinfo=UTC), BERLIN)
    assert found == Period(
        since=datetime(2026, 11, 30, 23, tzinfo=UTC), until=datetime(2026, 12, 31, 23, tzinfo=UTC)
    )  # fmt: skip


def test_yesterdays_date_that_comes_again_belongs_to_the_day_that_has_begun() -> None:
    zone = ZoneInfo("America/St_Johns")  # at 00:01 on 1 November 2009 it was 23:01 of October again
    found = named(PeriodName.TODAY, datetime(2009, 11, 1, 3, 0, tzinfo=UTC), zone)
    assert found.since == datetime(2009, 11, 1, 2, 30, tzinfo=UTC)


def test_both_days_are_included_and_each_may_be_left_out() -> None:
    assert between(None, None, BERLIN) == Period()
    assert between(date(2026, 3, 1), date(2026, 3, 1), BERLIN) == Period(
        since=datetime(2026, 2, 28, 23, tzinfo=UTC), until=datetime(2026, 3, 1, 23, tzinfo=UTC)
    )


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "1969-12-31", "9001-01-01", "2026-03-01T00:00", "<b>"])
def test_what_names_no_day_is_none(text: str) -> None:
    assert read_day(text) is None


def test_a_day_is_read() -> None:
    assert read_day("2026-03-01") == date(2026, 3, 1)
