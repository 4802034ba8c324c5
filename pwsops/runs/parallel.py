"""Ask many servers at once: a slow or dead one holds up nobody but itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import structlog

from pwsops.clock import Clock
from pwsops.errors import SEE_LOG, EngineError, PwsopsError, Unanswered

AT_ONCE = 64
"""So many are asked at the same time; each waits for its server and costs this process little."""

_log = structlog.get_logger()
T = TypeVar("T")


def ask_all(
    asks: Mapping[str, Callable[[], T]],
    *,
    limit_s: float,
    clock: Clock,
    on_answer: Callable[[str, T | PwsopsError], None] | None = None,
) -> dict[str, T | PwsopsError]:
    """Ask each of these, and give what each answered, by its name and in the order given.

    Parameters
    ----------
    asks
        What to ask, by the name of who is asked. Those that answer too late go on in a thread that nobody waits for.
    limit_s
        How long to wait for all of them together.
    clock
        Measures that.
    on_answer
        Is given each answer as it comes, one at a time, from several threads. Who is too late is told as `Unanswered`,
        and its answer afterwards, if one comes after all.

    Returns
    -------
    dict
        The answer; or the error that it came to, or a transient one where there was no answer in time.
    """
    deadline = clock.monotonic() + limit_s
    asked = _Round(asks, on_answer or _tell_nobody)
    for started in range(min(AT_ONCE, len(asks))):
        try:
            threading.Thread(target=asked.work, name="pwsops-ask", daemon=True).start()
        except RuntimeError:
            if not started:
                raise
            break  # this process may have no more threads; those that it has ask them all
    return asked.wait(deadline, limit_s, clock)


class _Round(Generic[T]):
    """Who is still to be asked, and what was answered so far. Safe from several threads."""

    def __init__(self, asks: Mapping[str, Callable[[], T]], tell: Callable[[str, T | PwsopsError], None]) -> None:
        self._asks = asks
        self._tell = tell
        self._waiting = deque(asks)
        self._found: dict[str, T | PwsopsError] = {}
        self._news = threading.Condition()

    def work(self) -> None:
        """Ask one after the other, until nobody is left to be asked."""
        while True:
            with self._news:
                if not self._waiting:
                    return
                name = self._waiting.popleft()
            answer = _answer(name, self._asks[name])
            with self._news:
                self._take(name, answer)
                self._news.notify()

    def wait(self, deadline: float, limit_s: float, clock: Clock) -> dict[str, T | PwsopsError]:
        """Wait for the answers, and ask nobody else when the time is over."""
        with self._news:
            while len(self._found) < len(self._asks):
                if not self._news.wait(max(0.0, deadline - clock.monotonic())):
                    break
            for name in self._asks:
                if name not in self._found:
                    self._take(name, (_unasked if name in self._waiting else _too_late)(name, limit_s))
            self._waiting.clear()
            return {name: self._found[name] for name in self._asks}

    def _take(self, name: str, answer: T | PwsopsError) -> None:
        self._found[name] = answer
        self._tell(name, answer)


def _tell_nobody(name: str, answer: object) -> None:
    """Take an answer that only its asker waits for."""


def _answer(name: str, ask: Callable[[], T]) -> T | PwsopsError:
    try:
        return ask()
    except PwsopsError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one that fails must not take the others' answers along
        _log.exception("a server could not be asked", name=name)
        return PwsopsError(f"{name} could not be asked: {type(error).__name__}.", hint=SEE_LOG)


def _too_late(name: str, limit_s: float) -> PwsopsError:
    return Unanswered(
        f"{name} did not answer within {limit_s:g} s.",
        hint="Look whether its server is up and can be reached from here.",
        transient=True,
    )


def _unasked(name: str, limit_s: float) -> PwsopsError:
    return EngineError(
        f"{name} was not asked: {AT_ONCE} others were asked before it, and did not answer within {limit_s:g} s.",
        hint="Look whether their servers are up and can be reached from here, and try again.",
        transient=True,
    )
