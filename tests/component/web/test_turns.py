from __future__ import annotations

import threading
from unittest.mock import Mock

import pytest

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


def test_where_there_can_be_no_more_threads_it_is_refused_and_no_place_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(at_once=1)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        with pytest.raises(OverflowError):
            turns.take(lambda: None, name="turn")
    thread = turns.take(lambda: None, name="turn")
    assert thread is not None
    joined(thread)
