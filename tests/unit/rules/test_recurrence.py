"""Days and nights on which clocks did something, by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.due import batches, due_instants
from pwsops.rules.model import BackupKind, Occurrence, Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth
from pwsops.rules.recurrence import due_between, next_due, occurrences, renewal_between
from tests.unit.rules import oracle

FULL, DIFFERENTIAL = BackupKind.FULL, BackupKind.DIFFERENTIAL


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def recurrence(every: int, unit: Unit, zone: str, start: str, **fields: Any) -> Recurrence:
    return Recurrence(every=every, unit=unit, timezone=zone, start=wall(start), **fields)


def local_times(found: list[Occurrence]) -> list[str]:
    return [f"{each.local:%d %H:%M}" for each in found]


def first(given: Recurrence, count: int, start: str) -> list[Occurrence]:
    return list(islice(occurrences(given, start=utc(start)), count))


def until(given: Recurrence, start: str, end: str) -> list[datetime]:
    return list(due_between(given, utc(start), utc(end)))


def test_a_daily_slot_in_the_spring_gap_of_berlin_runs_at_the_first_instant_after_it() -> None:
    daily = recurrence(1, Unit.DAY, "Europe/Berlin", "2026-03-28T02:30")
    found = first(daily, 3, "2026-03-01T00:00")
    assert [each.due_at for each in found] == [
        utc("2026-03-28T01:30"),
        utc("2026-03-29T01:00"),
        utc("2026-03-30T00:30"),
    ]
    assert [each.shifted for each in found] == [False, True, False]
    assert local_times(found) == ["28 02:30", "29 03:00", "30 02:30"]


def test_a_daily_slot_in_the_repeated_hour_of_berlin_takes_the_first_pass() -> None:
    daily = recurrence(1, Unit.DAY, "Europe/Berlin", "2026-10-25T02:30")
    assert [each.due_at for each in first(daily, 2, "2026-10-01T00:00")] == [
        utc("2026-10-25T00:30"),
        utc("2026-10-26T01:30"),
    ]


def test_an_hourly_profile_never_leaves_more_nor_less_than_an_hour_open_where_clocks_shift_by_one() -> None:
    hourly = recurrence(1, Unit.HOUR, "Europe/Berlin", "2026-01-01T00:00")
    found = [each.due_at for each in first(hourly, 8760, "2026-01-01T00:00")]
    assert {after - before for before, after in pairwise(found)} == {timedelta(hours=1)}


def test_slots_that_land_on_one_instant_are_one_run_and_not_marked_as_moved() -> None:
    half_hourly = recurrence(30, Unit.MINUTE, "Europe/Berlin", "2026-03-29T01:30")
    found = first(half_hourly, 3, "2026-03-29T00:00")
    assert local_times(found) == ["29 01:30", "29 03:00", "29 03:30"]
    assert not any(each.shifted for each in found)


def test_a_profile_that_starts_in_the_gap_runs_after_it() -> None:
    single = recurrence(1, Unit.DAY, "Europe/Berlin", "2026-03-29T02:30", until=date(2026, 3, 29))
    assert [each.due_at for each in occurrences(single, start=utc("2026-01-01T00:00"))] == [utc("2026-03-29T01:00")]


def test_lord_howe_shifts_by_half_an_hour() -> None:
    quarter = recurrence(15, Unit.MINUTE, "Australia/Lord_Howe", "2026-01-01T00:00")
    # Forward on 4 October at 02:00, by 30 minutes.
    assert local_times(first(quarter, 3, "2026-10-03T15:15")) == ["04 01:45", "04 02:30", "04 02:45"]
    # Back on 5 April at 02:00, to 01:30.
    assert local_times(first(quarter, 5, "2026-04-04T14:30")) == [
        "05 01:30", "05 01:45", "05 01:30", "05 01:45", "05 02:00",
    ]  # fmt: skip


def test_troll_shifts_by_two_hours() -> None:
    daily = recurrence(1, Unit.DAY, "Antarctica/Troll", "2026-03-01T01:15")
    assert until(daily, "2026-03-28T12:00", "2026-03-29T12:00") == [utc("2026-03-29T01:00")]
    hourly = recurrence(1, Unit.HOUR, "Antarctica/Troll", "2026-03-01T00:00")
    assert local_times(first(hourly, 3, "2026-03-29T00:00")) == ["29 00:00", "29 03:00", "29 04:00"]
    assert local_times(first(hourly, 6, "2026-10-24T23:00")) == [
        "25 01:00", "25 02:00", "25 01:00", "25 02:00", "25 03:00", "25 04:00",
    ]  # fmt: skip


def test_apia_had_no_30_december_2011_so_its_runs_are_one_at_the_next_midnight() -> None:
    daily = recurrence(1, Unit.DAY, "Pacific/Apia", "2011-12-29T08:00")
    found = first(daily, 3, "2011-12-01T00:00")
    assert local_times(found) == ["29 08:00", "31 00:00", "31 08:00"]
    assert [each.shifted for each in found] == [False, True, False]
    hourly = recurrence(1, Unit.HOUR, "Pacific/Apia", "2011-12-29T22:00")
    assert local_times(first(hourly, 4, "2011-12-01T00:00")) == ["29 22:00", "29 23:00", "31 00:00", "31 01:00"]


def test_a_weekly_full_on_the_day_that_apia_skipped_is_taken_at_the_next_midnight() -> None:
    hourly = recurrence(1, Unit.HOUR, "Pacific/Apia", "2011-12-01T00:00")
    fridays = Renewal(period=RenewalPeriod.WEEKLY, day=4)
    found = islice(occurrences(hourly, incremental=True, renewal=fridays, start=utc("2011-12-29T12:00")), 48)
    assert [f"{each.local:%d %H:%M}" for each in found if each.kind is FULL] == ["29 02:00", "31 00:00"]


def test_kwajalein_skipped_a_day_in_1993_and_lived_one_twice_in_1969() -> None:
    daily = recurrence(1, Unit.DAY, "Pacific/Kwajalein", "1993-08-20T12:00")
    assert local_times(first(daily, 3, "1993-08-20T12:00")) == ["20 12:00", "22 00:00", "22 12:00"]
    # 30 September 1969 ended at midnight, and its last 23 hours came again.
    night = recurrence(
        2, Unit.HOUR, "Pacific/Kwajalein", "1969-09-20T00:00", between=(time(22), time(2)), until=date(1969, 10, 1)
    )
    assert local_times(first(night, 9, "1969-09-29T11:00")) == [
        "29 22:00", "30 00:00", "30 02:00", "30 22:00", "30 02:00", "30 22:00", "01 00:00", "01 02:00", "01 22:00",
    ]  # fmt: skip
    # Asked on the first last day of September for what is left: the second one's night as well.
    assert next_due(night, utc("1969-09-30T11:30")) == utc("1969-09-30T14:00")


def test_casablanca_shifts_around_ramadan_by_decree() -> None:
    daily = recurrence(1, Unit.DAY, "Africa/Casablanca", "2026-01-01T02:30")
    # Back on 15 February at 03:00 to 02:00, forward on 22 March at 02:00.
    assert until(daily, "2026-02-14T12:00", "2026-02-16T12:00") == [utc("2026-02-15T01:30"), utc("2026-02-16T02:30")]
    assert until(daily, "2026-03-21T12:00", "2026-03-23T12:00") == [utc("2026-03-22T02:00"), utc("2026-03-23T01:30")]


def test_local_mean_time_with_odd_seconds_is_exact() -> None:
    daily = recurrence(1, Unit.DAY, "Europe/Amsterdam", "1880-01-01T12:00")
    expected = datetime(1880, 1, 1, 12, tzinfo=first(daily, 1, "1879-12-31T00:00")[0].local.tzinfo).astimezone(UTC)
    assert first(daily, 1, "1879-12-31T00:00")[0].due_at == expected
    assert expected.second != 0


def test_where_clocks_go_back_over_midnight_the_slots_of_two_days_interleave() -> None:
    half_hourly = recurrence(30, Unit.MINUTE, "America/St_Johns", "2006-10-01T00:00")
    # On 29 October 2006 at 00:01 back to 23:01 of the 28th.
    assert local_times(first(half_hourly, 6, "2006-10-29T01:30")) == [
        "28 23:00", "28 23:30", "29 00:00", "28 23:30", "29 00:00", "29 00:30",
    ]  # fmt: skip


def test_a_shift_at_the_very_end_of_a_window_over_midnight_counts() -> None:
    window = recurrence(10, Unit.MINUTE, "America/Santiago", "2026-04-03T00:00", between=(time(23, 50), time(23, 40)))
    # On 4 April at 24:00 back to 23:00.
    assert local_times(first(window, 9, "2026-04-05T02:20")) == [
        "04 23:20", "04 23:30", "04 23:40", "04 23:50", "04 23:00", "04 23:10", "04 23:20", "04 23:30", "04 23:40",
    ]  # fmt: skip


def test_a_profile_that_only_ever_runs_around_shifts_is_planned_one_shift_at_a_time() -> None:
    last_sunday = WeekdayOfMonth(weekday=6, last=True)
    yearly = recurrence(12, Unit.MONTH, "Europe/Berlin", "2026-03-01T02:30", on_day=last_sunday)
    found = islice(batches(yearly, utc("2026-01-01T00:00"), inclusive=True), 3)
    assert [due_instants(each) for each in found] == [
        [utc("2026-03-29T01:00")],
        [utc("2027-03-28T01:00")],
        [utc("2028-03-26T01:00")],
    ]


def test_a_window_goes_on_in_the_second_pass_of_a_day_that_came_twice() -> None:
    # Alaska lived 18 October 1867 twice, from about half past three in the afternoon on.
    window = recurrence(1, Unit.HOUR, "America/Juneau", "1867-10-01T00:00", between=(time(17), time(16)))
    after = utc("1867-10-19T00:00")
    expected = next(iter(oracle.runs(window, after, after + timedelta(days=1))))
    due = next_due(window, after)
    assert due == expected
    assert f"{due.astimezone(ZoneInfo(window.timezone)):%d %H:%M}" == "18 16:00"


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    fridays = recurrence(
        2, Unit.HOUR, "UTC", "2026-05-01T00:00", between=(time(22), time(2)), weekdays=(4,), until=date(2026, 5, 9)
    )
    # 1 and 8 May 2026 are Fridays; the end date keeps the slots that fall on the 9th.
    assert local_times(list(occurrences(fridays, start=utc("2026-04-01T00:00")))) == [
        "01 22:00", "02 00:00", "02 02:00", "08 22:00", "09 00:00", "09 02:00",
    ]  # fmt: skip


def test_the_end_date_compares_with_the_date_of_a_slot_and_not_of_its_window() -> None:
    nightly = recurrence(1, Unit.HOUR, "UTC", "2026-05-01T00:00", between=(time(23), time(1)), until=date(2026, 5, 1))
    assert local_times(list(occurrences(nightly, start=utc("2026-04-01T00:00")))) == ["01 23:00"]


def test_a_window_of_the_evening_before_the_start_adds_nothing() -> None:
    nightly = recurrence(1, Unit.HOUR, "UTC", "2026-05-01T00:30", between=(time(23), time(1)))
    assert local_times(first(nightly, 2, "2026-04-01T00:00")) == ["01 23:00", "02 00:00"]


def test_minutes_count_from_the_start_of_the_window_and_both_ends_belong_to_it() -> None:
    given = recurrence(50, Unit.MINUTE, "UTC", "2026-05-01T00:00", between=(time(6, 10), time(7, 50)))
    assert local_times(first(given, 4, "2026-05-01T00:00")) == ["01 06:10", "01 07:00", "01 07:50", "02 06:10"]


def test_hours_begin_anew_at_each_local_midnight() -> None:
    given = recurrence(9, Unit.HOUR, "UTC", "2026-05-01T10:00")
    assert local_times(first(given, 4, "2026-05-01T00:00")) == ["01 18:00", "02 00:00", "02 09:00", "02 18:00"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            recurrence(2, Unit.WEEK, "UTC", "2026-05-06T22:00", weekdays=(0, 2)),
            ["05-06", "05-18", "05-20", "06-01"],
        ),
        (recurrence(1, Unit.WEEK, "UTC", "2026-05-06T22:00"), ["05-06", "05-13", "05-20", "05-27"]),
        (recurrence(3, Unit.DAY, "UTC", "2026-05-06T22:00", weekdays=(5, 6)), ["05-09", "05-24", "05-30", "06-14"]),
        (recurrence(1, Unit.MONTH, "UTC", "2026-01-31T22:00"), ["01-31", "02-28", "03-31", "04-30"]),
        (recurrence(3, Unit.MONTH, "UTC", "2026-01-20T22:00", on_day=15), ["04-15", "07-15", "10-15", "01-15"]),
        (
            recurrence(1, Unit.MONTH, "UTC", "2026-01-01T22:00", on_day=WeekdayOfMonth(weekday=0, last=False)),
            ["01-05", "02-02", "03-02", "04-06"],
        ),
        (
            recurrence(2, Unit.MONTH, "UTC", "2026-01-01T22:00", on_day=WeekdayOfMonth(weekday=4, last=True)),
            ["01-30", "03-27", "05-29", "07-31"],
        ),
    ],
)
def test_days_of_weeks_and_months_are_chosen_as_said(given: Recurrence, expected: list[str]) -> None:
    assert [f"{each.local:%m-%d}" for each in first(given, 4, "2026-01-01T00:00")] == expected


def test_the_start_of_a_list_is_included_only_when_asked() -> None:
    daily = recurrence(1, Unit.DAY, "UTC", "2026-05-01T08:00")
    moment = utc("2026-05-03T08:00")
    assert next(occurrences(daily, start=moment)).due_at == moment
    assert next(occurrences(daily, start=moment, include_start=False)).due_at == moment + timedelta(days=1)
    assert next_due(daily, moment) == moment + timedelta(days=1)


def test_after_its_end_nothing_is_due() -> None:
    ended = recurrence(1, Unit.DAY, "UTC", "2026-05-01T08:00", until=date(2026, 5, 2))
    assert next_due(ended, utc("2026-05-02T08:00")) is None
    assert list(due_between(ended, utc("2026-05-01T08:00"), utc("2027-01-01T00:00"))) == [utc("2026-05-02T08:00")]


def test_moments_at_the_ends_of_the_calendar_are_no_trouble() -> None:
    daily = recurrence(1, Unit.DAY, "Pacific/Apia", "2026-05-01T08:00")
    assert next_due(daily, datetime.min.replace(tzinfo=UTC)) == utc("2026-04-30T19:00")
    assert next_due(daily, datetime.max.replace(tzinfo=UTC)) is None
    assert sum(1 for _ in occurrences(daily, start=utc("9989-12-30T00:00"))) == 1


def test_without_renewal_only_the_first_of_a_preview_is_full() -> None:
    daily = recurrence(1, Unit.DAY, "UTC", "2026-05-01T08:00")
    found = islice(occurrences(daily, incremental=True, start=utc("2026-05-01T00:00")), 3)
    assert [each.kind for each in found] == [FULL, DIFFERENTIAL, DIFFERENTIAL]
    later = occurrences(daily, incremental=True, start=utc("2026-05-01T00:00"), first_is_full=False)
    assert next(later).kind is DIFFERENTIAL


def test_a_monthly_renewal_on_the_31st_is_on_the_last_day_of_shorter_months() -> None:
    daily = recurrence(1, Unit.DAY, "UTC", "2026-01-15T08:00")
    monthly = Renewal(period=RenewalPeriod.MONTHLY, day=31)
    found = islice(occurrences(daily, incremental=True, renewal=monthly, start=utc("2026-01-01T00:00")), 80)
    assert [f"{each.local:%m-%d}" for each in found if each.kind is FULL] == ["01-15", "01-31", "02-28", "03-31"]


def test_a_renewal_at_the_very_midnight_of_an_occurrence_counts_for_it() -> None:
    hourly = recurrence(1, Unit.HOUR, "Europe/Berlin", "2026-01-01T00:00")
    sundays = Renewal(period=RenewalPeriod.WEEKLY, day=6)
    midnight = utc("2026-05-02T22:00")
    assert renewal_between(hourly, sundays, midnight - timedelta(hours=1), midnight)
    assert not renewal_between(hourly, sundays, midnight, midnight + timedelta(days=6))
