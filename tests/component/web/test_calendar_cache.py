from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwsops.operations.records import ProfileView
from pwsops.rules.model import BackupKind, Occurrence, RunStatus
from pwsops.web.live import calendar_cache
from pwsops.web.live.calendar_cache import CalendarCache, Content, Request
from pwsops.web.ui import calendar_texts
from pwsops.web.ui.calendar_texts import Heading
from pwsops.web.ui.charts.month import Month
from pwsops.web.ui.charts.plan import Plan, Plans
from pwsops.web.ui.markup import render
from tests.component.web.conftest import NOW, FakeOperations, make_profile, make_run, make_service, make_snapshot

UTC = ZoneInfo("UTC")
MONTH = Month.read("", NOW)


@pytest.fixture
def cache(ops: FakeOperations) -> CalendarCache:
    return CalendarCache(ops)  # type: ignore[arg-type]


def request(*profiles: ProfileView, **values: Any) -> Request:
    return Request(**{"profiles": profiles, "month": MONTH, "zone": UTC, "now": NOW, **values})


def content(cache: CalendarCache, *profiles: ProfileView, **values: Any) -> Content:
    return cache.content(cache._ops, request(*profiles, **values))


def told(found: Content, now: datetime = NOW, **heading: Any) -> str:
    values = calendar_texts.body(found, Heading(**{"title": "x", **heading}), now)
    return render("calendar_body.html", **values, opened=False, back_to=None)


def test_a_plan_is_made_once_and_anew_when_the_profile_has_changed(ops: FakeOperations, cache: CalendarCache) -> None:
    profiles = [make_profile(), make_profile("Other", id=2)]
    assert not cache.is_known(request(*profiles))
    found = cache.plans(cache._ops, request(*profiles))
    assert cache.is_known(request(*profiles))
    assert cache.plans(cache._ops, request(*profiles)) is found
    assert ops.previews == ["Vaults", "Other"]
    cache.plans(cache._ops, request(make_profile(schedule="every day")))
    assert ops.previews == ["Vaults", "Other", "Vaults"]


def test_another_month_or_zone_is_another_plan(cache: CalendarCache) -> None:
    cache.plans(cache._ops, request(make_profile()))
    assert not cache.is_known(request(make_profile(), month=Month.read("2027-01", NOW)))
    assert not cache.is_known(request(make_profile(), zone=ZoneInfo("Asia/Tokyo")))


def test_of_a_month_to_come_nothing_before_it_is_worked_out(ops: FakeOperations, cache: CalendarCache) -> None:
    plans = cache.plans(cache._ops, request(make_profile(), month=Month.read("2028-11", NOW)))
    assert min(plans.days) == date(2028, 10, 30)
    assert ops.previewed == 6 * 7 * 4


def test_of_a_month_that_is_over_nothing_is_to_come(ops: FakeOperations, cache: CalendarCache) -> None:
    assert cache.plans(cache._ops, request(make_profile(), month=Month.read("2026-03", NOW))).days == {}
    assert ops.previews == []


def test_a_profile_that_begins_within_a_month_is_worked_out_from_its_beginning(cache: CalendarCache) -> None:
    begins = NOW + timedelta(days=45)
    plans = cache.plans(cache._ops, request(make_profile(next_due_at=begins), month=Month.read("2027-01", NOW)))
    assert plans.days[min(plans.days)].first == begins


def test_a_profile_that_is_off_has_no_plan(ops: FakeOperations, cache: CalendarCache) -> None:
    off = make_profile(next_due_at=None)
    assert cache.plans(cache._ops, request(off)).days == {}
    assert cache.plans(cache._ops, request(off, beside=[make_profile("Other", id=2)])).days == {}
    assert ops.previews == ["Other"]


def test_plans_are_not_kept_without_end(cache: CalendarCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_cache, "_KEPT", 3)
    for number in range(30):
        assert cache.plans(cache._ops, request(make_profile(f"p{number}", id=number))).days
    assert len(cache._plans) <= 3
    assert len(cache._durations) <= 3
    assert len(cache._sums) <= calendar_cache._SUMS_KEPT


def test_how_long_runs_take_is_asked_again_when_one_has_ended(ops: FakeOperations, cache: CalendarCache) -> None:
    assert cache.plans(cache._ops, request(make_profile())).unmeasured == ["Vaults"]
    ops.took = {"Vaults": dict.fromkeys(BackupKind, 60.0)}
    assert cache.plans(cache._ops, request(make_profile(last_run=make_run(2)))).unmeasured == []


