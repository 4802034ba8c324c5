"""Time that a test moves by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday, in a week without a shift."""


class ManualClock:
    """A `pwsops.clock.Clock` that stands still until it is told to move. Safe to share between threads.

    Parameters
    ----------
    start
        The first instant, aware.
    """

    def __init__(self, start: datetime = NOON) -> None:
        self._lock = threading.Lock()
        self._now = start.astimezone(UTC)
        self._steady_s = 0.0

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        with self._lock:
            return self._steady_s

    def advance(self, by: timedelta | None = None, /, **parts: float) -> datetime:
        """Let time pass: `advance(timedelta(hours=1))` or `advance(hours=1)`. Gives the new instant."""
        step = timedelta(**parts) if by is None else by
        if step < timedelta(0):
            raise ValueError("Time passes forwards only; set_wall makes the clock jump back.")
        with self._lock:
            self._now += step
            self._steady_s += step.total_seconds()
            return self._now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let the time pass at once, unless the event is set."""
        if not event.is_set():
            self.advance(seconds=seconds)
        return event.is_set()

    def set_wall(self, instant: datetime) -> None:
        """Set the wall clock, as somebody might by hand: no time passes meanwhile."""
        with self._lock:
            self._now = instant.astimezone(UTC)


def wait_until(condition: Callable[[], object], what: str = "a condition", limit_s: float = 60) -> None:
    """Wait for something that another thread or process brings about; fail, naming it, where it never comes."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s:g} s in vain for {what}")
        time.sleep(0.01)


def joined(thread: threading.Thread, limit_s: float = 60) -> None:
    """Wait for the end of a thread; fail, naming it, where it does not end.

    Threads of tests are daemons: where a test fails before it lets one go on, the process still ends.
    """
    thread.join(limit_s)
    assert not thread.is_alive(), f"{thread.name} did not end within {limit_s:g} s"
