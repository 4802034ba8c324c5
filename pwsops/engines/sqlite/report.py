"""What a worker tells its parent: how far it is while it works, and in the end what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

EVERY_S = 0.1


class Report:
    """Sends progress, at most ten times a second, messages, and one answer.

    Parameters
    ----------
    send
        Takes one plain mapping.
    """

    def __init__(self, send: Callable[[Mapping[str, object]], None]) -> None:
        self._send = send
        self._last = (0.0, "")
        self._finishing = False
        self._answered = False
        self.may_end = threading.Lock()
        """To be held by whoever ends this process at once. Nobody gets it while the work is being finished."""

    def progress(self, phase: str, done_bytes: int, total_bytes: int) -> None:
        """Report how far `phase` is."""
        now = time.monotonic()
        last_at, last_phase = self._last
        if now - last_at >= EVERY_S or phase != last_phase or done_bytes >= total_bytes:
            self._last = now, phase
            self._send({"progress": [phase, done_bytes, total_bytes]})

    def say(self, text: str) -> None:
        """Report something worth keeping in the history."""
        self._send({"message": text})

    def finishing(self) -> None:
        """Report that the next step cannot be taken back: from here to the answer, nobody may end this process."""
        if not self._finishing:
            self._finish()
            self._send({"finishing": True})

    def result(self, value: object) -> None:
        """Report what came of it, as soon as that is certain. What is done afterwards no longer counts."""
        self._answer({"result": value})

    def error(self, fields: Mapping[str, object]) -> None:
        """Report why nothing came of it."""
        self._answer({"error": fields})

    def _answer(self, answer: Mapping[str, object]) -> None:
        if self._answered:
            return
        self._finish()
        self._answered = True
        try:
            self._send(answer)
        finally:
            self._finishing = False
            self.may_end.release()

    def _finish(self) -> None:
        if not self._finishing:
            self.may_end.acquire()  # for ever, where the end has begun
            self._finishing = True
