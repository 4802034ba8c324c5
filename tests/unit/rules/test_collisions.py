"""Which runs overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.collisions import Busy, collisions

MINUTE = 60.0


def found(*runs: tuple[float, float]) -> list[list[int]]:
    return [list(one.runs) for one in collisions([begin for begin, _ in runs], [end for _, end in runs])]


def test_a_run_that_begins_before_another_has_ended_collides_with_it() -> None:
    (one,) = collisions([0.0, MINUTE], [2 * MINUTE, 3 * MINUTE])
    assert (one.begin, one.end, list(one.runs)) == (0.0, 3 * MINUTE, [0, 1])


def test_one_that_begins_when_another_ends_does_not() -> None:
    assert found((0, 60), (60, 120)) == []


def test_runs_of_unknown_length_collide_where_they_begin_together_or_inside_of_another() -> None:
    assert found((0, 0), (0, 0)) == [[0, 1]]
    assert found((0, 0), (1, 1)) == []
    assert found((0, 60), (30, 30)) == [[0, 1]]


def test_what_hangs_together_is_one_collision_and_what_does_not_is_another() -> None:
    assert found((300, 310), (0, 100), (50, 70), (90, 150), (305, 306)) == [[1, 2, 3], [0, 4]]


def test_a_short_run_within_a_long_one_does_not_end_it() -> None:
    assert found((0, 1000), (10, 11), (500, 501)) == [[0, 1, 2]]


def test_nothing_collides_with_nothing() -> None:
    assert found() == found((0, 10)) == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=30))
def test_a_run_is_in_a_collision_exactly_where_it_overlaps_another(runs: list[tuple[int, int]]) -> None:
    spans = [(begin, begin + took) for begin, took in runs]

    def overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
        first, second = sorted((one, other))
        return second[0] < first[1] or first[0] == second[0]

    expected = {
        at for at, one in enumerate(spans) if any(overlap(one, two) for to, two in enumerate(spans) if to != at)
    }
    assert {run for runs in found(*spans) for run in runs} == expected


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=20),
    st.tuples(st.integers(0, 50), st.integers(0, 20)),
)
def test_one_run_meets_others_exactly_where_it_would_collide_with_one(
    others: list[tuple[int, int]], run: tuple[int, int]
) -> None:
    spans = [(float(begin), float(begin + took)) for begin, took in others]
    own = (float(run[0]), float(run[0] + run[1]))
    busy = Busy([begin for begin, _ in spans], [end for _, end in spans])
    assert busy.meets(*own) == any(found(own, other) for other in spans)
