"""What a policy keeps of a hundred thousand backups of one profile: the preview, as the page and the command line ask.

The median of several times, by one process that has the home open; nothing of it is kept between two.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from pwsops.operations import Operations, open_operations

SETS = int(os.environ.get("BENCH_SETS", "100000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
LIMIT_MS = 1000
_FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :sets)
INSERT INTO backup_sets (set_id, instance, "database", kind, path, position, started_at, finished_at, size_bytes,
                         database_size_bytes, base_id, description, copy_only, details, profile_id, place, proven_at,
                         seen_state)
SELECT 'set-' || i, 'samples', :database, iif(i % 24 = 1, 'full', 'differential'), '/media/' || i || '.bak', 1,
       :begin + i * 3600000000, :begin + i * 3600000000 + 5000000, 1000000 + i, 2000000,
       iif(i % 24 = 1, NULL, 'set-' || (i - (i + 23) % 24)), '', 0, '{"checked": true}', :profile,
       (SELECT place FROM instances WHERE name = 'samples'), :begin + i * 3600000000, 'present'
FROM n
"""


_RESTORED = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
INSERT INTO restores (instance, "database", path, position, set_id, kind, data_at, actor, status, started_at, owner,
                      cancel_requested, error, hint, interrupted, messages, runs_until, sets_until)
SELECT 'samples', :database, '/media/' || i || '.bak', 1, 'set-1', 'full', :begin, '', 'succeeded', :begin, '', 0, '',
       '', 0, '[]', 0, :sets - i * 100
FROM n
"""
"""A hundred restores of the first backup: what they wrote over is looked for among all."""


def run() -> list[dict[str, Any]]:
    """Fill a home and ask."""
    with tempfile.TemporaryDirectory() as directory:
        ops = open_operations(Path(directory, "home"))
        try:
            _fill(ops, Path(directory))
            return [_measure(ops)]
        finally:
            ops.close()


def _fill(ops: Operations, directory: Path) -> None:
    names = ops.samples.create()
    profile = ops.profiles.new()
    profile.param.update(name="Hourly", instance="samples", databases=names[:1], directory=str(directory), active=False)
    profile.param.update(
        keep_within="30d", keep_last=24, keep_daily=60, keep_weekly=52, keep_monthly=48, keep_yearly=20
    )
    profile.start = datetime(2026, 1, 1)  # noqa: DTZ001 - wall time of a profile
    view = ops.profiles.create(profile)
    begin = (1_700_000_000 - SETS * 3600) * 1_000_000
    values = {"sets": SETS, "database": names[0], "begin": begin, "profile": view.id}
    with ops._core.catalogue.write() as connection:
        connection.exec_driver_sql(_FILL, values)
        connection.exec_driver_sql(_RESTORED, values)


def _measure(ops: Operations) -> dict[str, Any]:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = ops.retention.preview("Hourly")
        took.append((time.perf_counter() - began) * 1000)
    note = f"{len(found.points[found.sets[0].database]):,} stay; at worst {max(took):,.0f} ms"
    name = f"preview of what a policy keeps of {SETS:,} backups"
    return {"name": name, "ours": statistics.median(took), "limit": LIMIT_MS, "unit": "ms", "note": note}
