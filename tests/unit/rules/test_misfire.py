from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.misfire import GRACE, CatchUpPlan, missed_before, plan_catch_up, spread
from pwsops.rules.model import Trigger
from tests.unit.rules.sets import NOON

HOUR = timedelta(hours=1)


def test_one_occurrence_on_time_is_simply_due() -> None:
    assert plan_catch_up([NOON], now=NOON + GRACE) == CatchUpPlan(due_at=NOON, trigger=Trigger.SCHEDULE)


def test_the_newest_on_time_runs_as_planned_and_those_before_it_were_missed() -> None:
    assert plan_catch_up([NOON, NOON + HOUR, NOON + 2 * HOUR], now=NOON + 2 * HOUR) == CatchUpPlan(
        due_at=NOON + 2 * HOUR,
        trigger=Trigger.SCHEDULE,
        missed_count=2,
        missed_from=NOON,
        missed_until=NOON + HOUR,
    )


def test_when_all_are_late_one_catch_up_makes_up_for_them() -> None:
    now = NOON + HOUR + GRACE + timedelta(microseconds=1)
    assert plan_catch_up([NOON, NOON + HOUR], now=now) == CatchUpPlan(
        due_at=now, trigger=Trigger.CATCH_UP, missed_count=2, missed_from=NOON, missed_until=NOON + HOUR
    )


def test_settling_nothing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="nothing is due"):
        plan_catch_up([], now=NOON)


def test_missed_occurrences_are_spread_from_the_first_to_the_last() -> None:
    assert spread(0, 12, 4) == [0, 4, 8, 12]
    assert spread(0, 12, 4, since=4, until=12) == [4, 8]
    assert spread(0, 12, 4, since=13) == []
    assert spread(7, 7, 1) == spread(7, 9, 0) == [7]


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 300), st.integers(-10, 2 * 10**6))
def test_of_two_periods_that_meet_each_occurrence_is_in_one(first: int, length: int, count: int, middle: int) -> None:
    every = spread(first, first + length, count)
    assert spread(first, first + length, count, until=middle) + spread(first, first + length, count, middle) == every
    assert len(every) == count


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 300), st.integers(-10, 2 * 10**6))
def test_those_before_an_instant_are_counted_as_they_are_spread(
    first: int, length: int, count: int, instant: int
) -> None:
    before = [at for at in spread(first, first + length, count) if at < instant]
    assert missed_before(first, first + length, count, instant) == len(before)
