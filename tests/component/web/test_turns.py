from __future__ import annotations

import threading

import pytest

from pwsops.web.live.session import TOO_MUCH, Session
from pwsops.web.live.snapshot import Store
from pwsops.web.live.turns import Turns
from tests.clocks import joined


def test_a_few_run_at_once_the_rest_waits_and_too_many_are_refused() -> None:
    turns, go, done = Turns(at_once=2, waiting=3), threading.Event(), []

    def work(number: int) -> None:
        assert go.wait(60)
        done.append(number)

    threads = [turns.take(lambda number=number: work(number), name="turn") for number in range(5)]  # type: ignore[misc]
    assert [thread is not None for thread in threads] == [True, True, False, False, False]
    with pytest.raises(OverflowError):
        turns.take(lambda: None, name="turn")
    go.set()
    for thread in threads[:2]:
        assert thread is not None
        joined(thread)
    assert sorted(done) == list(range(5))
    last = turns.take(lambda: done.append(9), name="turn")
    assert last is not None
    joined(last)


def test_what_waits_is_left_undone_when_the_page_is_gone() -> None:
    turns, go, done = Turns(at_once=1), threading.Event(), []
    thread = turns.take(lambda: done.append(go.wait(60)), name="turn")
    turns.take(lambda: done.append(False), name="turn")
    turns.forget()
    go.set()
    assert thread is not None
    joined(thread)
    assert done == [True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_that_breaks_leaves_its_place_to_others() -> None:
    turns = Turns(at_once=1)

    def broken() -> None:
        raise RuntimeError

    for _ in range(3):
        thread = turns.take(broken, name="turn")
        assert thread is not None
        joined(thread)


def test_a_page_that_asks_for_too_much_is_told(store: Store) -> None:
    session = Session(store, None)
    session._turns = Turns(at_once=0, waiting=0)
    answers: list[object] = []
    session.ask("Looking", lambda: 1, answers.append)
    session.act("start", "Vaults")
    assert answers == [session.notice] == [TOO_MUCH]
    assert session.switching == ""