def test_a_cache_that_was_emptied_forgets_no_duration_of_those_it_adds_up(
    ops: FakeOperations, cache: CalendarCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar_cache, "_KEPT", 2)
    ops.took = {name: dict.fromkeys(BackupKind, 60.0) for name in ("A", "B")}
    first = make_profile("A", id=1)
    for number in range(4):
        both = [first, make_profile("B", id=2, last_run=make_run(number + 2))]
        assert cache.plans(cache._ops, request(*both)).unmeasured == [], number
    assert cache.plans(cache._ops, request(first, beside=[both[1]])).unmeasured == []


def test_a_kind_that_never_ran_is_not_known_though_the_other_is() -> None:
    start = datetime(2026, 3, 2, 13, tzinfo=UTC)
    full, more = (
        Occurrence(due_at=start + timedelta(hours=hours), local=start + timedelta(hours=hours), kind=kind)
        for hours, kind in enumerate((BackupKind.FULL, BackupKind.DIFFERENTIAL))
    )
    known = {"A": {BackupKind.DIFFERENTIAL: 5.0}}
    assert Plans([Plan([full, more], UTC, "A")], known).unmeasured == ["A"]
    assert Plans([Plan([more], UTC, "A")], known).unmeasured == []


def test_beside_a_form_no_past_is_shown_in_its_week_either(ops: FakeOperations, cache: CalendarCache) -> None:
    ops.run_views = [make_run(due_at=NOW - timedelta(hours=1))]
    for behind, shown in ((0, 0), (1, 1)):
        month = Month.read("", NOW, behind=behind)
        week = content(cache, make_profile(), month=month, view=calendar_cache.WEEK, day=NOW.date())
        assert sum(hour.ended for hour in week.hours.values()) == shown


def test_a_profile_s_zone_is_its_own_and_asked_for_once(cache: CalendarCache) -> None:
    assert str(cache.zone_of(make_profile())) == "Europe/Berlin"
    assert cache.zone_of(make_profile()) is cache.zone_of(make_profile())
    assert str(cache.zone_of(make_profile(broken="no"))) == "UTC"


def test_the_past_is_shown_with_how_it_ended_up_to_now(ops: FakeOperations, cache: CalendarCache) -> None:
    yesterday = NOW - timedelta(days=1)
    ops.run_views = [make_run(1, due_at=yesterday), make_run(2, RunStatus.MISSED, due_at=yesterday)]
    ops.run_views += [make_run(3, due_at=yesterday, profile="Other"), make_run(4, due_at=NOW)]
    vaults, other = make_profile(), make_profile("Other", id=2)

    def past(*profiles: ProfileView, **values: Any) -> dict[int, str]:
        return {day.date.day: day.past_words for day in content(cache, *profiles, **values).days if day.past_words}

    assert past(vaults, other) == {23: "2 succeeded, 1 missed", 24: "1 succeeded"}
    assert past(vaults, beside=[other]) == {23: "1 succeeded, 1 missed", 24: "1 succeeded"}
    assert past(vaults, other, month=Month.read("2027-03", NOW)) == {}
    assert past(vaults, month=Month.read("", NOW, behind=0)) == {}


def test_the_next_runs_are_listed_and_every_day_can_be_opened(cache: CalendarCache) -> None:
    shown = told(content(cache, make_profile()))
    assert shown.count('<li><i class="mark') == calendar_texts.LISTED
    assert shown.count('data-action="day"') == 34, "today and all that are to come"
    assert "Times in UTC." in shown


def test_the_list_is_one_stop_of_the_tab_key(cache: CalendarCache) -> None:
    assert told(content(cache, make_profile())).count('tabindex="0"') == 1


def test_at_the_end_of_a_month_the_next_runs_are_those_of_the_month_after(cache: CalendarCache) -> None:
    late = NOW.replace(day=28)
    found = content(
        cache, make_profile(next_due_at=late + timedelta(days=5)), month=Month.read("2026-11", late), now=late
    )
    shown = told(found, late)
    assert "No run to come in November 2026." in shown
    assert "3 Dec" in shown


