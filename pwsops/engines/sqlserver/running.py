"""A long statement while it runs: how far it is, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pwsops.clock import Clock
from pwsops.engines.requests import Progress, ProgressCallback
from pwsops.engines.sqlserver import queries, stream
from pwsops.engines.sqlserver.drivers import pyodbc
from pwsops.engines.sqlserver.errors import Scene, is_lost
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import Cancelled, EngineError, PwsopsError
from pwsops.messages import Message

LOOK_EVERY_S = 0.1
POLL_EVERY_S = 1.0
POLL_TIMEOUT_S = 5
PERCENT_ONLY = 100
"""What the whole is, where nobody knows its bytes."""


class Stop(Enum):
    """Why a statement was stopped."""

    CANCELLED = "cancelled"
    TIME_LIMIT = "time limit"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may end a statement early, and who hears how far it is.

    `deadline` is by the clock's `monotonic`.
    """

    clock: Clock
    cancel: threading.Event | None = None
    deadline: float | None = None
    on_progress: ProgressCallback | None = None

    def reached(self) -> Stop | None:
        """Why to stop now; None to go on."""
        if self.cancel is not None and self.cancel.is_set():
            return Stop.CANCELLED
        if self.deadline is not None and self.clock.monotonic() >= self.deadline:
            return Stop.TIME_LIMIT
        return None

    def require_going(self, doing: str) -> None:
        """Raise `Cancelled`, or `EngineError` for the time limit, where what is done is to be stopped."""
        if (stop := self.reached()) is not None:
            raise stopped(doing, stop)

    def pause(self, seconds: float) -> Stop | None:
        """Wait so long, or until a limit is reached, which is returned."""
        left_s = seconds if self.deadline is None else min(seconds, self.deadline - self.clock.monotonic())
        self.clock.wait(self.cancel or threading.Event(), max(left_s, 0.0))
        return self.reached()

    def done(self, phase: str, total_bytes: int) -> None:
        """Report that a phase has reached its end."""
        if self.on_progress is not None:
            total = total_bytes or PERCENT_ONLY
            self.on_progress(Progress(phase=phase, done_bytes=total, total_bytes=total))


def stopped(doing: str, stop: Stop, messages: Sequence[Message] = ()) -> PwsopsError:
    """Return the error that says that something was stopped."""
    if stop is Stop.CANCELLED:
        return Cancelled(f"{doing} was cancelled.", hint="Start it again any time.", messages=messages)
    return EngineError(
        f"{doing} was stopped: the time limit is reached.", hint="Raise the time limit.", messages=messages
    )


@dataclass
class Heard:
    """What came of a statement. Whether it did what it should, its proof says."""

    session_id: int
    messages: list[Message] = field(default_factory=list)
    stopped: Stop | None = None

    def has(self, number: int) -> bool:
        """Whether the server said this."""
        return any(message.number == number for message in self.messages)

    @property
    def failed(self) -> bool:
        """Whether an error was heard."""
        return any(message.is_error for message in self.messages)

    @property
    def lost(self) -> bool:
        """Whether nobody knows what the server went on to do: the connection broke, or an error is the driver's own.

        FreeTDS says of a connection that was reset no more than "Unknown error".
        """
        return any(is_lost(message) or (message.is_error and message.number is None) for message in self.messages)


class Meter:
    """Turns percentages from two sources into progress that never goes back. Safe to use from several threads."""

    def __init__(self, phase: str, total_bytes: int, on_progress: ProgressCallback | None) -> None:
        self._phase = phase
        self._total = total_bytes or PERCENT_ONLY
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._percent = -1.0

    def close(self) -> None:
        """Report nothing more."""
        with self._lock:
            self._on_progress = None

    def to(self, percent: float) -> None:
        """Report so many percent, unless that is no news."""
        with self._lock:
            if self._on_progress is not None and percent > self._percent:
                self._percent = min(percent, 100.0)
                done = int(self._total * self._percent / 100)
                self._on_progress(Progress(phase=self._phase, done_bytes=done, total_bytes=self._total))


def run(
    link: Link,
    scene: Scene,
    statement: str,
    *,
    connection: Any,
    limits: Limits,
    meter: Meter,
    session_id: int | None = None,
) -> Heard:
    """Run one statement to its end, or until a limit is reached and the server has let go of it.

    Nothing is raised for what the server or the driver says: that is in the answer. Where the number of the
    connection's session is given, nothing else is asked on it before.
    """
    number = link.session_id(connection, scene) if session_id is None else session_id
    heard = Heard(session_id=number, stopped=limits.reached())
    if heard.stopped is not None:
        return heard
    ended = threading.Event()
    cursor = connection.cursor()
    poller = threading.Thread(target=_poll, args=(link, scene, heard, ended, meter), name="pwsops-poll", daemon=True)
    try:
        with stopping(cursor, limits) as watch:
            with suppress(RuntimeError):  # where no more threads can be had, the messages have to do
                poller.start()
            stream.run(cursor, statement, clock=link.clock, hear=heard.messages.append, hear_percent=meter.to)
        heard.stopped = watch.stopped
    finally:
        ended.set()  # nobody waits for a poll
        meter.close()
    with suppress(pyodbc().Error):
        # A broken or interrupted connection must not be the next one's.
        (connection if heard.failed or heard.stopped is not None else cursor).close()
    heard.messages = link.graded(heard.messages)
    return heard


@dataclass
class Watch:
    """Whether what is watched was stopped, and why."""

    stopped: Stop | None = None


@contextmanager
def stopping(cursor: Any, limits: Limits) -> Iterator[Watch]:
    """Cancel what a cursor does when a limit is reached."""
    watch, ended = Watch(), threading.Event()
    stopper = threading.Thread(target=_stop_in_time, args=(cursor, watch, ended, limits), name="pwsops-stop")
    stopper.start()
    try:
        yield watch
    finally:
        ended.set()
        stopper.join()  # a cursor must not be closed while another thread cancels it


def _stop_in_time(cursor: Any, watch: Watch, ended: threading.Event, limits: Limits) -> None:
    """Cancel when a limit is reached, again and again: between two results a cancel finds nothing to cancel."""
    while not ended.wait(LOOK_EVERY_S):
        watch.stopped = watch.stopped or limits.reached()
        if watch.stopped is not None:
            with suppress(pyodbc().Error):
                cursor.cancel()


def _poll(link: Link, scene: Scene, heard: Heard, ended: threading.Event, meter: Meter) -> None:
    """Ask on another connection how far it is, until that is refused: then the messages have to do."""
    while not ended.wait(POLL_EVERY_S):
        try:
            rows = link.query(scene, queries.REQUEST, heard.session_id, timeout_s=POLL_TIMEOUT_S)
        except PwsopsError as error:
            if error.transient and error.number is not None:
                continue  # a deadlock or a lock: the next question may be answered
            return
        for row in rows:
            meter.to(row.percent_complete)
