"""A later backup takes the place of those alone whose data the database still continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.replacing import Order, Restored, is_written_over, replaceable
from tests.clocks import NOON


def at(hour: float) -> datetime:
    return NOON + timedelta(hours=hour)


def taken(number: float, hour: float | None = None) -> BackupSet:
    at_hour = at(number if hour is None else hour)
    return BackupSet(set_id=f"set {number}", database="one", kind=BackupKind.FULL, path="/x", finished_at=at_hour)


OWN = [taken(1), taken(2), taken(3)]
ORDERS = {one.set_id: Order(run, run) for run, one in enumerate(OWN, start=1)}
LATER = at(9)


def may_go(*restored: Restored, own: Sequence[BackupSet] = OWN, orders: Mapping[str, Order] = ORDERS) -> list[str]:
    found = replaceable(own, resting=own, of_database=orders, restored=restored, now=LATER)
    return [one.set_id for one in found]


def test_without_a_restore_all_may_go() -> None:
    assert may_go() == ["set 1", "set 2", "set 3"]


def test_the_restored_set_and_what_came_before_it_may_go_and_what_came_after_it_stays() -> None:
    assert may_go(Restored("set 2", at(2), Order(3, 3))) == ["set 1", "set 2"]


def test_a_full_stays_as_long_as_an_incremental_on_it_that_is_newer_than_what_was_restored() -> None:
    incremental = replace(taken(2), kind=BackupKind.DIFFERENTIAL, base_id="set 1")
    assert may_go(own=[taken(1), incremental]) == ["set 1", "set 2"]
    assert may_go(Restored("set 1", at(1), Order(2, 2)), own=[taken(1), incremental]) == []
    assert may_go(Restored("set 2", at(2), Order(2, 2)), own=[taken(1), incremental]) == ["set 1", "set 2"]
    # Another profile's, as well.
    found = replaceable(
        [taken(1)],
        resting=[taken(1), incremental],
        of_database=ORDERS,
        restored=[Restored("set 1", at(1), Order(2, 2))],
        now=LATER,
    )
    assert found == []


def test_after_a_restore_of_another_databases_set_all_before_it_stay() -> None:
    assert may_go(Restored("another", at(2), Order(2, 2))) == ["set 3"]


def test_what_a_wrong_clock_dated_ahead_stays_after_a_restore_even_when_its_day_has_come() -> None:
    ahead = taken(2, hour=8)
    restored = Restored("set 1", at(1), Order(2, 2))
    assert may_go(restored, own=[taken(1), ahead]) == ["set 1"]
    assert may_go(Restored("set 1", at(1), Order(1, 1)), own=[taken(2, hour=9.1)]) == []
    assert may_go(own=[taken(2, hour=99)]) == ["set 2"]


def test_what_was_taken_after_a_restore_may_go_whatever_the_clock_said() -> None:
    assert may_go(Restored("set 1", at(1), Order(2, 2)), own=[taken(3, hour=-5)]) == ["set 3"]


def test_what_a_restore_wrote_over_is_what_was_taken_between_its_backup_and_itself() -> None:
    restored, source = Restored("set 1", at(1), Order(2, 2)), ORDERS["set 1"]
    told = [is_written_over(restored, ORDERS[one.set_id], one.finished_at, source) for one in OWN]
    assert told == [False, True, False]
    assert [is_written_over(restored, ORDERS[one.set_id], one.finished_at, None) for one in OWN] == [True, True, False]
    assert is_written_over(restored, Order(2, 3), at(3), source) is None


def test_of_runs_that_went_on_side_by_side_nothing_is_concluded() -> None:
    # Asked for before the restore and written down after it, or known to no run.
    restored = Restored("set 1", at(1), Order(3, 2))
    assert may_go(restored, own=[taken(3)]) == []
    assert may_go(restored, own=[taken(3)], orders=ORDERS | {"set 3": Order(0, 3)}) == []
    assert may_go(restored, own=[taken(3)], orders={"set 1": Order(1, 1)}) == []


COUNTS = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(st.lists(st.tuples(st.sampled_from([*ORDERS, "x"]), st.floats(0, 5), COUNTS), max_size=4))
def test_a_set_that_is_newer_than_what_was_restored_over_it_never_goes(
    breaks: list[tuple[str, float, tuple[int, int]]],
) -> None:
    restored = [Restored(set_id, at(data), Order(*began)) for set_id, data, began in breaks]
    gone = may_go(*restored)
    for set_id, order in ORDERS.items():
        for each in restored:
            before = order.run <= each.began.run or order.row <= each.began.row
            if before and order > ORDERS.get(each.set_id, Order(0, 0)):
                assert set_id not in gone
