"""Ask many servers at once: a slow or dead one holds up nobody but itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import structlog

from pwsops.clock import Clock
from pwsops.errors import EngineError, PwsopsError

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
        Is given each answer as it comes, and the errors of those that were too late at the end.

    Returns
    -------
    dict
        The answer; or the error that it came to, or a transient one where there was no answer in time.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[str, T | PwsopsError]] = queue.SimpleQueue()
    for name in asks:
        waiting.put(name)

    def work() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            answers.put((name, _answer(name, asks[name])))

    for _ in range(min(AT_ONCE, len(asks))):
        threading.Thread(target=work, name="pwsops-ask", daemon=True).start()
    tell = on_answer or _tell_nobody
    found: dict[str, T | PwsopsError] = {}
    deadline = clock.monotonic() + limit_s
    while len(found) < len(asks):
        try:
            name, answer = answers.get(timeout=max(0.0, deadline - clock.monotonic()))
        except queue.Empty:
            break
        found[name] = answer
        tell(name, answer)
    for name in asks:
        if name not in found:
            found[name] = _too_late(name, limit_s)
            tell(name, found[name])
    return {name: found[name] for name in asks}


def _tell_nobody(name: str, answer: object) -> None:
    """Take an answer that only its asker waits for."""


def _answer(name: str, ask: Callable[[], T]) -> T | PwsopsError:
    try:
        return ask()
    except PwsopsError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one that fails must not take the others' answers along
        _log.exception("a server could not be asked", name=name)
        return PwsopsError(
            f"{name} could not be asked: {type(error).__name__}.",
            hint="The log in the home's logs directory has the details; please report it.",
        )


def _too_late(name: str, limit_s: float) -> PwsopsError:
    return EngineError(
        f"{name} did not answer within {limit_s:g} s.",
        hint="Look whether its server is up and can be reached from here; it is asked again with the next look.",
        transient=True,
    )
