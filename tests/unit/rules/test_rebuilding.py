"""Which found backups are new, and where they belong."""

from __future__ import annotations

from dataclasses import replace

from pwsops.rules.model import BackupSet
from pwsops.rules.rebuilding import Known, judge, placed
from pwsops.rules.run_mark import safety_description
from tests.unit.rules.sets import NOON, differential, full

NOTHING = Known(digests={}, occupied={})


def at(one: BackupSet, path: str, digest: str = "d") -> BackupSet:
    return replace(one, path=path, details={"digest": digest})


def test_new_sets_come_in_the_order_in_which_they_were_taken_and_a_full_before_what_rests_on_it() -> None:
    found = [at(differential("c", "a", hours=1), "/c"), at(full("b", hours=1), "/b"), at(full("a"), "/a")]
    assert [one.set_id for one in judge(found, NOTHING).new] == ["a", "b", "c"]


def test_of_copies_one_is_taken_and_it_does_not_depend_on_which_was_found_first() -> None:
    found = [at(full("a"), "/media/copies/a"), at(full("a"), "/media/a")]
    for each in (found, found[::-1]):
        judged = judge(each, NOTHING)
        assert ([one.path for one in judged.new], judged.copies, judged.conflicts) == (["/media/a"], 1, [])


def test_of_one_identity_with_two_contents_none_is_taken() -> None:
    found = [at(full("a"), "/a"), at(full("a"), "/b", "other")]
    judged = judge(found, NOTHING)
    assert (judged.new, [each.path for each in judged.conflicts]) == ([], ["/a", "/b"])
    recorded = judge(found[:1], Known(digests={"a": {"another"}}, occupied={}))
    assert (recorded.new, recorded.known, len(recorded.conflicts)) == ([], 0, 1)


def test_what_is_recorded_stays_as_it_is_also_where_its_contents_were_not_noted() -> None:
    for digest in ("d", None):
        judged = judge([at(full("a"), "/a")], Known(digests={"a": {digest}}, occupied={"/a": "a"}))
        assert (judged.new, judged.known, judged.conflicts) == ([], 1, [])


def test_another_set_in_a_file_that_is_recorded_counts_only_where_a_home_said_that_it_took_it() -> None:
    found, known = [at(full("a"), "/a")], Known(digests={}, occupied={"/a": "b"})
    assert [each.path for each in judge(found, known).conflicts] == ["/a"]
    assert [one.set_id for one in judge(found, known, stated={"a"}).new] == ["a"]


def test_a_safety_copy_is_nobody_s_base() -> None:
    copy = replace(at(full("a"), "/a"), description=safety_description(1, "x"))
    assert [one.copy_only for one in judge([copy], NOTHING).new] == [True]


def test_what_is_older_than_what_is_known_comes_first_from_the_newest_on_backwards() -> None:
    sets = [("i", full(str(hour), hours=hour)) for hour in range(5)]
    name = sets[0][1].database
    order = [(one.backup_set.set_id, one.is_late) for one in placed(sets, {("i", name): sets[2][1].finished_at})]
    assert order == [("1", True), ("0", True), ("2", False), ("3", False), ("4", False)]
    assert not any(one.is_late for one in placed(sets, {("other", name): NOON.replace(year=2030)}))