def test_clock_changes_are_told_in_both_directions_and_the_zone_is_named(cache: CalendarCache) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = told(content(cache, make_profile(), month=Month.read("2027-03", NOW), zone=berlin))
    autumn = told(content(cache, make_profile(), month=Month.read("2027-10", NOW), zone=berlin))
    assert "Sunday 28 March: clocks go forward 1 h at 02:00." in spring
    assert "Sunday 31 October: clocks go back 1 h at 03:00." in autumn
    assert "Times in Europe/Berlin." in spring


def test_overlaps_are_told_in_words_and_what_nobody_knows_is_not_told_as_none(
    ops: FakeOperations, cache: CalendarCache
) -> None:
    both = [make_profile(), make_profile("Other", id=2)]
    shown = told(content(cache, *both))
    assert "Runs overlap 134 times, by how long they usually take. First on Tue 24 Nov, 12:30: Vaults, Other." in shown
    assert "How long the runs of Vaults, Other take is not known before the first that succeeds." in shown
    assert "No runs overlap, as far as is known. How long the runs of Vaults" in told(content(cache, make_profile()))
    ops.took = {"Vaults": {BackupKind.FULL: 60.0, BackupKind.DIFFERENTIAL: 60.0}}
    assert "No runs overlap.<" in told(content(cache, make_profile(last_run=make_run(9))))


def test_of_a_profile_that_is_edited_the_overlaps_with_others_are_told(cache: CalendarCache) -> None:
    at = NOW + timedelta(minutes=30)
    own = Plan(cache._ops.profiles.preview("own", start=at, until=at + timedelta(hours=1)), UTC, "Draft")
    found = content(cache, own=own, beside=[make_profile()], month=Month.read("", NOW, behind=0))
    assert "First on Tue 24 Nov, 12:30: Draft, Vaults." in told(found)
    assert [day.others for day in found.days][1:3] == [2, 4]


def test_a_week_is_worked_out_hour_by_hour(ops: FakeOperations, cache: CalendarCache) -> None:
    ops.run_views = [make_run(1, RunStatus.FAILED, due_at=NOW - timedelta(hours=3))]
    both = [make_profile(), make_profile("Other", id=2)]
    found = content(cache, *both, view="week", day=date(2026, 11, 26))
    assert found.hours[1, 9].trouble == 1
    assert found.hours[1, 12].coming == 2
    shown = told(found)
    assert "1 run over or under way, 1 in trouble; 44 runs to come." in shown
    assert "Tue 24 Nov, 12:30: Vaults, Other" in shown
    assert "and 2 more; each day tells its own." in shown
    assert shown.count('data-action="day"') == 7
    later = content(cache, make_profile(), view="week", day=date(2026, 12, 10))
    assert "28 runs to come." in told(later)
    assert "No runs overlap, as far as is known." in told(later)


def test_a_day_has_all_its_runs_by_profile(ops: FakeOperations, cache: CalendarCache) -> None:
    ops.run_views = [make_run(1, RunStatus.FAILED, due_at=NOW - timedelta(hours=3), profile="Gone")]
    both = [make_profile(), make_profile("Other", id=2)]
    found = content(cache, *both, view="day", day=date(2026, 11, 24))
    assert [(line.profile, len(line.entries)) for line in found.lines] == [("Gone", 1), ("Other", 2), ("Vaults", 2)]
    shown = told(found)
    assert "Runs: 1 in trouble, 4 to come." in shown
    assert "12:30: Vaults, Other" in shown
    assert "No runs on this day." in told(content(cache, view="day", day=date(2026, 11, 25)))


def test_runs_that_are_past_are_told_as_due_where_the_service_is_stopped(cache: CalendarCache) -> None:
    late, coming = make_profile(next_due_at=NOW - timedelta(hours=2)), make_profile("Other", id=2)
    stopped = make_snapshot(profiles=[late, coming], service=make_service(running=False))
    assert calendar_cache.due_since([coming], stopped) is None
    assert calendar_cache.due_since([late, coming], make_snapshot()) is None
    due = calendar_cache.due_since([late, coming], stopped)
    assert due == NOW - timedelta(hours=2)
    found = content(cache, late)
    shown = told(found, overdue=due)
    assert "Due since 10:00: the backup service is stopped. 135 runs to come" in shown
    assert shown.count("It is due: the service is stopped.") == 1
    assert "It is due" not in told(found)
