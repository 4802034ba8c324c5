"""The history over a million runs: each of its orders, filters and searches, as the page asks for them.

Each figure is the median of several times, by one process that has the home open, of a page with its items, its total
and the names of the profiles to choose from. What is said is partly the same in many runs, partly in each another.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from pwsops.operations import Operations, open_operations
from pwsops.operations.history import HistoryQuery, HistorySort
from pwsops.rules.model import RunStatus, Trigger

RUNS = int(os.environ.get("BENCH_RUNS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
PROFILES = 200
LIMIT_MS = 50
SEARCH_LIMIT_MS = 150
BIG, SMALL = "Profile 1", "Profile 77"
"""One that two of five runs are of, and one of the others."""
FILTERS: dict[str, dict[str, Any]] = {
    **{f"state {status.value}": {"status": status} for status in RunStatus},
    **{f"started by {trigger.value}": {"trigger": trigger} for trigger in Trigger},
    "a big profile": {"profile": BIG},
    "a small profile": {"profile": SMALL},
    "failed, a big profile": {"status": RunStatus.FAILED, "profile": BIG},
    "missed, a small profile": {"status": RunStatus.MISSED, "profile": SMALL},
    "succeeded, by hand": {"status": RunStatus.SUCCEEDED, "trigger": Trigger.MANUAL},
}
_BEGUN = datetime.fromtimestamp(1_700_000_000, UTC)
"""When the first run is due; each of the others a minute after the one before."""
_END = _BEGUN + timedelta(minutes=RUNS)
PERIODS: dict[str, dict[str, Any]] = {
    "a day": {"since": _END - timedelta(days=1)},
    "7 days": {"since": _END - timedelta(days=7)},
    "a month, not the last": {"since": _END - timedelta(days=62), "until": _END - timedelta(days=31)},
    "half of all": {"since": _BEGUN + (_END - _BEGUN) / 4, "until": _END - (_END - _BEGUN) / 4},
}
TEXTS = {
    "what one run in fifty says": "device is full",
    "what one run says": "processed 777777 pages",
    "what only old runs say": "Network path",
    "what nobody says": "no such text anywhere",
    "what every run says": "successfully processed",
    "the name of a database": "LEDGER-7.sqlite3",
    "the name of a profile": "profile 77",
    "two letters": "ty",
    "one letter": "e",
    "letters of another alphabet": "GRÖẞE überschritten",
}
_DUE = "1700000000000000 + i * 60000000"
_STATUS = (
    "CASE WHEN i > :n - 2 THEN 'running' WHEN i > :n - 4 THEN 'queued' WHEN i % 50 = 0 THEN 'failed' "
    "WHEN i % 997 = 1 THEN 'missed' WHEN i % 1009 = 2 THEN 'skipped' WHEN i % 2003 = 3 THEN 'cancelled' "
    "ELSE 'succeeded' END"
)
_ERROR = (
    "CASE WHEN i % 50 <> 0 THEN '' WHEN i < :n / 10 THEN 'Network path not found.' "
    "WHEN i % 1000 = 0 THEN 'Größe überschritten.' ELSE 'The device is full.' END"
)
_TRIGGER = "CASE WHEN i % 40 = 7 THEN 'manual' WHEN i % 200 = 9 THEN 'catch_up' ELSE 'schedule' END"
_PROFILE = f"CASE WHEN i % 5 < 2 THEN 1 ELSE 2 + i % {PROFILES - 1} END"
_FILL = (
    f"""
INSERT INTO runs (id, profile_id, profile, due_at, status, kind, trigger, claimed_at, started_at, finished_at, summary,
                  missed_count, cancel_requested, size_bytes)
SELECT i, p, 'Profile ' || p, {_DUE}, s, iif(i % 24 = 0, 'full', 'differential'), {_TRIGGER}, {_DUE},
       iif(s IN ('missed', 'skipped', 'queued'), NULL, {_DUE} + 1000),
       iif(s IN ('running', 'queued'), NULL, {_DUE} + 1000 + i * 7919 % 600000000),
       {_ERROR}, 0, 0, iif(s = 'succeeded', i * 37 % 1000003 * 1000, 0)
FROM (SELECT i, {_PROFILE} AS p, {_STATUS} AS s FROM n)
""",
    f"""
INSERT INTO run_items (id, run_id, "database", status, kind, reason, started_at, finished_at, path, set_id, size_bytes,
                       error, hint)
SELECT i, i, 'ledger-' || (i % 300) || '.sqlite3', {_STATUS}, 'differential', '', {_DUE} + 1000, {_DUE} + 5000000,
       '/media/ledger_' || i || '.bak', 'set-' || i, i * 37 % 1000003, {_ERROR}, ''
