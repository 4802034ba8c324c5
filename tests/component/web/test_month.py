from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.model import BackupKind, Occurrence
from pwsops.web.ui.charts.month import DAYS, SHOWN, Day, Mark, Month, Tally, tally, together, told
from tests.component.web.conftest import NOW

ZONE = ZoneInfo("Europe/Berlin")
DECEMBER = Month.read("2026-12", NOW)


def coming(day: int, hour: int = 2, kind: BackupKind = BackupKind.DIFFERENTIAL, *, shifted: bool = False) -> Occurrence:
    local = datetime(2026, 12, day, hour, tzinfo=ZONE)
    return Occurrence(due_at=local.astimezone(UTC), local=local, kind=kind, shifted=shifted)


def day_of(runs: Sequence[Occurrence], number: int, profile: str = "") -> Day:
    weeks = DECEMBER.weeks(tally(runs, ZONE, profile))
    return next(day for week in weeks for day in week if day.date == date(2026, 12, number))


def test_the_present_month_begins_with_the_present_week() -> None:
    month = Month.read("", NOW)
    assert (month.title, month.begin, month.earlier, month.later) == (
        "November 2026",
        date(2026, 11, 23),
        "",
        "2026-12",
    )


def test_another_month_begins_with_its_own_first_week() -> None:
    month = Month.read("2027-01", NOW)
    assert (month.begin, month.earlier, month.later) == (date(2026, 12, 28), "2026-12", "2027-02")


def test_a_month_that_is_over_is_the_present_one() -> None:
    assert Month.read("2020-02", NOW).title == "November 2026"


@pytest.mark.parametrize("asked", ["2028-11", "2028-12", "2999-12"])
def test_no_month_is_shown_that_is_more_than_two_years_away(asked: str) -> None:
    last = Month.read(asked, NOW)
    assert (last.title, last.earlier, last.later) == ("November 2028", "2028-10", "")
    assert Month.read(last.earlier, NOW).later == "2028-11"


def test_its_six_weeks_begin_at_midnight_of_the_zone() -> None:
    assert Month.read("2027-03", NOW).since(ZONE) == datetime(2027, 3, 1, tzinfo=ZONE)


def test_its_six_weeks_end_at_midnight_of_the_zone_also_over_a_clock_change() -> None:
    assert Month.read("2027-03", NOW).end(ZONE) == datetime(2027, 4, 12, tzinfo=ZONE)


def test_runs_lie_on_their_days() -> None:
    day = day_of([coming(2, 3, BackupKind.FULL, shifted=True), coming(2, 5)], 2)
    assert day.runs is not None
    assert (day.runs.full, day.runs.count, day.runs.shifted, day.span, day.in_month) == (
        1, 2, True, "03:00 \N{EN DASH} 05:00", True,
    )  # fmt: skip
    assert sum(len(week) for week in DECEMBER.weeks({})) == DAYS


def test_a_run_lies_on_the_day_of_the_zone_it_is_shown_in() -> None:
    late = coming(2, 23)
    assert list(tally([late], ZoneInfo("Asia/Tokyo"))) == [date(2026, 12, 3)]
    assert list(tally([late], ZONE)) == [date(2026, 12, 2)]


def test_today_and_the_days_before_it_are_known() -> None:
    first = Month.read("", NOW).weeks({})[0]
    assert [(day.past, day.today) for day in first[:3]] == [(True, False), (False, True), (False, False)]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([], "No run to come in December 2026."),
        ([BackupKind.FULL], "1 run to come in December 2026, all of them full."),
        ([BackupKind.DIFFERENTIAL], "1 run to come in December 2026, none of them full."),
        ([BackupKind.FULL, BackupKind.DIFFERENTIAL], "2 runs to come in December 2026, 1 of them full."),
    ],
)
def test_the_month_in_words(kinds: list[BackupKind], said: str) -> None:
    runs = tally([coming(day, kind=kind) for day, kind in enumerate(kinds, 1)], ZONE)
    assert told(DECEMBER.inside(runs), DECEMBER) == said


def test_what_lies_outside_of_the_month_is_not_counted_in_it() -> None:
    after = coming(31).due_at + timedelta(days=2)
    runs = tally([coming(31), Occurrence(due_at=after, local=after, kind=BackupKind.FULL)], ZONE)
    inside = DECEMBER.inside(runs)
    assert inside is not None
    assert inside.count == 1


def test_few_runs_are_marked_one_by_one_and_many_are_counted() -> None:
    few = [coming(1, hour, BackupKind.FULL if hour == 2 else BackupKind.DIFFERENTIAL) for hour in (2, 8, 14)]
    many = [coming(2, hour, BackupKind.FULL if hour == 0 else BackupKind.DIFFERENTIAL) for hour in range(SHOWN + 1)]
    assert [mark.kind.value for mark in day_of(few, 1).marks] == ["full", "differential", "differential"]
    assert day_of(many, 2).marks == [Mark(kind=BackupKind.FULL, count=1), Mark(kind=BackupKind.DIFFERENTIAL, count=7)]
    assert day_of([], 2).marks == ()


def test_a_day_tells_its_runs_and_not_too_many() -> None:
    named = day_of([coming(2, hour) for hour in range(24)], 2, "Vaults").told()
    assert named.startswith("Wednesday 2 December 2026: 00:00 incremental (Vaults), 01:00 incremental (Vaults), ")
    assert named.endswith(" and 12 more")
    assert "Vaults" not in day_of([coming(2)], 2, "Vaults").told(named=False)
    assert day_of([coming(2, 4, BackupKind.FULL)], 2).told() == "Wednesday 2 December 2026: 04:00 full"
    assert day_of([], 3).told() == "Thursday 3 December 2026: no run to come"


def test_several_profiles_are_added_up_in_the_order_of_time() -> None:
    one = tally([coming(2, hour) for hour in (1, 5)], ZONE, "A")
    other = tally([coming(2, 3, BackupKind.FULL), coming(4)], ZONE, "B")
    both = together([one, other])
    day = both[date(2026, 12, 2)]
    assert [(run.at.hour, run.profile) for run in day.runs] == [(1, "A"), (3, "B"), (5, "A")]
    assert (day.full, day.incremental, day.first.hour, day.last.hour) == (1, 2, 1, 5)
    assert both[date(2026, 12, 4)].count == 1
    assert isinstance(one[date(2026, 12, 2)], Tally)
    assert one[date(2026, 12, 2)].count == 2


def test_the_first_of_a_month_is_named() -> None:
    assert [day_of([], number).number for number in (1, 2)] == ["1 Dec", "2"]
