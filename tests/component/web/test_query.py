"""What pages ask and have done: the latest wins, keys do not mix, a closed page gets nothing, and nothing hangs."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from bokeh.document import Document
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pwsops.errors import PwsopsError, SignInAnew
from pwsops.web.live.query import TOO_MUCH, Policy, Query, Task, in_background
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Problem, Store
from pwsops.web.live.turns import Turns
from tests.clocks import joined

KEYS = st.tuples(st.sampled_from("ab"), st.integers(0, 2))
"""Who is asked, and what."""


class Page:
    """A session of which a test does in its own time what other threads and the page's loop would do."""

    def __init__(self) -> None:
        self.visits = 0
        self.notices: list[Problem | None] = []
        self.drawn = 0
        self.closed = self.full = False
        self.begun: deque[Callable[[], None]] = deque()
        self.come: deque[Callable[[], None]] = deque()

    def background(self, work: Callable[[], None], *, asks: bool) -> bool:
        del asks
        if self.closed or self.full:
            return False
        self.begun.append(work)
        return True

    def later(self, work: Callable[[], None]) -> None:
        if not self.closed:
            self.come.append(work)

    def notify(self, problem: Problem | None) -> None:
        self.notices.append(problem)

    def changed(self) -> None:
        self.drawn += 1

    def work(self, which: int = 0) -> None:
        """Do one of the things that wait for a thread."""
        work = self.begun[which]
        del self.begun[which]
        work()

    def tell(self) -> None:
        """Do what waits for the page."""
        while self.come:
            self.come.popleft()()

    def end(self) -> None:
        """Do all that waits, wherever."""
        while self.begun or self.come:
            if self.begun:
                self.work()
            self.tell()


def refuse(why: str) -> str:
    raise PwsopsError(why, hint="Try later.")


class Asking(RuleBasedStateMachine):
    """Asks in any order, about few things; answers come in any order, some of them failures."""

    policy = Policy.LATEST

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.query: Query[str] = Query(self.page, "Asking", policy=self.policy)
        self.present: tuple[str, int] | None = None
        self.versions = count(1)
        self.version = 0

    def _work(self, key: tuple[str, int], version: int, fails: bool) -> str:
        text = f"{key} in version {version}"
        return refuse(text) if fails else text

    @rule(key=KEYS, fails=st.booleans())
    def ask(self, key: tuple[str, int], fails: bool) -> None:
        self.version = self.version if key == self.present else next(self.versions)
        self.present = key
        self.query.ask(key, partial(self._work, key, self.version, fails), version=self.version, lane=key[0])

    @precondition(lambda self: self.present is not None)
    @rule(fails=st.booleans())
    def ask_the_same_once_more(self, fails: bool) -> None:
        assert self.present is not None
        self.version = next(self.versions)
        work = partial(self._work, self.present, self.version, fails)
        self.query.ask(self.present, work, version=self.version, lane=self.present[0])

    @rule()
    def forget(self) -> None:
        self.present = None
        self.query.forget()

    @precondition(lambda self: self.page.begun)
    @rule(which=st.integers(0, 5))
    def work(self, which: int) -> None:
        self.page.work(which % len(self.page.begun))

    @rule()
    def tell(self) -> None:
        self.page.tell()

    @invariant()
    def keys_do_not_mix(self) -> None:
        answer = self.query.answer
        text = answer.message if isinstance(answer, Problem) else answer
        assert text is None or text.startswith(f"{self.present} ")
        assert (answer is None) == (self.present is None or self.query.under_way)

    @invariant()
    def what_is_known_belongs_together(self) -> None:
        answer = self.query.answer
        if isinstance(answer, Problem):
            assert self.query.error is answer
        elif answer is not None:
            assert (self.query.error, self.query.result) == (None, answer)
        elif self.present is None:
            assert (self.query.error, self.query.result) == (None, None)

    def teardown(self) -> None:
        self.page.end()
        self.what_is_known_belongs_together()
        if self.present is None:
            return
        answer = self.query.answer
        text = answer.message if isinstance(answer, Problem) else answer
        assert text == f"{self.present} in version {self.version}"


