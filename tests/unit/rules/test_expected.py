"""How old a backup may be: what a schedule allows, before it has begun and after it was changed, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pwsops.rules import verdict_words
from pwsops.rules.due import due_between, next_due
from pwsops.rules.expected import MOST, expected
from pwsops.rules.model import SKEW, Recurrence, Unit
from pwsops.rules.protection import Cause, Facts, Protection
from pwsops.rules.verdict import judge
from tests.unit.rules.sets import NOON
from tests.unit.rules.strategies import cases
from tests.unit.rules.test_verdict import HOUR, HOURLY, MINUTE, a_profile, a_set, causes, some_facts

DAY = timedelta(days=1)
OFFICE = replace(
    HOURLY,
    weekdays=(0, 1, 2, 3, 4),
    between=(datetime(2026, 1, 1, 9).time(), datetime(2026, 1, 1, 17).time()),
)
"""Hourly from nine to five on working days; NOON is a Wednesday's."""
NIGHTLY = replace(HOURLY, unit=Unit.DAY, at=datetime(2026, 1, 1, 1).time())
FRIDAY = datetime.fromisoformat("2026-05-08T17:00+00:00")
thorough = settings(max_examples=200, deadline=None)


def due(text: str, recurrence: Recurrence = HOURLY) -> datetime | None:
    return expected(recurrence, datetime.fromisoformat(f"2026-05-{text}+00:00")).due_at


def of(recurrence: Recurrence, data_at: datetime, now: datetime, **profile: Any) -> Facts:
    """Return the facts of a database in which nothing but the age of its data can be amiss."""
    fields = {"recurrence": recurrence, "next_due_at": next_due(recurrence, now), "amended_at": data_at - 900 * DAY}
    seen = {"data_at": data_at, "finished_at": data_at, "proven_at": data_at, "seen_at": now}
    return some_facts(profiles=(a_profile(**fields | profile),), sets=(a_set(**seen),), answered_at=now)


def test_a_backup_is_due_some_minutes_after_its_occurrence() -> None:
    assert due("06T12:05") == NOON - HOUR
    assert due("06T12:15") == NOON


def test_a_weekend_without_runs_makes_nothing_overdue_and_the_monday_after_it_does() -> None:
    assert due("10T12:00", OFFICE) == due("11T09:05", OFFICE) == FRIDAY
    assert due("11T09:15", OFFICE) == FRIDAY + timedelta(days=2, hours=16)


def test_runs_that_take_long_are_waited_for() -> None:
    now = NOON.replace(hour=3)
    assert expected(NIGHTLY, now).due_at == NOON.replace(hour=1)
    assert expected(NIGHTLY, now, usual_s=2 * 3600).due_at == NOON.replace(day=5, hour=1)


def test_one_run_that_seemed_to_take_a_year_excuses_nothing_for_longer_than_one_gap() -> None:
    last = NOON.replace(hour=1)
    usual_s = timedelta(days=365).total_seconds()
    assert causes(of(NIGHTLY, last, last + 47 * HOUR, usual_s=usual_s), last + 47 * HOUR) == []
    assert causes(of(NIGHTLY, last, last + 49 * HOUR, usual_s=usual_s), last + 49 * HOUR) == [Cause.OVERDUE]


def test_before_the_first_occurrence_nothing_is_due() -> None:
    begins_at = datetime.fromisoformat("2027-01-01T00:00+00:00")
    found = expected(replace(HOURLY, start=datetime(2027, 1, 1)), NOON)
    assert (found.due_at, found.overdue_at, found.begins_at) == (None, None, begins_at)
    assert found.allowed == HOUR + 10 * MINUTE


def test_a_schedule_that_begins_years_ahead_protects_nothing_now() -> None:
    far = replace(NIGHTLY, start=datetime(2030, 1, 1))
    for age in (HOUR, 200 * DAY):
        facts = of(far, NOON - age, NOON, amended_at=NOON - 10 * MINUTE)
        found = judge(facts, NOON)
        assert (causes(facts, NOON), found.protection) == ([Cause.NOT_BEGUN], Protection.AT_RISK)
        assert found.since == NOON - 10 * MINUTE
        assert "yet to begin (2030-01-01 01:00 UTC)" in verdict_words.reasons(found, verdict_words.utc)


def test_a_schedule_that_begins_within_one_of_its_gaps_is_waited_for_and_no_longer() -> None:
    tomorrow = replace(NIGHTLY, start=datetime(2026, 5, 7))
    assert causes(of(tomorrow, NOON, NOON), NOON) == []
    assert causes(of(tomorrow, NOON - 13 * HOUR, NOON), NOON) == [Cause.NOT_BEGUN]
    # Its first run is under way, and excuses data of any age no more than the schedule does.
    began = NOON.replace(day=7, hour=1) + 5 * MINUTE
    assert causes(of(tomorrow, NOON, began), began) == []
    assert causes(of(tomorrow, NOON - 200 * DAY, began), began) == [Cause.OVERDUE]


def test_what_a_weekend_allows_is_not_allowed_on_a_wednesday_by_a_schedule_to_come() -> None:
    wednesday = replace(OFFICE, start=datetime(2026, 5, 6, 13))
    assert causes(of(wednesday, NOON, NOON), NOON) == []
    assert causes(of(wednesday, NOON - 2 * HOUR, NOON), NOON) == [Cause.NOT_BEGUN]
    monday, saturday = replace(OFFICE, start=datetime(2026, 5, 11)), FRIDAY + 19 * HOUR
    assert causes(of(monday, FRIDAY, saturday), saturday) == []


