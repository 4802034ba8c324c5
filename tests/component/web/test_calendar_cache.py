from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.model import BackupKind, Occurrence
from pwsops.web.live import calendar_cache
from pwsops.web.live.calendar_cache import Plans, picture
from pwsops.web.ui.charts.month import Month, tally
from pwsops.web.ui.markup import render
from tests.component.web.conftest import NOW, FakeOperations, make_profile, make_service, make_snapshot

UTC = ZoneInfo("UTC")
MONTH = Month.read("", NOW)


@pytest.fixture
def planner(ops: FakeOperations) -> Plans:
    return Plans(ops)  # type: ignore[arg-type]


def test_a_plan_is_made_once_and_anew_when_the_profile_has_changed(ops: FakeOperations, planner: Plans) -> None:
    profiles = [make_profile(), make_profile("Other", id=2)]
    assert planner.known(profiles, MONTH, UTC) is None
    found = planner.work_out(profiles, MONTH, UTC)
    assert planner.known(profiles, MONTH, UTC) is found
    assert planner.work_out(profiles, MONTH, UTC) is found
    assert ops.previews == ["Vaults", "Other"]
    planner.work_out([make_profile(schedule="every day")], MONTH, UTC)
    assert ops.previews == ["Vaults", "Other", "Vaults"]


def test_another_month_or_zone_is_another_plan(ops: FakeOperations, planner: Plans) -> None:
    profiles = [make_profile()]
    planner.work_out(profiles, MONTH, UTC)
    assert planner.known(profiles, Month.read("2027-01", NOW), UTC) is None
    assert planner.known(profiles, MONTH, ZoneInfo("Asia/Tokyo")) is None


def test_of_a_month_to_come_nothing_before_it_is_worked_out(ops: FakeOperations, planner: Plans) -> None:
    days = planner.work_out([make_profile()], Month.read("2028-11", NOW), UTC)
    assert min(days) == date(2028, 10, 30)
    assert ops.previewed == 6 * 7 * 4


def test_a_profile_that_begins_within_a_month_is_worked_out_from_its_beginning(planner: Plans) -> None:
    begins = NOW + timedelta(days=45)
    days = planner.work_out([make_profile(next_due_at=begins)], Month.read("2027-01", NOW), UTC)
    assert days[min(days)].first == begins


def test_a_profile_that_is_off_has_no_plan(ops: FakeOperations, planner: Plans) -> None:
    assert planner.work_out([make_profile(next_due_at=None)], MONTH, UTC) == {}
    assert ops.previews == []


def test_plans_are_not_kept_without_end(planner: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_cache, "_KEPT", 3)
    for number in range(10):
        assert planner.work_out([make_profile(f"p{number}", id=number)], MONTH, UTC)
    assert len(planner._plans) <= 3


def test_a_profile_s_zone_is_its_own_and_asked_for_once(planner: Plans) -> None:
    assert str(planner.zone_of(make_profile())) == "Europe/Berlin"
    assert planner.zone_of(make_profile()) is planner.zone_of(make_profile())


def test_the_picture_lists_the_next_runs_and_counts_the_others(planner: Plans) -> None:
    runs = planner.work_out([make_profile()], MONTH, UTC)
    shown = picture(runs, MONTH, title="x", now=NOW, zone=UTC)
    inside = MONTH.inside(runs)
    assert inside is not None
    assert len(shown["runs"]) == calendar_cache.LISTED
    assert shown["more"] == inside.count - calendar_cache.LISTED > 0


def test_at_the_end_of_a_month_the_next_runs_are_those_of_the_month_after() -> None:
    late = NOW.replace(day=25)
    month, due_at = Month.read("", late), (late + timedelta(days=30)).replace(day=1)
    runs = tally([Occurrence(due_at=due_at, local=due_at, kind=BackupKind.FULL)], UTC, "p")
    shown = picture(runs, month, title="x", now=late, zone=UTC)
    assert shown["summary"] == f"No run to come in {month.title}."
    assert [run.at for run in shown["runs"]] == [due_at]
    assert shown["more"] == 0


def test_while_it_is_worked_out_the_picture_says_so() -> None:
    shown = picture(None, MONTH, title="x", now=NOW, zone=UTC)
    assert (shown["summary"], shown["runs"], shown["more"]) == ("Working out the runs to come …", [], 0)


def test_runs_that_are_past_are_told_as_due_where_the_service_is_stopped() -> None:
    late, coming = make_profile(next_due_at=NOW - timedelta(hours=2)), make_profile("Other", id=2)
    stopped = make_snapshot(profiles=[late, coming], service=make_service(running=False))
    assert calendar_cache.due_since([coming], stopped) is None
    assert calendar_cache.due_since([late, coming], make_snapshot()) is None
    assert calendar_cache.due_since([late, coming], stopped) == NOW - timedelta(hours=2)
    times = [NOW + timedelta(hours=hour) for hour in (-2, -1, 1)]
    days = tally([Occurrence(at, at, BackupKind.FULL, False) for at in times], UTC)
    shown = picture(days, MONTH, title="x", now=NOW, zone=UTC, overdue=times[0])
    assert shown["summary"].startswith("Due since 10:00: the backup service is stopped. 3 runs to come")
    assert render("overview/plan.html", **shown).count("It is due: the service is stopped.") == 2
    assert "It is due" not in render("overview/plan.html", **picture(days, MONTH, title="x", now=NOW, zone=UTC))
