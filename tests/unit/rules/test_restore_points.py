"""Restore points: the point for a moment is the newest whole one that is not after it, and lost ones say why."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.model import BackupKind, MediaState
from pwsops.rules.protection import SetFacts
from pwsops.rules.restore_points import (
    RestorePoint,
    at_moment,
    newest_first,
    point_of,
    restore_points,
    why_not,
)
from tests.unit.rules.sets import NOON

MINUTE = timedelta(minutes=1)
NOW = NOON + timedelta(hours=3)


def a_set(number: int, base: int | None = None, *, minutes: int | None = None, **fields: Any) -> SetFacts:
    """The set of a run that finished so many minutes after noon, and was proven and seen just now."""
    at = NOON + (number if minutes is None else minutes) * MINUTE
    given_ones = {
        "set_id": f"set {number}",
        "kind": BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL,
        "path": f"/media/{number}.bak",
        "data_at": at - MINUTE / 2,
        "finished_at": at,
        "order": number,
        "run_id": number,
        "base_id": None if base is None else f"set {base}",
        "proven_at": at,
        "seen_state": MediaState.PRESENT,
        "state_since": at,
        "seen_at": NOW,
    }
    return SetFacts(**given_ones | fields)


def chosen(sets: Sequence[SetFacts], minutes: float) -> str | None:
    point = at_moment(restore_points(sets, NOW), NOON + minutes * MINUTE).point
    return None if point is None else point.set.set_id


def test_the_point_for_a_moment_is_the_newest_that_is_not_after_it() -> None:
    sets = [a_set(1), a_set(5, 1), a_set(9)]
    assert [chosen(sets, minutes) for minutes in (0.9, 1, 4.9, 5, 8.9, 9, 100)] == [
        None, "set 1", "set 1", "set 5", "set 5", "set 9", "set 9",
    ]  # fmt: skip


def test_what_is_lost_is_passed_over_and_named_with_what_rests_on_it() -> None:
    sets = [a_set(1), a_set(4, seen_state=MediaState.MISSING, seen_reason="/media/4.bak does not exist"), a_set(5, 4)]
    choice = at_moment(restore_points(sets, NOW), NOW)
    assert choice.point is not None
    assert choice.point.set.set_id == "set 1"
    assert [why_not(each) for each in choice.passed] == [
        "base missing (/media/5.bak: /media/4.bak does not exist)",
        "files gone (/media/4.bak does not exist)",
    ]


def test_what_nobody_could_look_at_is_chosen_before_an_older_one_that_is_there() -> None:
    sets = [a_set(1), a_set(5, seen_state=MediaState.UNKNOWN, seen_reason="the disk does not answer")]
    point = at_moment(restore_points(sets, NOW), NOW).point
    assert point is not None
    assert (point.set.set_id, point.can_be_restored, point.is_present) == ("set 5", None, None)
    assert "the disk does not answer" in why_not(point)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"disproven_at": NOW, "disproven_reason": "page 3 is bad"}, "failed verification"),
        ({"missing_key": "AB12"}, "private key missing"),
        ({"of_failed_item": True}, "set of a failed run"),
        ({"is_damaged": True}, "backup of a damaged database"),
        ({"seen_state": MediaState.OTHER}, "file holds another set"),
        ({"seen_state": MediaState.MISSING, "stripes": 2}, "stripe missing"),
        ({"unreadable": "backup_sets 3, `kind` cannot be read"}, "record not readable"),
    ],
)
def test_a_point_that_cannot_be_restored_says_why(fields: dict[str, Any], told: str) -> None:
    (point,) = restore_points([a_set(1, **fields)], NOW)
    assert point.can_be_restored is False
    assert told in why_not(point)


def test_an_incremental_whose_full_nobody_recorded_is_not_whole() -> None:
    (point,) = restore_points([a_set(2, 1)], NOW)
    assert (point.can_be_restored, point.is_present, point.proven_at) == (False, False, None)
    assert why_not(point) == "the full that /media/2.bak needs is not known here"


def test_what_was_never_verified_can_be_restored_which_proves_it() -> None:
    (point,) = restore_points([a_set(1, proven_at=None)], NOW)
    assert (point.can_be_restored, point.proven_at, why_not(point)) == (True, None, "")


def test_a_chain_is_proven_since_its_older_proof() -> None:
    points = restore_points([a_set(1), a_set(5, 1)], NOW)
    assert points[1].proven_at == NOON + MINUTE
    assert [each.set_id for each in points[1].chain] == ["set 1", "set 5"]


def test_a_date_of_the_future_is_told_and_keeps_nothing_from_being_restored() -> None:
    (point,) = restore_points([a_set(1, minutes=600)], NOW)
    assert point.can_be_restored is True
    assert not point.restorable
    assert "dated after now" in why_not(point)


def test_points_are_listed_in_the_order_of_their_runs_whatever_the_clock_said() -> None:
    late = a_set(4, run_id=1)
    points = restore_points([a_set(1, minutes=90), a_set(2, minutes=10), a_set(3, run_id=None), late], NOW)
    assert [each.set.set_id for each in newest_first(points)] == ["set 3", "set 2", "set 4", "set 1"]


random_sets = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.one_of(st.none(), st.integers(0, 11)),
        st.sampled_from([*MediaState, None]),
        st.booleans(),
    ),
    max_size=12,
)


def made(drawn: Sequence[tuple[int, int | None, MediaState | None, bool]]) -> list[SetFacts]:
    return [
        a_set(number, base, minutes=minutes, seen_state=state, disproven_at=NOW if bad else None)
        for number, (minutes, base, state, bad) in enumerate(drawn)
    ]


@given(random_sets, st.integers(-1, 32))
def test_over_random_sets_it_is_the_newest_whole_one_that_is_not_after(
    drawn: list[tuple[int, int | None, MediaState | None, bool]], minutes: int
) -> None:
    sets, moment = made(drawn), NOON + minutes * MINUTE
    lost = (MediaState.MISSING, MediaState.OTHER, MediaState.DAMAGED)

    def is_lost(one: SetFacts) -> bool:
        return one.seen_state in lost or one.disproven_at is not None

    def may_be_whole(one: SetFacts) -> bool:
        fulls = [each for each in sets if each.kind is BackupKind.FULL and each.set_id == one.base_id]
        return not is_lost(one) and (one.kind is BackupKind.FULL or any(not is_lost(each) for each in fulls))

    fit = [one for one in sets if one.finished_at <= moment and may_be_whole(one)]
    wanted = max(fit, key=lambda one: (one.finished_at, one.order), default=None)
    choice = at_moment(restore_points(sets, NOW), moment)
    assert (choice.point and choice.point.set) == wanted
    newer = [one for one in sets if one.finished_at <= moment and not may_be_whole(one)]
    if wanted is not None:
        newer = [one for one in newer if (one.finished_at, one.order) > (wanted.finished_at, wanted.order)]
    assert {each.set.set_id for each in choice.passed} == {one.set_id for one in newer}


@given(random_sets)
def test_all_points_at_once_are_those_of_each_set_alone(
    drawn: list[tuple[int, int | None, MediaState | None, bool]],
) -> None:
    sets = made(drawn)
    alone: list[RestorePoint] = [point_of(each, sets, NOW) for each in sets]
    assert restore_points(sets, NOW) == alone


def test_many_sets_take_time_in_proportion_to_their_number() -> None:
    sets = [a_set(number, number - number % 10 if number % 10 else None) for number in range(20_000)]
    began = time.process_time()
    points = restore_points(sets, NOW)
    assert len(points) == 20_000
    # Comparing each with each would take minutes.
    assert time.process_time() - began < 20


def test_no_moment_means_what_a_restore_replaced() -> None:
    sets = [a_set(1), a_set(5, run_id=None, is_safety_copy=True)]
    assert chosen(sets, 9) == "set 1"
    choice = at_moment(restore_points(sets[1:], NOW), NOW)
    assert (choice.point, choice.passed) == (None, [])
