"""Trying again what may succeed a little later: over minutes, within a time limit, and told while it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pwsops.clock import Clock
from pwsops.errors import Cancelled, EndUnknown, LoginRefused, PwsopsError

WAITS_S = (1.0, 5.0, 15.0, 60.0, 180.0)
"""How long it is waited before each further try: long enough for the failover of a group of servers."""
LOOK_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 6 * 60, 24 * 60))
"""After so long each it is looked again for a backup whose end nobody knows; after the last no more."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """How something is tried.

    Parameters
    ----------
    clock, cancel
        What is waited by, and what ends the waiting at once.
    deadline
        Steady moment after which no further try begins; None: there is none.
    tell
        Is given, for the record, what a try failed for and when the next one is.
    waiting
        Is given the same for those who watch.
    """

    clock: Clock
    cancel: threading.Event
    tell: Callable[[str], None]
    waiting: Callable[[str], None]
    deadline: float | None = None

    def do(self, work: Callable[[], T], finished: Callable[[PwsopsError], T | None]) -> T:
        """Do a piece of work, again where it fails for what may pass by itself; raises what the last try raised.

        After each failure `finished` is asked first whether the work was done after all, and gives what came of it.
        """
        tries = len(WAITS_S) + 1
        for number, wait_s in enumerate(WAITS_S, start=1):
            try:
                return self._once(work, finished)
            except PwsopsError as error:
                if not error.transient or isinstance(error, EndUnknown) or self._is_too_late(wait_s):
                    raise
                self._wait(wait_s, number, tries, error)
        return self._once(work, finished)

    def _once(self, work: Callable[[], T], finished: Callable[[PwsopsError], T | None]) -> T:
        if self.cancel.is_set():
            raise Cancelled("It was cancelled before its next attempt.", hint="Start it again any time.")
        try:
            return work()
        except PwsopsError as error:
            found = finished(error)
            if found is None:
                raise
            return found

    def _is_too_late(self, wait_s: float) -> bool:
        return self.deadline is not None and self.clock.monotonic() + wait_s >= self.deadline

    def _wait(self, wait_s: float, number: int, tries: int, error: PwsopsError) -> None:
        until = self.clock.now() + timedelta(seconds=wait_s)
        self.tell(f"Attempt {number} of {tries} failed and is tried again at {until:%H:%M:%S} UTC: {error}")
        self.waiting(f"waiting until {until:%H:%M:%S} UTC for attempt {number + 1} of {tries}, because {error}")
        self.clock.wait(self.cancel, wait_s)


def may_have_finished(error: PwsopsError) -> bool:
    """Whether what failed may have been done all the same: the answer was lost, or nobody waited for it."""
    return (error.transient or isinstance(error, EndUnknown)) and not isinstance(error, LoginRefused)


def next_look(looks: int, now: datetime) -> datetime | None:
    """Return when to look for a backup again, after so many looks; None: no more."""
    return now + LOOK_AGAIN[looks] if looks < len(LOOK_AGAIN) else None
