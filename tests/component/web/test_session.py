"""What a page learns from other threads: nothing is lost on the way, and the document is touched in its loop alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import panel as pn
import pytest
from bokeh.document import Document
from structlog.testing import capture_logs

from pwsops.errors import PwsopsError
from pwsops.web.live.query import in_background
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Problem, Snapshot, Store
from pwsops.web.pages.overview.page import Overview
from pwsops.web.ui.markup import Markup
from tests.clocks import joined
from tests.component.web.conftest import FakeOperations, make_profile


class Noted(Document):
    """Notes which threads add to it; Bokeh's own loses what a second one adds while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    def add_next_tick_callback(self, callback: Callable[[], None]) -> Any:
        self.threads.append(threading.current_thread())
        return callback()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


def stop_service(session: Session) -> None:
    """As a page does: somebody is asked first."""
    session.act("service-stop", "")
    session.act("confirm", "service-stop ")


@pytest.mark.parametrize(("action", "key"), [("service-stop", ""), ("cancel", "5")])
def test_what_breaks_something_off_is_done_only_after_the_question_about_it(
    store: Store, ops: FakeOperations, action: str, key: str
) -> None:
    session = Session(store, None)
    session.act("confirm", f"{action} {key}")
    session.act(action, key)
    session.act("confirm", "cancel 6")
    assert session.asking is not None
    session.act("unask", "")
    session.act("confirm", f"{action} {key}")
    assert (ops.done, ops.running, session.asking) == ([], True, None)
    assert action in session.attention.focus["selectors"][0], "back to where it was asked from"
    session.act(action, key)
    session.act("confirm", f"{action} {key}")
    assert (ops.done, ops.running) in (([("cancel", 5)], True), ([], False))


def test_an_answer_reaches_the_document_in_the_thread_of_its_loop(store: Store) -> None:
    doc, heard = Noted(), []

    async def page() -> None:
        session = Session(store, doc)
        session.open()
        in_background(session, "Asking", threading.current_thread, heard.append)
        stop_service(session)
        await _until(lambda: bool(heard) and not session.snapshot.service.running and not session.switching)
        # The answer, the end of what was clicked, and what the watcher tells a newcomer, whichever comes last.
        await _until(lambda: len(doc.threads) >= 3)
        session.close()

    asyncio.run(page())
    assert heard[0] is not threading.main_thread()
    assert set(doc.threads) == {threading.main_thread()}


def test_an_answer_waits_until_the_browser_shows_the_page(store: Store) -> None:
    doc, heard = Noted(), []

    async def page() -> None:
        session = Session(store, doc)
        in_background(session, "Asking", lambda: None, lambda _: heard.append("early"))
        await _until(lambda: bool(session._early))
        in_background(session, "Asking", lambda: None, lambda _: heard.append("late"))
        await _until(lambda: len(session._early or ()) == 2)
        assert not doc.threads
        session.open()
        await _until(lambda: len(heard) == 2)
        session.close()

    asyncio.run(page())
    assert heard == ["early", "late"]


def _shown(overview: Overview) -> str:
    return "".join(piece.html for piece in overview.__panel__().select(Markup))


def _is_charted(overview: Overview) -> bool:
    return bool(overview.__panel__().select(pn.pane.Bokeh))


def test_many_profiles_are_planned_once_the_browser_shows_the_page(ops: FakeOperations, store: Store) -> None:
    ops.profile_views = [make_profile(f"p{number}", id=number) for number in range(30)]

    async def page() -> tuple[str, str]:
        session = Session(store, Noted())
        overview = Overview(session)
        session.on_change = overview.refresh
        before = _shown(overview)
        assert not ops.previews, "planning takes time from what is drawn"
        session.open()
        await _until(lambda: "to come until" in _shown(overview))
        session.close()
        return before, _shown(overview)

    before, after = asyncio.run(page())
    assert "Runs: all profiles" in before
    assert "Working out the runs to come" in before
    assert "120 runs" in after


def test_nothing_of_the_calendar_is_made_before_the_browser_shows_the_page(ops: FakeOperations, store: Store) -> None:
    ops.profile_views = [make_profile()]

    async def page() -> tuple[bool, bool]:
        session = Session(store, Noted())
        overview = Overview(session)
        session.on_change = overview.refresh
        before = _is_charted(overview)
        assert not ops.previews
        session.open()
        await _until(lambda: _is_charted(overview))
        session.close()
        return before, _is_charted(overview)

    assert asyncio.run(page()) == (False, True)


