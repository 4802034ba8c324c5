"""What backups, restores and drills have in common while they go on: what is said, progress, further tries, the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from pwsops.catalogue import Catalogue, Connection
from pwsops.clock import Clock
from pwsops.engines.requests import Progress, ProgressCallback
from pwsops.errors import Cancelled, PwsopsError
from pwsops.rules.model import Message
from pwsops.runs.attempts import Attempts

PROGRESS_EVERY_S = 0.5
LOOK_EVERY_S = 0.2
CLOSING_S = 10.0
"""How long a process that ends waits for its restores and drills to stop."""

_log = structlog.get_logger()

T = TypeVar("T")


def write_end(
    write: Callable[[], None], *, what: str, clock: Clock, closing: threading.Event, watch: ProgressCallback
) -> None:
    """Write an end down, again over minutes where the catalogue is locked: what was done is not to look undone.

    Parameters
    ----------
    write
        Writes it.
    what
        Whose end it is, for the log.
    closing
        Set where this process ends: then there is time for one more try.
    watch
        Is given what is waited for.
    """
    attempts = Attempts(
        clock=clock,
        cancel=closing,
        tell=lambda text: _log.warning(f"the end of a {what} waits to be written", reason=text),
        waiting=lambda text: watch(Progress(phase=text, done_bytes=0, total_bytes=0)),
    )
    try:
        attempts.do(write, lambda error: None)
    except Cancelled:
        write()


def watch_for_cancel(
    catalogue: Catalogue, is_asked: Callable[[Connection], bool], *, done: threading.Event, cancel: threading.Event
) -> None:
    """Set `cancel` where another process asks for it, until `done` is set."""
    seen = -1
    while not done.wait(LOOK_EVERY_S):
        with suppress(PwsopsError):  # the next look may succeed
            version = catalogue.version()
            if version != seen:
                with catalogue.read() as connection:
                    if is_asked(connection):
                        cancel.set()
                seen = version


class Work:
    """One backup, restore or drill of one database, as it goes on.

    Parameters
    ----------
    clock, cancel
        The time, and what ends the work.
    write
        Writes down how far it is. Where that raises `PwsopsError` the work goes on: it does not fail because nobody
        could be told how far it is.
    watch
        Is given every step, for somebody who waits for it.
    deadline
        Steady moment after which no further try begins; None: there is none.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        cancel: threading.Event,
        write: Callable[[Progress], None],
        watch: ProgressCallback | None = None,
        deadline: float | None = None,
    ) -> None:
        self.messages: list[Message] = []
        """What was said so far, in order."""
        self._clock = clock
        self._cancel = cancel
        self._write = write
        self._watch = watch or (lambda progress: None)
        self._deadline = deadline

    def say(self, text: str) -> None:
        """Keep a sentence for the record."""
        self.messages.append(Message(text=text, at=self._clock.now()))

    def do(self, step: Callable[[], T], finished: Callable[[PwsopsError], T | None] = lambda error: None) -> T:
        """Do a step, again where it fails for what may pass by itself; see `Attempts.do`."""
        attempts = Attempts(
            clock=self._clock, cancel=self._cancel, deadline=self._deadline, tell=self.say, waiting=self._waits
        )
        return attempts.do(step, finished)

    def report(self) -> ProgressCallback:
        """Return what is given the progress of one step, and writes it down at intervals."""
        written_at = float("-inf")

        def take(progress: Progress) -> None:
            nonlocal written_at
            self._watch(progress)
            moment = self._clock.monotonic()
            if moment - written_at >= PROGRESS_EVERY_S:
                written_at = moment
                self._progressed(progress)

        return take

    def _waits(self, text: str) -> None:
        progress = Progress(phase=text, done_bytes=0, total_bytes=0)
        self._watch(progress)
        self._progressed(progress)

    def _progressed(self, progress: Progress) -> None:
        with suppress(PwsopsError):
            self._write(progress)
