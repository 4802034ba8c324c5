"""Runs by day, past and to come: what the calendar of a month shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.model import BackupKind, Occurrence, RunStatus
from pwsops.rules.wallclock import clock_changes
from pwsops.web.ui.charts.month import DAYS, Day, Month, clocks, coming_text, ended
from pwsops.web.ui.charts.plan import Focus, Plan, Plans
from tests.component.web.conftest import NOW

ZONE = ZoneInfo("Europe/Berlin")
DECEMBER = Month.read("2026-12", NOW)
HOUR = timedelta(hours=1)


def coming(day: int, hour: int = 2, kind: BackupKind = BackupKind.DIFFERENTIAL, *, shifted: bool = False) -> Occurrence:
    local = datetime(2026, 12, day, hour, tzinfo=ZONE)
    return Occurrence(due_at=local.astimezone(UTC), local=local, kind=kind, shifted=shifted)


def plans(*parts: Sequence[Occurrence], **took: float) -> Plans:
    """Plans of the profiles A, B and so on, and how long their runs take."""
    names = [chr(ord("A") + number) for number in range(len(parts))]
    durations = {name: dict.fromkeys(BackupKind, took[name]) for name in names if name in took}
    return Plans([Plan(part, ZONE, name) for name, part in zip(names, parts, strict=True)], durations)


def day_of(found: Plans, number: int, **more: Any) -> Day:
    weeks = DECEMBER.weeks(found, **more)
    return next(day for week in weeks for day in week if day.date == date(2026, 12, number))


def test_without_a_month_it_begins_a_week_before_this_one_so_that_the_past_is_seen_and_what_comes() -> None:
    month = Month.read("", NOW)
    assert (month.begin, month.last) == (date(2026, 11, 16), date(2026, 12, 27))
    assert month.title == "16 Nov \N{EN DASH} 27 Dec 2026"
    assert month.holds(date(2026, 12, 27))
    assert not month.holds(date(2026, 12, 28))


def test_early_in_a_month_it_begins_with_that_month_and_nothing_is_left_out_before() -> None:
    month = Month.read("", NOW.replace(day=3))
    assert month.begin == date(2026, 10, 26)
    assert month.earlier == "2026-10"


def test_from_the_weeks_around_today_one_gets_to_every_day_of_the_present_month() -> None:
    month = Month.read("", NOW)
    assert (month.earlier, month.later) == ("2026-11", "2026-12")
    whole = Month.read(month.earlier, NOW)
    assert (whole.begin, whole.title, whole.earlier) == (date(2026, 10, 26), "November 2026", "2026-10")


def test_where_no_past_is_shown_it_begins_with_this_week() -> None:
    month = Month.read("", NOW, behind=0)
    assert (month.begin, month.earlier, month.later) == (date(2026, 11, 23), "", "2026-12")
    assert Month.read("2020-02", NOW, behind=0) == month
    assert Month.read("2026-12", NOW, behind=0).earlier == "2026-11"


def test_another_month_begins_with_its_own_first_week() -> None:
    month = Month.read("2027-01", NOW)
    assert (month.begin, month.earlier, month.later) == (date(2026, 12, 28), "2026-12", "2027-02")


@pytest.mark.parametrize(
    ("asked", "title", "earlier", "later"),
    [
        ("2028-11", "November 2028", "2028-10", ""),
        ("2999-12", "November 2028", "2028-10", ""),
        ("2024-11", "November 2024", "", "2024-12"),
        ("1970-01", "November 2024", "", "2024-12"),
    ],
)
def test_no_month_is_shown_that_is_more_than_two_years_away(asked: str, title: str, earlier: str, later: str) -> None:
    month = Month.read(asked, NOW)
    assert (month.title, month.earlier, month.later) == (title, earlier, later)


def test_the_month_around_a_day_holds_its_whole_week_and_is_the_one_at_hand_where_that_does() -> None:
    month = Month.read("", NOW)
    assert Month.around(date(2026, 12, 27), month, NOW) is month
    other = Month.around(date(2027, 1, 1), month, NOW)
    assert other.title == "January 2027"
    assert other.begin == date(2026, 12, 28)


@pytest.mark.parametrize(("zone", "begin", "end"), [("UTC", 1, 12), ("Europe/Berlin", 1, 12)])
def test_its_six_weeks_begin_and_end_at_midnight_also_over_a_clock_change(zone: str, begin: int, end: int) -> None:
    month, at = Month.read("2027-03", NOW), ZoneInfo(zone)
    assert month.since(at) == datetime(2027, 3, begin, tzinfo=at)
    assert month.end(at) == datetime(2027, 4, end, tzinfo=at)
    edges = month.edges(at)
    assert (edges[0], edges[-1], len(edges)) == (month.since(at), month.end(at), DAYS + 1)


def test_runs_lie_on_their_days() -> None:
    day = day_of(plans([coming(2, 3, BackupKind.FULL, shifted=True), coming(2, 5)]), 2)
    assert day.runs is not None
    assert (day.runs.full, day.runs.count, day.runs.shifted, day.span, day.in_month) == (
        1, 2, True, "03:00 \N{EN DASH} 05:00", True,
    )  # fmt: skip
    assert sum(len(week) for week in DECEMBER.weeks()) == DAYS


def test_a_run_lies_on_the_day_of_the_zone_it_is_shown_in() -> None:
    late = coming(2, 23)
    assert list(Plan([late], ZoneInfo("Asia/Tokyo")).days) == [date(2026, 12, 3)]
    assert list(Plan([late], ZONE).days) == [date(2026, 12, 2)]


def test_today_and_the_days_before_it_are_known() -> None:
    days = [day for week in Month.read("", NOW).weeks() for day in week][7:10]
    assert [(day.past, day.today) for day in days] == [(True, False), (False, True), (False, False)]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([], "No run to come in December 2026."),
        ([BackupKind.FULL], "1 run to come in December 2026, full."),
        ([BackupKind.DIFFERENTIAL], "1 run to come in December 2026, incremental."),
        ([BackupKind.FULL, BackupKind.FULL], "2 runs to come in December 2026, all of them full."),
        ([BackupKind.DIFFERENTIAL, BackupKind.DIFFERENTIAL], "2 runs to come in December 2026, none of them full."),
        ([BackupKind.FULL, BackupKind.DIFFERENTIAL], "2 runs to come in December 2026, 1 of them full."),
    ],
)
def test_the_month_in_words(kinds: list[BackupKind], said: str) -> None:
    found = plans([coming(day, kind=kind) for day, kind in enumerate(kinds, 1)])
    assert coming_text(DECEMBER.inside(found.days), DECEMBER) == said


def test_the_weeks_around_today_are_told_as_a_whole() -> None:
    month = Month.read("", NOW)
    assert coming_text(month.inside(plans([coming(1), coming(27)]).days), month).startswith(
        "2 runs to come until 27 December 2026"
    )


def test_what_lies_outside_of_the_month_is_not_counted_in_it() -> None:
    after = coming(31).due_at + timedelta(days=2)
    found = plans([coming(31), Occurrence(due_at=after, local=after.astimezone(ZONE), kind=BackupKind.FULL)])
    inside = DECEMBER.inside(found.days)
    assert inside is not None
    assert inside.count == 1


def test_a_day_tells_all_that_is_known_of_it() -> None:
    outcomes = {date(2026, 12, 2): {RunStatus.SUCCEEDED: 22, RunStatus.FAILED: 1, RunStatus.MISSED: 3}}
    changes = {date(2026, 12, 2): ("clocks go back 1 h at 03:00", -3600.0)}
    found = plans([coming(2, hour) for hour in range(24)], [coming(2)], A=1.0)
    day = day_of(found, 2, outcomes=outcomes, changes=changes)
    assert day.words == (
        "Wednesday 2 December 2026: 22 succeeded, 1 failed, 3 missed; 25 runs to come, none of them full, "
        "00:00 \N{EN DASH} 23:00; runs overlap 1 time; clocks go back 1 h at 03:00"
    )
    assert (day.trouble, day.is_empty) == (4, False)


def test_a_day_without_runs_says_so() -> None:
    assert day_of(plans([]), 3).words == "Thursday 3 December 2026: no runs"
    assert day_of(plans([]), 3).is_empty


def test_how_the_past_ended_is_summed_up_for_what_the_calendar_is_about() -> None:
    outcomes = {
        date(2026, 11, 17): {RunStatus.SUCCEEDED: 2},
        date(2026, 11, 23): {RunStatus.SUCCEEDED: 3, RunStatus.MISSED: 9, RunStatus.CANCELLED: 0},
    }
    month = Month.read("", NOW)
    days = [day for week in month.weeks(outcomes=outcomes) for day in week]
    assert ended(days, month) == "Since 16 November: 5 succeeded, 9 missed."
    december = [day for week in DECEMBER.weeks(outcomes=outcomes) for day in week]
    assert ended(december, DECEMBER) == ""
    november = Month.read("2026-11", NOW)
    whole = [day for week in november.weeks(outcomes=outcomes) for day in week]
    assert ended(whole, november) == "In November 2026: 5 succeeded, 9 missed."


def test_several_profiles_are_added_up_and_their_runs_come_in_the_order_of_time() -> None:
    both = plans([coming(2, hour) for hour in (1, 5)], [coming(2, 3, BackupKind.FULL), coming(4)])
    day = both.days[date(2026, 12, 2)]
    assert (day.full, day.incremental, day.first.hour, day.last.hour) == (1, 2, 1, 5)
    assert both.days[date(2026, 12, 4)].count == 1
    runs = list(both.since(datetime(2026, 12, 2, 2, tzinfo=ZONE)))
    assert [(run.at.hour, run.profile, run.kind) for run in runs] == [
        (3, "B", BackupKind.FULL), (5, "A", BackupKind.DIFFERENTIAL), (2, "B", BackupKind.DIFFERENTIAL),
    ]  # fmt: skip


def test_runs_overlap_by_how_long_they_usually_take() -> None:
    found = plans([coming(2, 1), coming(3, 1)], [coming(2, 3), coming(3, 4)], A=2.5 * 3600, B=60.0)
    (clash,) = found.clashes
    assert (clash.begin.hour, clash.end.hour, clash.end.minute) == (1, 3, 30)
    assert found.names(clash) == ["A", "B"]
    assert found.clashes_by_day == {date(2026, 12, 2): 1}
    assert found.unmeasured == []


def test_of_a_profile_that_has_not_run_nobody_knows_how_long_it_takes() -> None:
    found = plans([coming(2, 1)], [coming(2, 2)], B=60.0)
    assert found.clashes == []
    assert found.unmeasured == ["A"]


def test_a_profile_whose_runs_take_longer_than_its_interval_overlaps_with_itself() -> None:
    found = plans([coming(2, 1), coming(2, 2)], A=2 * 3600)
    assert found.names(found.clashes[0]) == ["A"]


def focus(own: Sequence[Occurrence], *others: Sequence[Occurrence], own_s: float = 60, **took: float) -> Focus:
    return Focus(Plan(own, ZONE, "Own"), dict.fromkeys(BackupKind, own_s), plans(*others, **took))


def test_of_the_others_only_what_overlaps_with_the_one_at_hand_is_told() -> None:
    found = focus([coming(2, 3), coming(4, 3)], [coming(2, 1), coming(4, 1)], [coming(2, 1)], A=2.5 * 3600, B=3600)
    assert [clash.begin.day for clash in found.clashes] == [2, 4]
    assert found.names(found.clashes[0]) == ["Own", "A"], "B has ended by then"
    assert found.places(found.clashes[1]) == [(0, 1), (1, 1)]
    assert found.days[date(2026, 12, 2)].count == 1
    assert found.days_beside[date(2026, 12, 2)].count == 2
    day = day_of(found, 2)
    assert (day.others, day.clashes) == (2, 1)
    assert "2 runs of other profiles" in day.words
    assert [run.profile for run in found.since(datetime(2026, 12, 1, tzinfo=ZONE))] == ["Own", "Own"]


def test_the_one_at_hand_may_overlap_with_itself_and_with_what_begins_at_the_same_instant() -> None:
    assert focus([coming(2, 3), coming(2, 4)], own_s=2 * 3600).names(
        focus([coming(2, 3), coming(2, 4)], own_s=2 * 3600).clashes[0]
    ) == ["Own"]
    assert focus([coming(2, 3)], [coming(2, 3)], own_s=0).clashes != []
    assert focus([coming(2, 3)], [coming(2, 4)]).clashes == []


def test_the_first_of_a_month_is_named() -> None:
    assert [day_of(plans([]), number).number for number in (1, 2)] == ["1 Dec", "2"]


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2027, 3, 28), "clocks go forward 1 h at 02:00"),
        (date(2026, 10, 25), "clocks go back 1 h at 03:00"),
    ],
)
def test_a_clock_change_is_told_with_its_direction_and_the_time_it_begins(day: date, said: str) -> None:
    assert clocks(clock_changes(ZONE, day, 1)[day], ZONE) == said


def test_two_hundred_hourly_profiles_are_all_there() -> None:
    hours = [DECEMBER.since(ZONE) + HOUR * number for number in range(DAYS * 24)]
    runs = [Occurrence(due_at=at.astimezone(UTC), local=at, kind=BackupKind.DIFFERENTIAL) for at in hours]
    one = Plan(runs, ZONE, "p")
    found = Plans([one] * 200, {"p": {BackupKind.DIFFERENTIAL: 60.0}})
    days = [day for week in DECEMBER.weeks(found) for day in week]
    assert {day.runs and day.runs.count for day in days} == {4800}
    assert {day.clashes for day in days} == {24}
    assert sum(1 for _ in found.between(DECEMBER.since(ZONE), DECEMBER.since(ZONE) + timedelta(days=1))) == 4800
