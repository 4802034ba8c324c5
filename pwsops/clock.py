"""Time, passed in. Everything inside is aware UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the service, the runner and the operations ask for the time."""

    def now(self) -> datetime:
        """Give the present instant, aware UTC."""

    def monotonic(self) -> float:
        """Give seconds that never jump, for durations and to notice that `now` did."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
