from __future__ import annotations

import threading

from pwsops.clock import SystemClock
from pwsops.errors import EngineError, PwsopsError
from pwsops.operations.fan_out import ask_all


def test_everybody_answers_in_the_order_they_were_named() -> None:
    asks = {name: name.upper for name in ("b", "a", "c")}
    assert list(ask_all(asks, limit_s=20, clock=SystemClock()).items()) == [("b", "B"), ("a", "A"), ("c", "C")]


def test_nobody_to_ask_is_no_answer() -> None:
    assert ask_all({}, limit_s=0, clock=SystemClock()) == {}


def test_one_that_never_answers_holds_up_none_of_the_others() -> None:
    never = threading.Event()
    asks = {f"slow {number}": never.wait for number in range(3)} | {f"quick {number}": int for number in range(40)}
    found = ask_all(asks, limit_s=1, clock=SystemClock())
    never.set()
    assert [found[f"quick {number}"] for number in range(40)] == [0] * 40
    late = found["slow 0"]
    assert isinstance(late, PwsopsError)
    assert late.transient
    assert "slow 0 did not answer within 1 s" in late.message


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
        dead.wait()
        return "never"

    ask_all(
        {"quick": lambda: "yes", "dead": wait_for_ever}, limit_s=0.05, clock=SystemClock(), on_answer=told.setdefault
    )
    dead.set()
    assert list(told) == ["quick", "dead"]
    assert isinstance(told["dead"], EngineError)


def test_an_unforeseen_error_is_named_without_its_insides() -> None:
    def fail() -> str:
        raise RuntimeError("secret insides")

    found = ask_all({"a": fail}, limit_s=5, clock=SystemClock())["a"]
    assert isinstance(found, PwsopsError)
    assert "RuntimeError" in found.message
    assert "secret" not in found.message + found.hint
