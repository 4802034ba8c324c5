"""The history's page without a browser: what it asks for, what it shows, and what its controls do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from pwsops.engines.requests import Progress
from pwsops.errors import NotFound, PwsopsError
from pwsops.operations.history import HistoryQuery, HistorySort
from pwsops.operations.reports import RestoreQuery
from pwsops.rules.model import Message, RunStatus, Trigger
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import Nav
from pwsops.web.pages.history import page as history
from pwsops.web.pages.history.filters import ORDERS, query_of
from pwsops.web.pages.history.page import History
from tests.component.web.conftest import NOW, FakeOperations, hold_answers, make_item, make_restore, make_run

UTC = ZoneInfo("UTC")
DAY = timedelta(days=1)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def session(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(history, "TYPING_S", 0)
    session = Session(store, None)
    session.nav.go(page="runs")
    yield session
    session.close()


@pytest.fixture
def page(session: Session) -> History:
    page = History(session)
    session.on_change = page.refresh
    return page


def shown(page: History) -> str:
    return str(page._piece.html)


def act(page: History, action: str, key: str = "") -> None:
    page._piece.take({"action": action, "key": key})


def put(page: History, field: str, value: str) -> None:
    page._piece.take({"field": field, "key": "", "value": value})


def button(page: History, label: str) -> str:
    found = re.search(rf"<button[^>]*>(?:<svg.*?</svg>)?{label}(?:<svg.*?</svg>)?</button>", shown(page))
    assert found is not None
    return found.group()


def test_a_page_has_its_heading_its_count_and_fifty_rows(ops: FakeOperations, page: History) -> None:
    ops.run_views = [make_run(number) for number in range(1234, 0, -1)]
    page._session._take(page._session.store.snapshot())
    assert "<h1" in shown(page)
    assert "1,234 runs" in shown(page)
    assert shown(page).count("aria-expanded") == 50
    assert 'aria-disabled="true"' in button(page, "Newer")


def test_turning_goes_on_from_the_place_that_was_given(ops: FakeOperations, page: History) -> None:
    ops.run_views = [make_run(number) for number in range(120, 0, -1)]
    page._session._take(page._session.store.snapshot())
    act(page, "unfold", "120")
    act(page, "turn", "100")
    assert (page._session.nav.after, page._session.nav.opened) == ("100", 0)
    assert shown(page).count("aria-expanded") == 20
    assert 'aria-disabled="true"' in button(page, "Older")
    act(page, "sort", "-size")
    assert (page._session.nav.sort, page._session.nav.after) == ("-size", "")
    assert "Previous" in shown(page)


def test_an_address_is_read_as_a_question_and_what_it_says_amiss_is_unsaid() -> None:
    nav = Nav()
    nav.read("?page=runs&q=a%20b&status=failed&trigger=manual&profile=P&sort=-duration&after=x")
    assert query_of(nav, NOW, UTC) == HistoryQuery(
        text="a b", status=RunStatus.FAILED, trigger=Trigger.MANUAL, profile="P", sort=HistorySort.DURATION,
        descending=True, position="x",
    )  # fmt: skip
    nav.read("?page=runs&status=green&trigger=moon&sort=id")
    assert query_of(nav, NOW, UTC) == HistoryQuery()
    nav.read("?page=runs&sort=due")
    assert not query_of(nav, NOW, UTC).descending


def test_an_address_that_says_all_this_amiss_shows_everything(page: History) -> None:
    page._session.nav.go(page="runs", status="green", trigger="moon", sort=HOSTILE, profile=HOSTILE, opened=7)
    assert "<script" not in shown(page)
    assert "1 run" in shown(page)


@pytest.mark.parametrize("sort", ORDERS)
def test_every_order_that_is_offered_can_be_asked_for(page: History, sort: str) -> None:
    put(page, "sort", sort)
    marked = re.findall(r'aria-sort="(\w+)"', shown(page))
    assert marked == ["ascending" if sort and not sort.startswith("-") else "descending"]
    for key in re.findall(r'class="sort" data-action="sort" data-key="([^"]*)"', shown(page)):
        assert key in ORDERS
        assert key != sort


def test_a_second_click_on_a_header_turns_the_order_round(page: History) -> None:
    keys = r'data-action="sort" data-key="([^"]*)"[^>]*>Profile'
    assert re.findall(keys, shown(page)) == ["profile"]
    act(page, "sort", "profile")
    assert re.findall(keys, shown(page)) == ["-profile"]


def test_typing_searches_without_enter_and_from_the_beginning(ops: FakeOperations, page: History) -> None:
    page._session.nav.param.update(after="50", opened=1)
    ops.queries.clear()
    put(page, "q", "vau")
    assert [(query.text, query.position) for query in ops.queries] == [("vau", "")]
    assert (page._session.nav.q, page._session.nav.opened) == ("vau", 0)


def test_only_what_stands_there_after_a_pause_is_searched_for(
    ops: FakeOperations, page: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = hold_answers(page._session, monkeypatch)
    for text in ("v", "va", "vau"):
        put(page, "q", text)
    monkeypatch.undo()
    ops.queries.clear()
    for then in waiting:
        then()
    assert [query.text for query in ops.queries] == ["vau"]


def test_what_is_typed_and_left_changes_no_other_page(page: History, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = hold_answers(page._session, monkeypatch)
    put(page, "q", "vau")
    page._session.on_change = lambda: None
    page._session.nav.go()
    waiting[0]()
    assert page._session.nav.search() == ""


def test_filters_go_into_the_address_and_can_be_taken_back(ops: FakeOperations, page: History) -> None:
    for field, value in (("status", "failed"), ("profile", "Vaults"), ("trigger", "manual"), ("sort", "-size")):
        put(page, field, value)
    query = ops.queries[-1]
    assert (query.status, query.profile, query.trigger) == (RunStatus.FAILED, "Vaults", Trigger.MANUAL)
    assert "Show all runs" in shown(page)
    put(page, "password", "x")
    act(page, "clear")
    assert page._session.nav.search() == "?page=runs&sort=-size"
    assert "Show all runs" not in shown(page)


def test_a_row_unfolds_in_place_with_its_messages_and_folds_again(ops: FakeOperations, page: History) -> None:
    message = Message(text="Cannot open backup device.", at=NOW, number=3201, severity=16, is_error=True)
    ops.run_views = [make_run(4, RunStatus.FAILED, items=[make_item(error="Cause.", hint="Step.", messages=[message])])]
    page._session._take(page._session.store.snapshot())
    assert 'class="is-red"' in shown(page)
    assert "Cannot open" not in shown(page)
    act(page, "unfold", "4")
    assert 'aria-expanded="true"' in shown(page)
    assert all(text in shown(page) for text in ("Cannot open backup device.", ">3201<", ">16<", "Cause.", "Step."))
    act(page, "unfold", "4")
    assert "Cannot open" not in shown(page)


def test_a_row_that_went_meanwhile_is_not_unfolded(ops: FakeOperations, page: History) -> None:
    def gone(number: int) -> None:
        raise NotFound(f"There is no run {number}.", hint="")

    ops.runs.get = gone
    act(page, "unfold", "1")
    assert 'aria-expanded="true"' not in shown(page)
    act(page, "unfold", "99")
    assert 'aria-expanded="true"' not in shown(page)


def test_what_never_began_says_so_where_it_is_unfolded(ops: FakeOperations, page: History) -> None:
    ops.run_views = [make_run(2, RunStatus.MISSED, missed_count=3, missed_until=NOW), make_run(1, RunStatus.SKIPPED)]
    page._session._take(page._session.store.snapshot())
    act(page, "unfold", "2")
    assert "3 runs missed" in shown(page)
    act(page, "unfold", "1")
    assert "No database was begun in this run." in shown(page)


def test_a_running_run_is_shown_as_it_goes_on_and_can_be_cancelled(ops: FakeOperations, page: History) -> None:
    def at(done: int) -> None:
        progress = Progress(phase="writing", done_bytes=done, total_bytes=4)
        ops.run_views = [make_run(5, RunStatus.RUNNING, finished_at=None, progress=progress)]
        page._session._take(page._session.store.snapshot())

    ops.run_views = [make_run(5, RunStatus.QUEUED, finished_at=None)]
    page._rest_until_s = 0
    page._session._take(page._session.store.snapshot())
    page._rest_until_s = float("inf")  # it is not read again: what is known of the newest runs is shown all the same
    at(1)
    assert 'aria-valuenow="25"' in shown(page)
    at(2)
    assert 'aria-valuenow="50"' in shown(page)
    act(page, "unfold", "5")
    assert "Cancel this run" in shown(page)
    act(page, "cancel", "5")
    act(page, "confirm", "cancel 5")
    assert ops.done == [("cancel", 5)]


def test_it_is_read_again_when_something_changed_and_not_otherwise(ops: FakeOperations, page: History) -> None:
    asked = len(ops.queries)
    page.refresh()
    assert len(ops.queries) == asked
    page._rest_until_s = 0
    ops.run_views = [make_run(2), make_run(1)]
    page._session._take(page._session.store.snapshot())
    assert len(ops.queries) == asked + 1
    assert "2 runs" in shown(page)
    page._rest_until_s = float("inf")  # a slow search is left alone for a while
    page._session._take(page._session.store.snapshot())
    assert len(ops.queries) == asked + 1


def test_while_it_is_looked_for_what_was_there_stays(
    ops: FakeOperations, page: History, refused: PwsopsError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops.history, "page", Mock(side_effect=[refused, ops._history(HistoryQuery())]))
    waiting = hold_answers(page._session, monkeypatch)
    put(page, "status", "failed")
    assert "looking through the history" in shown(page)
    assert "Vaults" in shown(page)
    put(page, "status", "missed")
    late, answer = waiting
    late()
    assert "Try later." not in shown(page)
    page._session.nav.go(page="runs", view="restores")
    answer()
    assert "Nothing was restored yet." in shown(page)


def test_of_two_answers_to_the_same_question_the_later_counts(
    ops: FakeOperations, page: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as waits:
        answers = hold_answers(page._session, waits)
        put(page, "status", "failed")
        put(page, "status", "missed")
        ops.run_views = [make_run(2), make_run(1)]
        put(page, "status", "failed")
    for answer in reversed(answers):
        answer()
    assert "2 runs" in shown(page)


def test_a_history_that_cannot_be_read_is_a_message_and_recovers(
    ops: FakeOperations, page: History, unforeseen: Exception, refused: PwsopsError
) -> None:
    whole = ops.history.page
    for error, said in ((refused, "Not &lt;b&gt;now&lt;/b&gt;."), (unforeseen, "Reading the history failed: Runtime")):

        def fail(_: HistoryQuery, error: Exception = error) -> None:
            raise error

        ops.history.page = fail
        with capture_logs():
            put(page, "q", said)
        assert said in shown(page)
        assert "secret" not in shown(page)
    ops.history.page = whole
    act(page, "clear")
    assert "1 run" in shown(page)


def test_nothing_found_and_nothing_there_each_say_what_to_do(ops: FakeOperations, page: History) -> None:
    put(page, "q", "nowhere")
    assert "No run fits." in shown(page)
    assert "<table" not in shown(page)
    ops.run_views = []
    act(page, "clear")
    assert "No run yet." in shown(page)


def test_texts_from_outside_are_escaped(ops: FakeOperations, page: History) -> None:
    item = make_item(database=HOSTILE, error=HOSTILE, hint=HOSTILE, path=HOSTILE, reason=HOSTILE)
    ops.run_views = [make_run(1, RunStatus.FAILED, profile=HOSTILE, summary=HOSTILE, items=[item])]
    page._session.nav.go(page="runs", q=HOSTILE, profile='">' + HOSTILE, opened=1)
    assert shown(page).count("alert(1)") > 6
    assert "<script" not in shown(page)


def test_the_second_part_lists_the_restores(page: History) -> None:
    here = r'<a href="([^"]*)"[^>]*aria-current="page"'
    assert re.findall(here, shown(page)) == ["?page=runs"]
    act(page, "go", "?page=runs&view=restores")
    assert re.findall(here, shown(page)) == ["?page=runs&amp;view=restores"]
    assert "Nothing was restored yet." in shown(page)


def test_a_period_by_name_is_whole_days_of_the_zone_and_the_address_keeps_it(
    ops: FakeOperations, page: History
) -> None:
    put(page, "period", "7-days")
    assert page._session.nav.search() == "?page=runs&period=7-days"
    query = ops.queries[-1]
    assert (query.since, query.until) == (datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))
    assert "from 2026-11-18 to 2026-11-24 (UTC)" in shown(page)
    assert "Show all runs" in shown(page)
    act(page, "clear")
    assert page._session.nav.search() == "?page=runs"
    assert ops.queries[-1].since is None


def test_from_a_name_to_days_the_days_of_the_name_stay_and_back_they_go(page: History) -> None:
    put(page, "period", "last-month")
    assert 'data-field="since"' not in shown(page)
    put(page, "period", "days")
    nav = page._session.nav
    assert (nav.period, nav.since, nav.until) == ("days", "2026-10-01", "2026-10-31")
    assert '<label for="f-since">From</label>' in shown(page)
    put(page, "until", "2026-11-02")
    assert "from 2026-10-01 to 2026-11-02 (UTC)" in shown(page)
    put(page, "period", "")
    assert nav.search() == "?page=runs"


def test_days_that_end_before_they_begin_are_marked(page: History) -> None:
    page._session.nav.go(page="runs", since="2026-11-03", until="2026-11-02")
    assert 'aria-invalid="true"' in shown(page)
    assert "This day is after the other." in shown(page)
    put(page, "until", "2026-11-03")
    assert "aria-invalid" not in shown(page)
    assert "on 2026-11-03 (UTC)" in shown(page)


@pytest.mark.parametrize("address", ["period=next-year", "period=days", "since=1.3.2026", "since=0001-01-01"])
def test_a_period_that_an_address_says_amiss_is_all_time(address: str) -> None:
    nav = Nav()
    nav.read(f"?page=runs&{address}")
    assert query_of(nav, NOW, UTC) == HistoryQuery()


def test_restores_are_filtered_as_runs_are_and_turned(ops: FakeOperations, page: History) -> None:
    page._session.nav.go(page="runs", view="restores")
    put(page, "period", "today")
    put(page, "status", "failed")
    put(page, "q", "vault")
    asked = RestoreQuery(
        text="vault", status=RunStatus.FAILED, since=NOW.replace(hour=0), until=NOW.replace(hour=0) + DAY
    )
    assert ops.restore_queries[-1] == (asked, None)
    assert "No restore fits." in shown(page)
    act(page, "turn", "41")
    assert ops.restore_queries[-1] == (asked, 41)
    act(page, "clear")
    assert page._session.nav.search() == "?page=runs&view=restores"
    assert "Nothing was restored yet." in shown(page)


def test_a_restore_that_failed_stands_out(ops: FakeOperations, page: History) -> None:
    ops.restore_views = [make_restore(2, RunStatus.FAILED, error="Cause.", hint="Step."), make_restore(1)]
    page._session.nav.go(page="runs", view="restores")
    assert shown(page).count('<tr class="is-red">') == 1
    assert "2 restores" in shown(page)
    assert 'aria-label="Export 2 restores"' in shown(page)
