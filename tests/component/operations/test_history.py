"""The history over real runs: its pages, and what becomes of a made-up position."""

from __future__ import annotations

import base64
import json

import pytest

from pwsops.errors import EngineError, NotFound
from pwsops.operations.history import HistoryQuery, HistorySort
from pwsops.operations.records import HistoryPage
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from tests.homes import Home

FULL, DIFFERENTIAL = BackupKind


@pytest.fixture
def filled(home: Home) -> Home:
    """Ten runs of two profiles, every third failed."""
    home.server.sizes = {"one": 1, "two": 1}
    home.add(name="p", databases=["one", "two"])
    home.add(name="q", databases=["two"])
    for number in range(10):
        if number % 3 == 0:
            home.server.fail("two", EngineError("The device is full.", hint="Make room.", number=112))
        home.run("pq"[number % 2])
    return home


def ids(page: HistoryPage) -> list[int]:
    return [run.id for run in page.runs]


def encoded(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", HistorySort)
def test_after_and_before_lead_through_everything_and_back(filled: Home, sort: HistorySort, descending: bool) -> None:
    def page(position: str) -> HistoryPage:
        query = HistoryQuery(sort=sort, descending=descending, size=3, position=position)
        return filled.ops.history.page(query)

    there = [page("")]
    while there[-1].after:
        there.append(page(there[-1].after))
    back = [there[-1]]
    while back[-1].before:
        back.append(page(back[-1].before))
    assert [len(each.runs) for each in there] == [3, 3, 3, 1]
    assert sorted(number for each in there for number in ids(each)) == list(range(1, 11))
    assert [ids(each) for each in back[::-1]] == [ids(each) for each in there]
    assert {each.total for each in there} == {10}
    assert there[0].before == there[-1].after == ""


def test_a_page_has_items_without_messages_and_says_what_was_written(filled: Home) -> None:
    page = filled.ops.history.page(HistoryQuery(sort=HistorySort.SIZE))
    assert [sum(item.size_bytes or 0 for item in run.items) for run in page.runs] == [20] * 3 + [10] * 5 + [0] * 2
    assert {item.messages for run in page.runs for item in run.items} == {()}
    assert filled.ops.history.profiles() == ["p", "q"]


def test_filters_and_text_narrow_together(filled: Home) -> None:
    def found(**wanted: object) -> list[int]:
        page = filled.ops.history.page(HistoryQuery(**wanted))  # type: ignore[arg-type]
        assert page.total == len(page.runs)
        return ids(page)

    assert found(status=RunStatus.FAILED) == [10, 7, 4, 1]
    assert found(status=RunStatus.FAILED, profile="p") == [7, 1]
    assert found(text="  device IS full ", profile="q", trigger=Trigger.MANUAL) == [10, 4]
    assert found(text="device is full", status=RunStatus.SUCCEEDED) == []
    assert found(trigger=Trigger.CATCH_UP) == []
    assert len(found(text="   ")) == 10


@pytest.mark.parametrize(
    "made_up",
    [
        "x",
        "%%%",
        "\udc80",
        "ä",
        "A" * 1001,
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 50_000).decode(),
        encoded(),
        encoded("due"),
        encoded("due", False),
        encoded("due", 0, 1, 1),
        encoded("due", False, 1, "1"),
        encoded("due", False, 1, True),
        encoded("due", False, 1, None),
        encoded("due", False, 1, 1.5),
        encoded("due", False, 2**63, 1),
        encoded("due", False, -(2**63) - 1, 1),
        encoded("due", False, 1, 1, 1),
        encoded("size", False, 1, 1),
        base64.b64encode(b'{"due": 1}').decode(),
        base64.b64encode(b"7").decode(),
    ],
)
def test_a_made_up_position_is_the_beginning(filled: Home, made_up: str) -> None:
    first = filled.ops.history.page(HistoryQuery(size=2))
    assert filled.ops.history.page(HistoryQuery(size=2, position=made_up)) == first


@pytest.mark.parametrize("group", ["\ud800", 7, "nobody"])
def test_a_made_up_group_loses_nothing_and_fails_nothing(filled: Home, group: object) -> None:
    for sort in (HistorySort.PROFILE, HistorySort.STATUS):
        query = HistoryQuery(sort=sort, descending=False, position=encoded(sort.value, False, group, 1, 1))
        assert filled.ops.history.page(query).runs


def test_a_place_that_holds_nothing_any_more_is_the_beginning(filled: Home) -> None:
    first = filled.ops.history.page(HistoryQuery(size=4))
    assert filled.ops.history.page(HistoryQuery(size=4, position=encoded("due", False, 0, 0))) == first
    assert filled.ops.history.page(HistoryQuery(size=4, position=encoded("due", True, 2**62, 0))) == first


def test_new_runs_do_not_move_the_page_that_somebody_reads(filled: Home) -> None:
    query = HistoryQuery(size=3)
    second = HistoryQuery(size=3, position=filled.ops.history.page(query).after)
    before = ids(filled.ops.history.page(second))
    filled.run("p")
    page = filled.ops.history.page(second)
    assert ids(page) == before
    assert page.total == 11
    # Of the newer ones there are four now, and a page holds three: those nearest.
    nearer = filled.ops.history.page(HistoryQuery(size=3, position=page.before))
    assert ids(nearer) == [10, 9, 8]
    assert ids(filled.ops.history.page(HistoryQuery(size=3, position=nearer.before))) == [11, 10, 9]


def test_an_empty_history_is_an_empty_page(home: Home) -> None:
    assert home.ops.history.page(HistoryQuery()) == HistoryPage(runs=[], before="", after="", total=0)
    assert home.ops.history.page(HistoryQuery(text="x", sort=HistorySort.PROFILE)).runs == []
    assert home.ops.history.profiles() == []


def test_a_read_leaves_nothing_behind_for_the_next(filled: Home) -> None:
    search = HistoryQuery(text="device")
    assert filled.ops.history.page(search) == filled.ops.history.page(search)
    assert filled.ops.history.page(HistoryQuery(text="device", size=1)).total == 4


def test_the_runs_of_its_kind_up_to_one_are_measured_the_oldest_first(home: Home) -> None:
    home.server.sizes = {"one": 1}
    home.add(name="p", databases=["one"])
    home.add(name="q", databases=["one"])
    for name, kind in (("p", FULL), ("q", FULL), ("p", FULL), ("p", DIFFERENTIAL), ("p", FULL)):
        home.run(name, kind=kind)
    found = home.ops.history.up_to(3)
    assert [one.run_id for one in found] == [1, 3]
    assert [one.size_bytes for one in found] == [run.items[0].size_bytes for run in map(home.ops.runs.get, (1, 3))]
    assert [one.run_id for one in home.ops.history.up_to(5, limit=2)] == [3, 5]
    assert [one.run_id for one in home.ops.history.up_to(4)] == [4]
    with pytest.raises(NotFound):
        home.ops.history.up_to(99)


def test_what_a_run_took_is_told_until_a_later_one_takes_its_place(home: Home) -> None:
    home.server.sizes = {"one": 1}
    home.add(name="p", databases=["one"], timestamp=False, incremental=False)
    home.run()
    found = home.ops.media.of_run(1)
    assert (found.instance, [one.database for one in found.sets]) == ("srv", ["one"])
    assert found.sets[0].set_id == home.ops.runs.get(1).items[0].set_id
    home.run()
    assert home.ops.media.of_run(1).sets == ()
    assert len(home.ops.media.of_run(2).sets) == 1
    assert home.ops.media.of_run(99).sets == ()
