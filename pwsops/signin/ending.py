"""The end of a stay, by a session or by a token: what is open is closed, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress


class Ending:
    """Something that lasts until somebody ends it, in whichever thread."""

    def __init__(self) -> None:
        self._ended = ""
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def ended(self) -> str:
        """Why it has ended; empty as long as it has not."""
        return self._ended

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` at once when it ends, in whichever thread; now, where it has ended."""
        with self._lock:
            if not self._ended:
                self._callbacks.append(callback)
                return
        callback()

    def end(self, reason: str) -> None:
        """End it, once; `reason` is a sentence."""
        with self._lock:
            if self._ended:
                return
            self._ended = reason
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            # One page that cannot be closed must not keep the others open; the door asks again at each message.
            with suppress(Exception):
                callback()
