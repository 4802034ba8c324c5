"""Time, passed in. Everything inside is aware UTC."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the service, the runner and the operations ask for the time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump, for durations and to notice that `now` did."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let time pass, at most so long, until an event is set; gives whether it is."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)
