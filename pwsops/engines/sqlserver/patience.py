"""Trying again what passes by itself, for as long as a failover or somebody else's maintenance takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pwsops.engines.requests import Progress
from pwsops.engines.sqlserver import running
from pwsops.engines.sqlserver.errors import reason
from pwsops.engines.sqlserver.running import Limits, Stop
from pwsops.errors import PwsopsError

WAITS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 30.0, 30.0, 60.0, 60.0)
"""What lies between the attempts: four minutes in all."""
T = TypeVar("T")


def insist(
    action: Callable[[], T],
    *,
    doing: str,
    limits: Limits,
    note: Callable[[str], None],
    may_repeat: Callable[[PwsopsError], bool],
) -> T:
    """Do something, again after a while where it failed for a cause that passes.

    Parameters
    ----------
    action
        Leaves everything as it was where it raises what may be repeated.
    doing
        What is done, as the beginning of a sentence.
    limits
        End the waiting: a cancel at once, the time limit with the error that was to be waited out.
    note
        Gets a sentence for each attempt that failed.
    may_repeat
        Whether the action may be tried again after such an error.
    """
    began = limits.clock.monotonic()
    for number, wait_s in enumerate((*WAITS_S, None), start=1):
        try:
            return action()
        except PwsopsError as error:
            if not may_repeat(error):
                raise
            if wait_s is None:
                _add_attempts(error, number, limits.clock.monotonic() - began)
                raise
            of_all = f"{number + 1} of {len(WAITS_S) + 1}"
            note(f"Attempt {number} failed: {error.message} Attempt {of_all} follows in {wait_s:g} s.")
            phase = f"waiting {wait_s:g} s for attempt {of_all}, because {reason(error)}"
            _wait(error, wait_s, doing=doing, phase=phase, limits=limits)
    raise AssertionError("the last attempt returns or raises")


def _wait(error: PwsopsError, wait_s: float, *, doing: str, phase: str, limits: Limits) -> None:
    if limits.on_progress is not None:
        limits.on_progress(Progress(phase=phase, done_bytes=0, total_bytes=0))
    stop = limits.pause(wait_s)
    if stop is Stop.TIME_LIMIT:
        error.hint = f"{error.hint} The time limit left no time for another attempt."
        raise error
    if stop is not None:
        raise running.stopped(doing, stop, error.messages)


def _add_attempts(error: PwsopsError, number: int, elapsed_s: float) -> None:
    error.hint = f"{error.hint} It was tried {number} times within {elapsed_s:.0f} s."