class AskingOneAtATime(Asking):
    """The same, where each lane is asked one question at a time."""

    policy = Policy.SERIAL

    @invariant()
    def each_lane_is_asked_one_at_a_time(self) -> None:
        assert len(self.page.begun) + len(self.page.come) <= 2


TestLatest = Asking.TestCase
TestLatest.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestSerial = AskingOneAtATime.TestCase
TestSerial.settings = TestLatest.settings


@pytest.mark.parametrize("policy", Policy)
def test_what_changes_faster_than_it_is_answered_is_shown_nevertheless(policy: Policy) -> None:
    page = Page()
    query: Query[int] = Query(page, "Listing", policy=policy)
    asked: list[int] = []

    def work(version: int) -> int:
        asked.append(version)
        return version

    for version in range(3):
        query.ask("list", partial(work, version), version=version)
    assert len(page.begun) == 1
    for version in range(3, 6):
        query.ask("list", partial(work, version), version=version)
        page.work()
        page.tell()
        assert query.answer == asked[-1]
    page.end()
    assert asked == [0, 3, 4, 5]


def test_of_what_is_typed_only_the_last_is_asked_next_and_no_server_holds_up_another() -> None:
    page = Page()
    query: Query[str] = Query(page, "Checking", policy=Policy.SERIAL)
    asked: list[str] = []

    def check(text: str) -> str:
        asked.append(text)
        return text

    query.ask("m", partial(check, "m"), lane="slow")
    slow = page.begun.popleft()
    for text in ("me", "med", "media"):
        assert query.ask(text, partial(check, text), lane="slow") is None
    query.ask("other", partial(check, "other"), lane="quick")
    page.end()
    assert query.answer == "other"
    query.ask("media", partial(check, "media"), lane="slow")
    assert not page.begun
    slow()
    page.end()
    assert asked == ["other", "media"], "what nobody wants any more is not asked when its turn comes"
    assert query.answer == "media"


def test_an_error_stays_with_its_key_and_is_not_asked_again_by_itself() -> None:
    page = Page()
    query: Query[str] = Query(page, "Reading")
    query.ask(1, lambda: "first")
    page.end()
    query.ask(2, lambda: refuse("not now"))
    page.end()
    answer = query.ask(2, lambda: "second")
    assert not page.begun
    assert isinstance(answer, Problem)
    assert (answer, query.result) == (query.error, "first")
    query.forget()
    query.ask(2, lambda: "second")
    page.end()
    assert (query.answer, query.error) == ("second", None)


def test_the_page_is_drawn_with_each_answer_unless_that_comes_while_it_is_drawn(store: Store) -> None:
    session = Session(store, None)
    drawn: list[None] = []
    session.on_change = lambda: drawn.append(None)
    assert Query[int](session, "Reading").ask("key", lambda: 1) == 1
    assert not drawn
    told: list[None] = []
    Query[int](session, "Reading", on_answer=lambda: told.append(None)).ask("key", lambda: 1)
    assert (drawn, told) == ([], [None])
    page = Page()
    Query[int](page, "Reading").ask("key", lambda: 1)
    page.end()
    assert page.drawn == 1


def test_what_fails_with_one_answer_does_not_keep_the_next_from_being_asked() -> None:
    page = Page()

    def fail() -> None:
        raise RuntimeError("drawing failed")

    query: Query[int] = Query(page, "Reading", policy=Policy.SERIAL, on_answer=fail)
    query.ask("key", lambda: 1)
    query.ask("key", lambda: 2, version=2)
    page.work()
    with pytest.raises(RuntimeError, match="drawing failed"):
        page.tell()
    page.work()
    with pytest.raises(RuntimeError, match="drawing failed"):
        page.tell()
    assert query.answer == 2


