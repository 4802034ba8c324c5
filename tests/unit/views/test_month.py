from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.model import BackupKind
from pwsops.views import theme
from pwsops.views.calendar import Calendar, layout
from pwsops.views.month import DAYS, Coming, Month, told
from tests.unit.views.conftest import NOW

ZONE = ZoneInfo("Europe/Berlin")


def coming(day: int, hour: int = 2, kind: BackupKind = BackupKind.DIFFERENTIAL, **fields: object) -> Coming:
    return Coming(at=datetime(2026, 12, day, hour, tzinfo=ZONE), profile="Vaults", kind=kind, **fields)


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


def test_its_six_weeks_end_at_midnight_of_the_zone_also_over_a_clock_change() -> None:
    assert Month.read("2027-03", NOW).end(ZONE) == datetime(2027, 4, 12, tzinfo=ZONE)


def test_runs_lie_on_their_days() -> None:
    days = Month.read("2026-12", NOW).days([coming(2, 5), coming(2, 3, BackupKind.FULL, shifted=True)])
    assert len(days) == DAYS
    day = next(day for day in days if day.date == date(2026, 12, 2))
    assert (day.full, day.span, day.shifted, day.in_month) == (1, "03:00 – 05:00", True, True)
    assert not days[0].in_month


def test_today_and_the_days_before_it_are_known() -> None:
    days = Month.read("", NOW).days([])
    assert [(day.past, day.today) for day in days[:3]] == [(True, False), (False, True), (False, False)]


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
    runs = [coming(day, kind=kind) for day, kind in enumerate(kinds, 1)]
    assert told(runs, Month.read("2026-12", NOW)) == said


def test_few_runs_are_marked_one_by_one_and_many_are_counted() -> None:
    few = [coming(1, hour, BackupKind.FULL if hour == 2 else BackupKind.DIFFERENTIAL) for hour in (2, 8, 14)]
    many = [coming(2, hour, BackupKind.FULL if hour == 0 else BackupKind.DIFFERENTIAL) for hour in range(24)]
    placed = layout(Month.read("2026-12", NOW).days(few + many), theme.LIGHT)
    assert len(placed["full"]["x"]) == 2
    assert len(placed["incremental"]["x"]) == 2 + 1
    assert placed["counts"]["text"] == ["1", "23"]
    assert all(0 <= x <= 7 for name in ("full", "incremental", "counts") for x in placed[name]["x"])


def test_a_day_tells_its_runs_on_hover_and_not_too_many() -> None:
    many = [coming(2, hour) for hour in range(24)]
    other = Coming(at=many[0].at + timedelta(minutes=1), profile="Other", kind=BackupKind.FULL)
    days = Month.read("2026-12", NOW).days([*many, other])
    placed = layout(days, theme.DARK)["days"]
    index = placed["title"].index("Wednesday 2 December 2026")
    assert placed["detail"][index].startswith("00:00 incremental (Vaults), 00:01 full (Other), ")
    assert placed["detail"][index].endswith("and 13 more")
    assert placed["detail"][0] == "no run to come"


def test_a_moved_run_is_marked_on_its_day() -> None:
    placed = layout(Month.read("2026-12", NOW).days([coming(2, shifted=True)]), theme.LIGHT)["days"]
    assert sorted(set(placed["shift"])) == ["", "clocks change"]


def test_the_figure_changes_its_data_and_its_colours_only() -> None:
    calendar = Calendar()
    days = Month.read("2026-12", NOW).days([coming(1)])
    before = list(calendar.figure.renderers)
    calendar.show(days, dark=False)
    light = calendar._marks[1].fill_color
    calendar.show(days, dark=True)
    assert calendar.figure.renderers == before
    assert (light, calendar._marks[1].fill_color) == (theme.LIGHT.incremental, theme.DARK.incremental)


def test_the_same_days_are_not_sent_again() -> None:
    calendar = Calendar()
    days = Month.read("2026-12", NOW).days([coming(1)])
    calendar.show(days, dark=False)
    sent = calendar._sources["days"].data
    calendar.show(list(days), dark=False)
    assert calendar._sources["days"].data is sent
