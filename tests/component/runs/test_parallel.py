from __future__ import annotations

import queue
import threading

import pytest

from pwsops.clock import SystemClock
from pwsops.errors import EngineError, PwsopsError, Unanswered
from pwsops.runs import parallel
from pwsops.runs.parallel import ask_all
from tests.clocks import ManualClock


def test_everybody_answers_in_the_order_they_were_named() -> None:
    asks = {name: name.upper for name in ("b", "a", "c")}
    assert list(ask_all(asks, limit_s=20, clock=SystemClock()).items()) == [("b", "B"), ("a", "A"), ("c", "C")]


def test_nobody_to_ask_is_no_answer() -> None:
    assert ask_all({}, limit_s=0, clock=SystemClock()) == {}


def test_one_that_never_answers_holds_up_none_of_the_others() -> None:
    never, quick, clock = threading.Event(), [f"quick {number}" for number in range(40)], ManualClock()
    asks = {f"slow {number}": never.wait for number in range(3)} | dict.fromkeys(quick, int)
    told: list[str] = []

    def tell(name: str, _answer: object) -> None:
        told.append(name)
        if set(quick) <= set(told):
            clock.advance(hours=1)

    found = ask_all(asks, limit_s=60, clock=clock, on_answer=tell)
    never.set()
    assert [found[f"quick {number}"] for number in range(40)] == [0] * 40
    late = found["slow 0"]
    assert isinstance(late, PwsopsError)
    assert late.transient
    assert "slow 0 did not answer within 60 s" in late.message


def test_an_error_is_an_answer() -> None:
    refused = EngineError("No route.", hint="Look at the cable.")

    def refuse() -> int:
        raise refused

    found = ask_all({"a": refuse, "b": lambda: 1 // 0, "c": int}, limit_s=20, clock=SystemClock())
    assert found["a"] is refused
    assert "ZeroDivisionError" in str(found["b"])
    assert found["c"] == 0


def test_each_answer_is_told_as_it_comes_and_who_is_too_late_at_the_end() -> None:
    dead, told = threading.Event(), dict[str, object]()

    def wait_for_ever() -> str:
        dead.wait(60)
        return "never"

    ask_all(
        {"quick": lambda: "yes", "dead": wait_for_ever}, limit_s=0.05, clock=SystemClock(), on_answer=told.setdefault
    )
    dead.set()
    assert list(told) == ["quick", "dead"]
    assert isinstance(told["dead"], Unanswered)


def test_an_answer_that_comes_too_late_is_told_after_all() -> None:
    go_on, told = threading.Event(), queue.SimpleQueue[object]()
    ask_all({"slow": go_on.wait}, limit_s=0.01, clock=SystemClock(), on_answer=lambda name, answer: told.put(answer))
    go_on.set()
    assert isinstance(told.get(timeout=10), Unanswered)
    assert told.get(timeout=10) is True


def test_who_was_not_asked_in_time_is_never_asked_and_may_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "AT_ONCE", 1)
    dead, asked, told = threading.Event(), list[str](), queue.SimpleQueue[str]()
    asks = {"dead": dead.wait, "other": lambda: asked.append("other")}
    found = ask_all(asks, limit_s=0.01, clock=SystemClock(), on_answer=lambda name, _: told.put(name))
    assert isinstance(found["other"], EngineError)
    assert not isinstance(found["other"], Unanswered)
    assert "other was not asked" in found["other"].message
    dead.set()
    assert [told.get(timeout=10) for _ in range(3)] == ["dead", "other", "dead"]
    assert asked == []


@pytest.mark.parametrize("possible", [0, 1])
def test_where_no_more_threads_can_be_had_those_there_are_ask_all(
    monkeypatch: pytest.MonkeyPatch, possible: int
) -> None:
    left, start = [None] * possible, threading.Thread.start

    def scarce(thread: threading.Thread) -> None:
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    asks = {"a": lambda: 1, "b": lambda: 2}
    if possible:
        assert ask_all(asks, limit_s=20, clock=SystemClock()) == {"a": 1, "b": 2}
    else:
        with pytest.raises(RuntimeError):
            ask_all(asks, limit_s=20, clock=SystemClock())


def test_an_unforeseen_error_is_named_without_its_insides() -> None:
    def fail() -> str:
        raise RuntimeError("secret insides")

    found = ask_all({"a": fail}, limit_s=5, clock=SystemClock())["a"]
    assert isinstance(found, PwsopsError)
    assert "RuntimeError" in found.message
    assert "secret" not in found.message + found.hint
