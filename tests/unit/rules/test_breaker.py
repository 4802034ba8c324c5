from __future__ import annotations

import pytest

from pwsops.rules.breaker import LIMIT, after_run, health, trips
from pwsops.rules.model import Health, ProfileState, RunStatus


@pytest.mark.parametrize(
    ("status", "any_item_succeeded", "expected"),
    [
        (RunStatus.SUCCEEDED, True, 0),
        (RunStatus.FAILED, False, 4),
        (RunStatus.FAILED, True, 0),
        (RunStatus.CANCELLED, True, 3),
        (RunStatus.CANCELLED, False, 3),
        (RunStatus.MISSED, False, 3),
        (RunStatus.SKIPPED, False, 3),
        (RunStatus.RUNNING, True, 3),
        (RunStatus.QUEUED, False, 3),
    ],
)
def test_only_runs_that_did_something_or_nothing_move_the_count(
    status: RunStatus, any_item_succeeded: bool, expected: int
) -> None:
    assert after_run(3, status, any_item_succeeded) == expected


def test_the_fifth_failure_in_a_row_trips() -> None:
    count, tripped = 0, []
    for _ in range(LIMIT + 1):
        count = after_run(count, RunStatus.FAILED, any_item_succeeded=False)
        tripped.append(trips(count))
    assert tripped == [False, False, False, False, True, True]


@pytest.mark.parametrize(
    ("state", "last_status", "expected"),
    [
        (ProfileState.ACTIVE, None, Health.NEW),
        (ProfileState.ACTIVE, RunStatus.SUCCEEDED, Health.GREEN),
        (ProfileState.ACTIVE, RunStatus.FAILED, Health.ORANGE),
        (ProfileState.ACTIVE, RunStatus.MISSED, Health.ORANGE),
        (ProfileState.INACTIVE, RunStatus.SKIPPED, Health.ORANGE),
        (ProfileState.TRIPPED, RunStatus.SUCCEEDED, Health.RED),
        (ProfileState.TRIPPED, None, Health.RED),
    ],
)
def test_red_is_for_tripped_profiles_alone_and_orange_for_a_bad_last_run(
    state: ProfileState, last_status: RunStatus | None, expected: Health
) -> None:
    assert health(state, last_status) is expected
