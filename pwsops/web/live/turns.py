"""Threads for what a page asks for: a few at once, and the rest waits its turn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

AT_ONCE = 6
WAITING = 64

Work = Callable[[], None]


class Turns:
    """Does things in threads of their own, which do not keep the process from ending.

    A page can be made to ask for hundreds of things a second, each of which may wait for a slow server.

    Parameters
    ----------
    at_once
        How many threads there are at most.
    waiting
        How many things may wait for one.
    """

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._at_once, self._limit = at_once, waiting
        self._lock = threading.Lock()
        self._waiting: deque[Work] = deque()
        self._threads = 0

    def take(self, work: Work, *, name: str) -> threading.Thread | None:
        """Have something done, at once or in its turn; return the thread where one was begun for it.

        Raises
        ------
        OverflowError
            Too much waits already, or this process may have no more threads.
        """
        with self._lock:
            if self._threads >= self._at_once:
                if len(self._waiting) >= self._limit:
                    raise OverflowError
                self._waiting.append(work)
                return None
            self._threads += 1
        thread = threading.Thread(target=self._work, args=(work,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # this process may have no more threads
            with self._lock:
                self._threads -= 1
            raise OverflowError from None
        return thread

    def forget(self) -> None:
        """Leave undone what still waits."""
        with self._lock:
            self._waiting.clear()

    def _work(self, first: Work) -> None:
        work: Work | None = first
        try:
            while work is not None:
                work()
                with self._lock:
                    work = self._waiting.popleft() if self._waiting else None
                    self._threads -= work is None
        except BaseException:
            with self._lock:
                self._threads -= 1
            raise