def test_a_closed_page_is_told_nothing_more(store: Store) -> None:
    doc, heard = Noted(), []

    async def page() -> None:
        session = Session(store, doc)
        session.open()
        await _until(lambda: bool(doc.threads))
        session.close()
        told = len(doc.threads)
        in_background(session, "Asking", lambda: None, heard.append)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert len(doc.threads) == told

    asyncio.run(page())
    assert not heard


def test_a_page_that_is_left_before_it_is_shown_follows_nothing(store: Store) -> None:
    async def page() -> None:
        session = Session(store, Noted())
        session.close()
        session.open()

    asyncio.run(page())
    assert store.watcher.listening == 0


def test_an_action_whose_outcome_cannot_be_read_ends_with_a_message(
    store: Store, monkeypatch: pytest.MonkeyPatch, refused: PwsopsError
) -> None:
    session = Session(store, None)
    for work in ("done", "refused"):
        with monkeypatch.context() as broken, capture_logs():
            broken.setattr(store, "snapshot", Mock(side_effect=RuntimeError("secret")))
            if work == "refused":
                broken.setattr(store.ops, "refusal", refused)
            session.act("start", "Vaults")
        assert session.switching == ""
        assert session.notice is not None
        said = {"done": "Reading what there is now failed: RuntimeError.", "refused": refused.message}
        assert session.notice.message == said[work]
    session.act("start", "Vaults")
    assert session.notice is None


def test_of_two_actions_each_is_said_until_it_ends_and_a_refusal_stays(
    store: Store, ops: FakeOperations, refused: PwsopsError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow one is refused first; the quick one, begun before it ended, succeeds."""
    quick, slow = threading.Event(), threading.Event()

    def start(_: str) -> None:
        slow.wait(30)
        raise refused

    def stop() -> None:
        quick.wait(30)

    monkeypatch.setattr(ops.runs, "start", start)
    monkeypatch.setattr(ops.service, "stop", stop)

    async def page() -> None:
        session = Session(store, Noted())
        session.open()
        session.act("start", "Vaults")
        stop_service(session)
        assert session.switching == "Stopping the service"
        slow.set()
        await _until(lambda: session.notice is not None)
        assert session.switching == "Stopping the service"
        quick.set()
        await _until(lambda: not session.switching)
        assert session.notice is not None
        assert session.notice.message == refused.message
        session.close()

    asyncio.run(page())


def test_an_older_snapshot_takes_the_place_of_no_newer_one(store: Store) -> None:
    session = Session(store, None)
    earlier, later = store.snapshot(), store.snapshot()
    session._take(later)
    session._take(earlier)
    assert session.snapshot is later


def test_of_two_snapshots_the_one_that_was_begun_later_is_the_newer(
    store: Store, ops: FakeOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    within: list[Snapshot] = []

    def meanwhile() -> list[object]:
        monkeypatch.undo()
        within.append(store.snapshot())
        return []

    monkeypatch.setattr(ops.instances, "list", meanwhile)
    outer = store.snapshot()
    assert within[0].number > outer.number


def test_deleting_a_profile_leaves_another_selected_that_was_chosen_meanwhile(
    store: Store, ops: FakeOperations
) -> None:
    session = Session(store, None)
    session.nav.profile = "Vaults"
    session.act("delete", "Vaults")
    session.act("delete-now", "Vaults")
    assert session.nav.profile == ""
    session.nav.profile = "Other"
    session.act("delete", "Vaults")
    session.act("delete-now", "Vaults")
    assert session.nav.profile == "Other"


def test_an_answer_that_comes_after_the_server_has_ended_is_nobodys(store: Store) -> None:
    go_on, ended = threading.Event(), threading.Event()
    heard: list[object | Problem] = []
    threads: list[threading.Thread] = []

    def work() -> None:
        threads.append(threading.current_thread())
        ended.set()
        go_on.wait(30)

    async def page() -> None:
        in_background(Session(store, Noted()), "Asking", work, heard.append)
        await _until(ended.is_set)

    asyncio.run(page())
    go_on.set()
    joined(threads[0])
    assert not heard
