"""What a worker tells its parent while it works."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

EVERY_S = 0.1


class Report:
    """Sends progress, at most ten times a second, and messages.

    Parameters
    ----------
    send
        Takes one plain mapping.
    """

    def __init__(self, send: Callable[[Mapping[str, object]], None]) -> None:
        self._send = send
        self._last = (0.0, "")

    def progress(self, phase: str, done_bytes: int, total_bytes: int) -> None:
        """Say how far `phase` is."""
        now = time.monotonic()
        last_at, last_phase = self._last
        if now - last_at >= EVERY_S or phase != last_phase or done_bytes >= total_bytes:
            self._last = now, phase
            self._send({"progress": [phase, done_bytes, total_bytes]})

    def say(self, text: str) -> None:
        """Say something worth keeping in the history."""
        self._send({"message": text})