def test_a_schedule_that_was_changed_is_not_held_against_the_time_before() -> None:
    noon_daily = replace(HOURLY, unit=Unit.DAY, at=NOON.time())
    amended = a_profile(recurrence=noon_daily, amended_at=NOON + 2 * HOUR)
    facts = some_facts(profiles=(amended,), sets=(a_set(data_at=NOON - 10 * HOUR, seen_at=NOON + 3 * HOUR),))
    assert causes(facts, NOON + 3 * HOUR) == []
    before = replace(facts, profiles=(replace(amended, amended_at=NOON - 2 * HOUR),))
    assert causes(before, NOON + 3 * HOUR) == [Cause.OVERDUE]


def test_the_gap_that_an_edit_makes_is_not_allowed_by_the_edit() -> None:
    """A monthly profile is moved to a day that has just passed: its next run is farther than a month from the last."""
    on_the_fifth = replace(NIGHTLY, unit=Unit.MONTH, on_day=5)
    last = NOON.replace(month=4, day=15, hour=1)
    assert causes(of(on_the_fifth, last, NOON, amended_at=NOON - HOUR), NOON) == []
    late = NOON.replace(day=17)
    found = judge(of(on_the_fifth, last, late, amended_at=NOON - HOUR), late)
    assert [each.cause for each in found.findings] == [Cause.OVERDUE]
    assert found.since == last + 31 * DAY + MOST


def test_a_rhythm_that_reaches_before_all_time_still_has_its_end() -> None:
    begun_at = datetime.fromisoformat("2026-05-01T01:00+00:00")
    for unit, allowed in ((Unit.DAY, 1_000_000 * DAY + MOST), (Unit.MONTH, MOST)):
        found = expected(replace(NIGHTLY, unit=unit, every=1_000_000, start=datetime(2026, 5, 1)), NOON)
        assert (found.due_at, found.begins_at, found.allowed) == (begun_at, None, allowed)


@thorough
@given(cases(), st.floats(0, 90_000))
def test_what_is_due_is_an_occurrence_whose_tolerance_is_over(
    case: tuple[Recurrence, datetime], usual_s: float
) -> None:
    recurrence, now = case
    found = expected(recurrence, now, usual_s=usual_s)
    if found.due_at is not None and found.overdue_at is not None:
        assert found.due_at < found.overdue_at <= now
        assert found.begins_at is None
        tolerance = found.overdue_at - found.due_at
        assert tolerance >= max(10 * MINUTE, min(MOST, timedelta(seconds=2 * usual_s) - MINUTE))
        assert found.allowed >= tolerance


def ran(recurrence: Recurrence, until: datetime) -> datetime | None:
    """Return the newest occurrence up to an instant."""
    for days in (1, 20, 400):
        if found := list(due_between(recurrence, until - days * DAY, until)):
            return found[-1]
    return None


@thorough
@given(cases(), st.integers(0, 599), st.booleans())
def test_a_profile_whose_every_occurrence_succeeded_is_never_at_risk(
    case: tuple[Recurrence, datetime], delay_s: int, just_saved: bool
) -> None:
    recurrence, now = case
    data_at = ran(recurrence, now - timedelta(seconds=delay_s))  # a run of which the end is awaited counts not yet
    assume(data_at is not None and next_due(recurrence, now) is not None)
    saved = {"amended_at": now} if just_saved else {}
    assert data_at is not None
    assert causes(of(recurrence, data_at, now, **saved), now) == []


def longest_gap(recurrence: Recurrence) -> timedelta:
    """Return what no gap between neighbouring occurrences exceeds, told from the fields alone."""
    every, weekly = recurrence.every, 7 if recurrence.weekdays else 1
    days = {Unit.MONTH: 31 * every + 7, Unit.WEEK: 7 * every, Unit.DAY: every * weekly}.get(recurrence.unit, weekly)
    return (days + 1) * DAY  # a window's end to the next one's beginning; zones have left out a day


@thorough
@given(
    cases(),
    st.integers(0, 2_000),
    st.floats(0, 1e9),
    st.floats(0, 800),
    st.floats(0, 800),
)
def test_nothing_is_protected_whose_data_is_older_than_the_longest_gap_and_the_tolerance(
    case: tuple[Recurrence, datetime], ahead: int, usual_s: float, age: float, saved: float
) -> None:
    recurrence, now = case
    recurrence = replace(recurrence, start=recurrence.start + ahead * DAY, until=None)
    facts = of(recurrence, now - age * DAY, now, amended_at=now - saved * DAY, usual_s=usual_s)
    if judge(facts, now).protection is Protection.PROTECTED:
        gap = longest_gap(recurrence)
        assert age * DAY <= gap + max(MOST, min(timedelta(seconds=2 * usual_s), gap)) + SKEW


@thorough
@given(cases(), st.integers(1, 2_000), st.floats(0, 3))
def test_nothing_is_protected_by_a_schedule_that_begins_later_than_its_longest_gap_allows(
    case: tuple[Recurrence, datetime], ahead: int, age: float
) -> None:
    recurrence, now = case
    recurrence = replace(recurrence, start=now.replace(tzinfo=None) + ahead * DAY, until=None)
    first = next_due(recurrence, now)
    assume(first is not None)
    assert first is not None
    data_at = now - age * DAY
    if first - data_at > longest_gap(recurrence) + MOST:
        assert judge(of(recurrence, data_at, now), now).protection is not Protection.PROTECTED