def test_too_much_at_once_is_said_and_can_be_asked_again() -> None:
    page = Page()
    page.full = True
    query: Query[int] = Query(page, "Reading", policy=Policy.SERIAL)
    query.ask("key", lambda: 1, lane="server")
    page.end()
    assert query.answer is TOO_MUCH
    page.full = False
    query.ask("other", lambda: 2, lane="server")
    page.end()
    assert query.answer == 2


def test_a_page_that_asks_for_too_much_is_told(store: Store) -> None:
    session = Session(store, None)
    session._questions = session._tasks = Turns(at_once=0, waiting=0)
    query: Query[int] = Query(session, "Looking")
    query.ask("key", lambda: 1)
    session.act("start", "Vaults")
    assert query.answer is session.notice is TOO_MUCH
    assert session.switching == ""


def test_a_way_to_sign_in_anew_stands_above_the_page_whatever_asked() -> None:
    page = Page()

    def refused() -> int:
        raise SignInAnew("It is long ago.", hint="Sign in.")

    query: Query[int] = Query(page, "Reading")
    query.ask("key", refused)
    page.end()
    assert page.notices == [query.error]


class Held(Document):
    def add_next_tick_callback(self, callback: Callable[[], None]) -> None:
        callback()


def test_servers_that_do_not_answer_hold_up_no_task_and_a_closed_page_leaves_nothing_waiting(store: Store) -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)
    threads: list[threading.Thread] = []

    def hang() -> int:
        threads.append(threading.current_thread())
        begun.release()
        return int(go_on.wait(60))

    async def page() -> list[Query[int]]:
        session = Session(store, Held())
        session.open()
        queries = [Query[int](session, "Asking") for _ in range(10)]
        for query in queries:
            query.ask("key", hang)
        for _ in range(6):
            assert await asyncio.to_thread(begun.acquire, timeout=60)
        done = asyncio.Event()
        Task(session).start("Doing", lambda: 1, lambda answer, here: done.set())
        await asyncio.wait_for(done.wait(), 60)
        session.close()
        assert not session._questions._waiting
        queries[0].ask("another", hang)
        return queries

    queries = asyncio.run(page())
    assert all(thread.daemon for thread in threads), "one that is joined at exit would hang on a dead server"
    go_on.set()
    for thread in threads:
        joined(thread)
    assert len(threads) == 6
    assert all(query.answer is None for query in queries)


def test_a_closed_page_gets_no_answer_also_where_all_happens_at_once(store: Store) -> None:
    session = Session(store, None)
    session.close()
    heard: list[object] = []
    in_background(session, "Asking", lambda: 1, heard.append)
    assert not heard


def test_a_task_is_done_one_at_a_time_and_its_end_knows_whether_somebody_is_still_there() -> None:
    page, form = Page(), ["form"]
    task = Task(page, about=lambda: form[0])
    heard: list[tuple[object, bool]] = []

    def ended(answer: object, here: bool) -> None:
        assert not task.doing
        heard.append((answer, here))

    task.start("Saving", lambda: 1, ended)
    task.start("Saving", lambda: 2, ended)
    assert task.doing == "Saving"
    page.end()
    assert heard == [(1, True)]
    for leave in (lambda: setattr(page, "visits", 1), lambda: form.__setitem__(0, "another")):
        task.start("Saving", lambda: refuse("not now"), ended)
        leave()
        page.end()
        answer, here = heard[-1]
        assert not here
        assert page.notices[-1] is answer


def test_a_task_that_is_let_go_goes_on_and_does_not_end_the_next() -> None:
    page = Page()
    task = Task(page)
    ended: list[object] = []
    task.start("Saving", lambda: 1, lambda answer, here: ended.append(answer))
    task.let_go()
    task.start("Deleting", lambda: 2, lambda answer, here: ended.append(answer))
    page.work()
    page.tell()
    assert (ended, task.doing) == ([1], "Deleting")
    page.end()
    assert (ended, task.doing) == ([1, 2], "")
