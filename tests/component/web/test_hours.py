"""A week hour by hour, and a day by profile; also where the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.model import BackupKind, Occurrence, RunStatus
from pwsops.web.ui.charts.hours import Hour, Week, clash_words, lines
from pwsops.web.ui.charts.month import begin_of
from pwsops.web.ui.charts.plan import Focus, Plan, Plans
from pwsops.web.ui.charts.week_figure import _count, _paint, hour_words
from pwsops.web.ui.theme import LIGHT
from tests.component.web.conftest import make_run

ZONE = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLAIN, FORWARD, BACK = date(2026, 12, 2), date(2027, 3, 28), date(2026, 10, 25)
LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def hourly(day: date, hours: int, name: str = "A", kind: BackupKind = BackupKind.DIFFERENTIAL) -> Plan:
    """A run at the beginning of each of so many hours of a day."""
    first = begin_of(day, ZONE).astimezone(UTC)
    found = [first + HOUR * number for number in range(hours)]
    return Plan([Occurrence(due_at=at, local=at.astimezone(ZONE), kind=kind) for at in found], ZONE, name)


@pytest.mark.parametrize(("day", "hours"), [(PLAIN, 168), (FORWARD, 167), (BACK, 169)])
def test_a_week_has_as_many_hours_as_the_clocks_give_it(day: date, hours: int) -> None:
    week = Week.of(day, ZONE)
    assert len(week.places) == len(week.edges) - 1 == hours
    assert week.days[0].weekday() == 0
    assert day in week.days


def test_the_hour_that_clocks_pass_over_is_not_there_and_the_one_they_repeat_holds_both_passes() -> None:
    forward = Week.of(FORWARD, ZONE).hours(Plans([hourly(FORWARD, 23)]), [], LONG_AGO)
    sunday = {hour: forward.get((6, hour)) for hour in range(24)}
    assert [hour for hour, found in sunday.items() if found is None] == [2]
    assert {found.coming for found in sunday.values() if found} == {1}
    assert hour_words(sunday[2]) == "the clocks pass over this hour"
    back = Week.of(BACK, ZONE).hours(Plans([hourly(BACK, 25)]), [], LONG_AGO)
    assert [back[6, hour].coming for hour in (1, 2, 3)] == [1, 2, 1]
    assert hour_words(back[6, 2]) == "2 runs to come, the clocks show this hour twice"


def test_an_hour_counts_what_ended_and_what_is_to_come() -> None:
    week = Week.of(PLAIN, ZONE)
    outcomes = [{RunStatus.SUCCEEDED: 2, RunStatus.FAILED: 1, RunStatus.RUNNING: 1}, *[{}] * 167]
    hours = week.hours(Plans([hourly(PLAIN, 2, kind=BackupKind.FULL)]), outcomes, week.edges[1])
    assert (hours[0, 0].ended, hours[0, 0].trouble, hours[0, 0].past) == (3, 1, True)
    assert hour_words(hours[0, 0]) == "3 runs ended, 1 badly, 1 run under way"
    assert (hours[2, 0].full, hours[2, 0].coming, hours[2, 0].past) == (1, 1, False)
    assert hour_words(hours[4, 0]) == "no runs"


def test_a_cancelled_run_is_over_and_no_success_and_one_under_way_is_there() -> None:
    for status, words, ground in (
        (RunStatus.SUCCEEDED, "1 run ended", LIGHT.ok_soft),
        (RunStatus.CANCELLED, "1 run ended", LIGHT.raised),
        (RunStatus.RUNNING, "1 run under way", LIGHT.raised),
    ):
        hour = Hour(begin=LONG_AGO, outcomes={status: 1})
        assert hour_words(hour) == words
        assert _paint(hour, 1, LIGHT)["ground"] == ground
        text, colour, _ = _count(hour, 1, LIGHT)
        assert (text, colour == LIGHT.ok) == ("1", status is RunStatus.SUCCEEDED)


def test_runs_that_overlap_show_in_each_hour_that_they_reach_into() -> None:
    plans = Plans(
        [hourly(PLAIN, 1), hourly(PLAIN, 1, "B")], {name: {BackupKind.DIFFERENTIAL: 2 * 3600.0} for name in "AB"}
    )
    hours = Week.of(PLAIN, ZONE).hours(plans, [], LONG_AGO)
    assert [hours[2, hour].clashes for hour in range(4)] == [True, True, False, False]
    unknown = Plans([hourly(PLAIN, 1), hourly(PLAIN, 1, "B")])
    assert Week.of(PLAIN, ZONE).hours(unknown, [], LONG_AGO)[2, 0].clashes, "they begin together, however long"
    elsewhere = Week.of(PLAIN + 7 * DAY, ZONE).hours(plans, [], LONG_AGO)
    assert not any(hour.clashes for hour in elsewhere.values())


def test_other_profiles_are_counted_beside() -> None:
    plans = Focus(hourly(PLAIN, 1, "Own"), {}, Plans([hourly(PLAIN, 2, "B"), hourly(PLAIN, 1, "C")]))
    hours = Week.of(PLAIN, ZONE).hours(plans, [], LONG_AGO)
    assert [(hours[2, hour].coming, hours[2, hour].others) for hour in (0, 1)] == [(1, 2), (0, 1)]
    assert "2 runs of other profiles" in hour_words(hours[2, 0])


def of_day(day: date, plans: Plans, *runs: object, named: str = "") -> list[tuple[str, list[str]]]:
    since, until = begin_of(day, ZONE), begin_of(day + DAY, ZONE)
    found = lines(plans, runs, since, until, ZONE, [named] if named else [])  # type: ignore[arg-type]
    return [(line.profile, [f"{entry.begin:%H:%M} {entry.words}" for entry in line.entries]) for line in found]


@pytest.mark.parametrize(("day", "count"), [(PLAIN, 24), (FORWARD, 23), (BACK, 25)])
def test_a_day_has_all_its_runs(day: date, count: int) -> None:
    ((name, entries),) = of_day(day, Plans([hourly(day - DAY, 72)]))
    assert (name, len(entries)) == ("A", count)
    assert entries[0] == "00:00 incremental"
    assert entries[-1] == "23:00 incremental"


def test_a_day_tells_past_runs_with_their_outcome_and_those_to_come_with_how_long_they_take() -> None:
    begin = begin_of(PLAIN, ZONE)
    failed = make_run(
        7, RunStatus.FAILED, profile="A", due_at=begin, started_at=begin + HOUR, finished_at=begin + 2 * HOUR
    )
    missed = make_run(
        8, RunStatus.MISSED, profile="B", due_at=begin, started_at=None, missed_count=5, missed_until=begin + 4 * HOUR
    )
    plan = Plan([Occurrence(due_at=begin + 9 * HOUR, local=begin + 9 * HOUR, kind=BackupKind.FULL)], ZONE, "A")
    plans = Plans([plan], {"A": {BackupKind.FULL: 90.0}})
    assert of_day(PLAIN, plans, failed, missed) == [
        ("A", ["01:00 full, failed", "09:00 full, about 1 min 30 s"]),
        ("B", ["00:00 5 missed until 04:00"]),
    ]


def test_what_is_in_trouble_comes_first_and_other_profiles_last() -> None:
    begin = begin_of(PLAIN, ZONE)
    failed = make_run(7, RunStatus.FAILED, profile="Z", due_at=begin, started_at=begin)
    beside = make_run(8, RunStatus.FAILED, profile="Y", due_at=begin, started_at=begin)
    plans = Plans([hourly(PLAIN, 1), hourly(PLAIN + DAY, 1, "B")])
    assert [name for name, _ in of_day(PLAIN, plans, failed, beside)] == ["Y", "Z", "A"]
    assert [name for name, _ in of_day(PLAIN, plans, failed, beside, named="A")] == ["A", "Y", "Z"]


def test_a_run_that_overlaps_is_marked_on_both_sides() -> None:
    plans = Plans([hourly(PLAIN, 2), hourly(PLAIN, 1, "B")])
    since = begin_of(PLAIN, ZONE)
    found = lines(plans, [], since, since + DAY, ZONE)
    assert [[entry.clashes for entry in line.entries] for line in found] == [[True, False], [True]]


def test_an_overlap_is_told_with_its_time_and_who_takes_part() -> None:
    plans = Plans([hourly(PLAIN, 2), hourly(PLAIN, 1, "B")], {"A": {BackupKind.DIFFERENTIAL: 4000.0}})
    (clash,) = plans.clashes
    assert clash_words(clash, ["A", "B"]) == "00:00 to 02:06: A, B"
    assert clash_words(clash, ["A", "B", "C", "D", "E"]) == "00:00 to 02:06: A, B, C and 2 more"
    (brief,) = Plans([hourly(PLAIN, 1), hourly(PLAIN, 1, "B")], {"A": {BackupKind.DIFFERENTIAL: 20.0}}).clashes
    assert clash_words(brief, ["A", "B"]) == "00:00: A, B", "within one minute"
    assert clash_words(clash, ["A"]) == "00:00 to 02:06: A is still running when its next run is due"
