from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.exposure import RestorableSet, Worst, data_spans, exposure_s, worst
from tests.unit.rules.sets import NOON, differential, full

HOUR_S = 3600.0
LATER = NOON + timedelta(hours=10)


def test_the_exposure_counts_from_the_start_of_the_newest_backup() -> None:
    newest = full("b", hours=8, started_at=NOON + timedelta(hours=7))
    assert exposure_s([newest, full("a")], LATER) == 3 * HOUR_S


def test_without_a_start_the_end_of_a_backup_counts() -> None:
    assert exposure_s([full("a", hours=8)], LATER) == 2 * HOUR_S


def test_a_differential_counts_only_where_its_full_is_there() -> None:
    assert exposure_s([full("a"), differential("c", "a", hours=9)], LATER) == HOUR_S
    assert exposure_s([full("a"), differential("c", "lost", hours=9)], LATER) == 10 * HOUR_S
    assert exposure_s([full("a"), differential("c", None, hours=9)], LATER) == 10 * HOUR_S


def test_with_nothing_to_restore_there_is_no_number() -> None:
    assert exposure_s([], LATER) is None
    assert exposure_s([differential("c", "lost")], LATER) is None


def test_a_clock_that_is_a_little_behind_shows_no_negative_loss() -> None:
    assert exposure_s([full("a", hours=10.02)], LATER) == 0.0


def test_log_backups_count_where_there_is_something_that_they_follow() -> None:
    logs_until = LATER - timedelta(minutes=5)
    assert exposure_s([full("a")], LATER, logs_until=logs_until) == 300.0
    assert exposure_s([full("a", hours=10)], LATER, logs_until=logs_until) == 0.0
    assert exposure_s([], LATER, logs_until=logs_until) is None
    assert exposure_s([full("a")], LATER, logs_until=LATER + timedelta(days=1)) == 10 * HOUR_S


def test_a_set_of_the_future_says_nothing_of_what_would_be_lost() -> None:
    assert exposure_s([full("a", hours=11)], LATER) is None
    assert exposure_s([full("a", hours=11), full("b")], LATER) == 10 * HOUR_S


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def restorable(name: str, since: float, until: float | None = None, *, base: str | None = None) -> RestorableSet:
    """A set whose data is half an hour older than its end; times in hours."""
    return RestorableSet(
        set_id=name, base_id=base, data_at=at(since - 0.5), since=at(since), until=None if until is None else at(until)
    )


def cut(sets: list[RestorableSet], since: float = 0, until: float = 10) -> list[tuple[float, float, float | None]]:
    def hours(instant: datetime | None) -> float | None:
        return None if instant is None else (instant - NOON).total_seconds() / HOUR_S

    found = data_spans(sets, at(since), at(until))
    return [(hours(one.since), hours(one.until), hours(one.data_at)) for one in found]  # type: ignore[misc]


def test_a_period_is_cut_where_the_newest_data_becomes_another() -> None:
    assert cut([restorable("a", 2), restorable("b", 6)]) == [(0, 2, None), (2, 6, 1.5), (6, 10, 5.5)]
    assert cut([]) == [(0, 10, None)]
    assert cut([restorable("a", -3), restorable("b", 12)]) == [(0, 10, -3.5)]
    assert cut([restorable("a", 2)], since=5, until=5) == []


def test_what_was_replaced_can_be_restored_no_more_and_takes_its_differentials_along() -> None:
    sets = [restorable("a", 1, 6), restorable("d", 3, base="a"), restorable("e", 5, base="nowhere")]
    assert cut(sets) == [(0, 1, None), (1, 3, 0.5), (3, 6, 2.5), (6, 10, None)]


def test_an_older_backup_counts_again_where_a_newer_one_is_gone() -> None:
    assert cut([restorable("a", 1), restorable("b", 4, 6)]) == [(0, 1, None), (1, 4, 0.5), (4, 6, 3.5), (6, 10, 0.5)]


def test_the_worst_of_a_period_is_at_the_end_of_a_stretch() -> None:
    found = worst([restorable("a", 1), restorable("b", 7), restorable("c", 9)], at(0), at(10))
    assert found == Worst(exposure_s=6.5 * HOUR_S, at=at(7), unprotected_s=HOUR_S)
    assert worst([], at(0), at(10)) == Worst(exposure_s=None, at=None, unprotected_s=10 * HOUR_S)


@given(
    st.lists(st.tuples(st.integers(-5, 15), st.none() | st.integers(1, 8), st.none() | st.integers(0, 7)), max_size=8)
)
def test_at_every_instant_the_newest_of_what_lies_there_is_found(given_sets: list[tuple[int, int, int]]) -> None:
    sets = [
        restorable(
            str(number), since, None if lasts is None else since + lasts, base=None if base is None else str(base)
        )
        for number, (since, lasts, base) in enumerate(given_sets)
    ]
    lies = {
        hour: {one.set_id for one in sets if one.since <= at(hour) and (one.until is None or at(hour) < one.until)}
        for hour in range(10)
    }
    fulls = {one.set_id for one in sets if one.base_id is None}
    found = list(data_spans(sets, at(0), at(10)))
    assert [one.until for one in found[:-1]] == [one.since for one in found[1:]]
    assert (found[0].since, found[-1].until) == (at(0), at(10))
    for hour in range(10):
        usable = [
            one.data_at for one in sets
            if one.set_id in lies[hour] and (one.base_id is None or one.base_id in fulls & lies[hour])
        ]  # fmt: skip
        here = next(one for one in found if one.since <= at(hour) < one.until)
        assert here.data_at == max(usable, default=None)