FROM n
""",
    f"""
INSERT INTO messages (item_id, at, number, severity, state, text, is_error)
SELECT i, {_DUE}, 3014, 0, 1, 'BACKUP DATABASE successfully processed ' || i || ' pages in ' || (i % 997 / 1000.0) ||
       ' seconds (' || (i * 31 % 9973 / 10.0) || ' MB/sec).', 0
FROM n
""",
)


def run() -> list[dict[str, Any]]:
    """Fill a home and ask."""
    with tempfile.TemporaryDirectory() as directory:
        ops = open_operations(Path(directory, "home"))
        try:
            fill(ops, Path(directory))
            return [*_orders(ops), *_filters(ops), *_periods(ops), *_searches(ops)]
        finally:
            ops.close()


def fill(ops: Operations, directory: Path) -> None:
    """Put the runs into an empty catalogue."""
    names = ops.samples.create()
    for number in range(1, PROFILES + 1):
        profile = ops.profiles.new()
        profile.param.update(
            name=f"Profile {number}", instance="samples", databases=names[:1], directory=str(directory), active=False
        )
        profile.start = datetime(2026, 1, 1)  # noqa: DTZ001 - wall time of a profile
        ops.profiles.create(profile)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RUNS})"
    with ops._core.catalogue.write() as connection:
        for statement in _FILL:
            connection.exec_driver_sql(numbers + statement.replace(":n", str(RUNS)))


def _orders(ops: Operations) -> Iterator[dict[str, Any]]:
    for sort, descending in product(HistorySort, (False, True)):
        query = HistoryQuery(sort=sort, descending=descending)
        name = f"history of {RUNS:,} runs by {sort.value}, {'descending' if descending else 'ascending'}"
        last = ops.history.page(HistoryQuery(sort=sort, descending=not descending)).after
        end = HistoryQuery(sort=sort, descending=not descending, position=last)
        yield _row(name, _took_ms(ops, query), LIMIT_MS, f"its second last page {_took_ms(ops, end):.0f} ms")


def _filters(ops: Operations) -> Iterator[dict[str, Any]]:
    for name, chosen in FILTERS.items():
        took = {
            f"{'-' if descending else ''}{sort.value}": _took_ms(
                ops, HistoryQuery(sort=sort, descending=descending, **chosen)
            )
            for sort, descending in product(HistorySort, (False, True))
        }
        worst = max(took, key=lambda order: took[order])
        total = ops.history.page(HistoryQuery(**chosen)).total
        note = f"the slowest order ({worst}); newest first {took['-due']:.0f} ms; {total:,} runs"
        yield _row(f"history of {RUNS:,} runs, only {name}", took[worst], LIMIT_MS, note)


def _periods(ops: Operations) -> Iterator[dict[str, Any]]:
    for name, period in PERIODS.items():
        took = {
            f"{'-' if descending else ''}{sort.value}, {also}": _took_ms(
                ops, HistoryQuery(sort=sort, descending=descending, **chosen, **period)
            )
            for sort, descending in product(HistorySort, (False, True))
            for also, chosen in {"all": {}, **FILTERS}.items()
        }
        worst = max(took, key=lambda order: took[order])
        total = ops.history.page(HistoryQuery(**period)).total
        note = f"the slowest order and other filter ({worst}); newest first {took['-due, all']:.0f} ms; {total:,} runs"
        yield _row(f"history of {RUNS:,} runs, only {name}", took[worst], LIMIT_MS, note)
        found = ops.history.page(HistoryQuery(text="device is full", **period)).total
        search = _took_ms(ops, HistoryQuery(text="device is full", **period))
        yield _row(f"search in {RUNS:,} runs, only {name}", search, SEARCH_LIMIT_MS, f"{found:,} runs")


def _searches(ops: Operations) -> Iterator[dict[str, Any]]:
    for name, text in TEXTS.items():
        total = ops.history.page(HistoryQuery(text=text)).total
        took = {
            sort.value: _took_ms(ops, HistoryQuery(text=text, sort=sort, descending=sort is not HistorySort.STATUS))
            for sort in HistorySort
        }
        worst = max(took, key=lambda order: took[order])
        note = f"`{text}`, {total:,} runs; by {worst} {took[worst]:.0f} ms"
        yield _row(f"search in {RUNS:,} runs for {name}", took["due"], SEARCH_LIMIT_MS, note)


def _took_ms(ops: Operations, query: HistoryQuery) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        ops.history.page(query)
        ops.history.profiles()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def _row(name: str, took_ms: float, limit_ms: float, note: str) -> dict[str, Any]:
    return {"name": name, "ours": took_ms, "unit": "ms", "limit": limit_ms, "note": note}
