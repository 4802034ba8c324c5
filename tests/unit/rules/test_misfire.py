from __future__ import annotations

from datetime import timedelta

import pytest

from pwsops.rules.misfire import GRACE, CatchUpPlan, plan_catch_up
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
