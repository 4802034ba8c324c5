"""A later backup takes the place of those alone whose data the database still continues."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.replacing import Restored, replaceable
from tests.clocks import NOON


def at(hour: float) -> datetime:
    return NOON + timedelta(hours=hour)


def taken(hour: float) -> BackupSet:
    return BackupSet(set_id=f"at {hour}", database="one", kind=BackupKind.FULL, path="/x", finished_at=at(hour))


OWN = [taken(1), taken(2), taken(3)]
IDS = {one.set_id for one in OWN}


def test_without_a_restore_all_may_go() -> None:
    assert replaceable(OWN, of_database=IDS, restored=[]) == IDS


def test_the_restored_set_and_what_came_before_it_may_go_and_what_came_after_it_stays() -> None:
    back = Restored("at 2", at(2), at(4))
    assert replaceable(OWN, of_database=IDS, restored=[back]) == {"at 1", "at 2"}


def test_after_a_restore_of_another_databases_set_all_before_it_stay() -> None:
    foreign = Restored("another", at(2), at(2.5))
    assert replaceable(OWN, of_database=IDS, restored=[foreign]) == {"at 3"}


@given(st.lists(st.tuples(st.sampled_from([*sorted(IDS), "x"]), st.floats(0, 5), st.floats(0, 5)), max_size=4))
def test_a_set_that_is_newer_than_what_was_restored_over_it_never_goes(breaks: list[tuple[str, float, float]]) -> None:
    restored = [Restored(set_id, at(data), at(began)) for set_id, data, began in breaks]
    may_go = replaceable(OWN, of_database=IDS, restored=restored)
    for one in OWN:
        for each in restored:
            if each.began_at >= one.finished_at > each.data_at:
                assert one.set_id not in may_go
