"""What backups and restores have in common while they go on: what is said, how far they are, and further tries."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pwsops.clock import Clock
from pwsops.engines.requests import Progress, ProgressCallback
from pwsops.errors import PwsopsError
from pwsops.rules.model import Message
from pwsops.runs.attempts import Attempts

PROGRESS_EVERY_S = 0.5

T = TypeVar("T")


class Work:
    """One backup or restore of one database, as it goes on.

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
