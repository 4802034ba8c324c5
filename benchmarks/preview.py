"""A year of an hourly profile, against dateutil enumerating the same slots."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from dateutil.rrule import HOURLY, rrule

from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit
from pwsops.rules.recurrence import occurrences

PAIRS = 15
LIMIT = 0.4
SLOTS = 8760

_START = datetime.fromisoformat("2026-01-01T00:00")
_BEFORE = datetime(2025, 12, 1, tzinfo=UTC)
_SUNDAYS = Renewal(period=RenewalPeriod.WEEKLY, day=6)


def run() -> list[dict[str, Any]]:
    """Measure full and incremental previews in a zone that shifts, and give one row each."""
    hourly = Recurrence(every=1, unit=Unit.HOUR, start=_START, timezone="Europe/Berlin", until=date(2026, 12, 31))

    def full() -> int:
        return len(list(occurrences(hourly, start=_BEFORE)))

    def incremental() -> int:
        return len(list(occurrences(hourly, incremental=True, renewal=_SUNDAYS, start=_BEFORE)))

    def other() -> int:
        return len(list(rrule(HOURLY, dtstart=_START, count=SLOTS)))

    assert full() == incremental() == other() == SLOTS
    return [_row(name, ours, other) for name, ours in (("full", full), ("incremental", incremental))]


def _row(name: str, ours: Callable[[], object], other: Callable[[], object]) -> dict[str, Any]:
    pairs = [(_seconds(ours), _seconds(other)) for _ in range(PAIRS)]
    ours_s, other_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "name": f"preview of a year of an hourly {name} profile, against dateutil.rrule",
        "ours": ours_s * 1000,
        "other": other_s * 1000,
        "unit": "ms",
        "ratio": ours_s / other_s,
        "limit": LIMIT,
    }


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
