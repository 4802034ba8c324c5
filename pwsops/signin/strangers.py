"""What strangers can do as often as they like, counted by kind, place and minute.

The first of a minute is written at once, and the number of the others when it is over. A log that strangers fill
guards nothing, and a log that tells nothing of them does not either.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from pwsops.clock import Clock
from pwsops.signin.peers import site

WINDOW_S = 60.0
PLACES = 12
"""Places of one kind that are told apart within a minute."""
ELSEWHERE = "elsewhere"

Write = Callable[[str, str, str], None]
"""Writes an entry: action, subject, detail."""


class Strangers:
    """Counts in memory, which is bounded, and writes when a minute is over.

    Parameters
    ----------
    clock
        The time.
    write
        Writes an entry. It may take its time.
    """

    def __init__(self, *, clock: Clock, write: Write) -> None:
        self._clock, self._write = clock, write
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._began_s = clock.monotonic()
        self._lock = threading.Lock()

    def note(self, action: str, subject: str, peer: str) -> None:
        """Count one.

        Parameters
        ----------
        action, subject
            As the audit log has them. There are few of each: nothing that a stranger wrote.
        peer
            The address it comes from.
        """
        self.flush()
        place = site(peer)
        with self._lock:
            known = sum(key[:2] == (action, subject) for key in self._counts)
            if (action, subject, place) not in self._counts and known >= PLACES:
                place = ELSEWHERE
            if (action, subject, place) in self._counts:
                self._counts[action, subject, place] += 1
                return
            self._counts[action, subject, place] = 0
        self._write(action, subject, f"from {place}")

    def flush(self, *, ends: bool = False) -> None:
        """Write what was counted, where the minute is over, or the process ends."""
        with self._lock:
            if not ends and self._clock.monotonic() - self._began_s < WINDOW_S:
                return
            counts, self._counts = self._counts, Counter()
            self._began_s = self._clock.monotonic()
        for (action, subject, place), count in counts.items():
            if count:
                self._write(action, subject, f"{count:,} more within a minute, from {place}")
