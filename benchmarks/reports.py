"""Reports of a million runs: how long they take to write, and how much memory more than a process that does nothing.

Each form is written by a process of its own over the same home. The memory is the peak that the kernel counted, less
what it was when the home was open and no report had been asked for; what only a report imports is part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from pwsops.operations import open_operations

RUNS = int(os.environ.get("BENCH_RUNS", "1000000"))
LIMIT_MB = 300
LIMITS_S = {"csv": 10.0, "parquet": 10.0, "xlsx": 150.0}
_ENDED = "1700000000000000 + i * 60000000 + 5000000"
_DUE = "1700000000000000 + i * 60000000"
# A run a minute, of the profile made before; one in fifty failed.
_FILL = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :runs)
INSERT INTO runs (id, profile_id, profile, due_at, status, kind, trigger, claimed_at, started_at, finished_at, summary,
                  missed_count, cancel_requested, size_bytes)
SELECT i, 1, 'Vaults', {_DUE}, iif(i % 50 = 0, 'failed', 'succeeded'), iif(i % 24 = 0, 'full', 'differential'),
       'schedule', {_DUE}, {_DUE} + 1000, {_ENDED}, iif(i % 50 = 0, 'The device is full.', ''), 0, 0, i * 37 % 1000003
FROM n
"""
_FILL_ITEMS = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :runs)
INSERT INTO run_items (id, run_id, "database", status, kind, reason, started_at, finished_at, path, set_id, size_bytes,
                       error, hint)
SELECT i, i, 'company-vault.sqlite3', iif(i % 50 = 0, 'failed', 'succeeded'), 'differential', '', {_DUE} + 1000,
       {_ENDED}, '/media/company-vault_' || i || '.bak', 'set-' || i, i * 37 % 1000003,
       iif(i % 50 = 0, 'The device is full.', ''), iif(i % 50 = 0, 'Make room.', '')
FROM n
"""
# Given a home, a form and a file.
_WRITE = """
import json, resource, sys, time
from pathlib import Path
from pwsops.operations import open_operations
from pwsops.operations.reports import ReportFormat

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

ops, form, path = open_operations(Path(sys.argv[1])), ReportFormat(sys.argv[2]), Path(sys.argv[3])
idle, begun = peak(), time.perf_counter()
count = ops.reports.write(form, path)
print(json.dumps([count, time.perf_counter() - begun, peak() - idle]))
ops.close()
"""


def run() -> list[dict[str, Any]]:
    """Write each form once; a row for its time and one for its memory."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory, "home")
        _fill(home)
        return [row for form in LIMITS_S for row in _rows(home, form, Path(directory, f"report.{form}"))]


def _fill(home: Path) -> None:
    ops = open_operations(home)
    names = ops.samples.create()
    media = home.with_name("backups")
    media.mkdir()
    profile = ops.profiles.new()
    profile.param.update(name="Vaults", instance="samples", databases=names[:1], directory=str(media), active=False)
    profile.start = datetime(2026, 1, 1)  # noqa: DTZ001 - wall time of a profile
    ops.profiles.create(profile)
    with ops._core.catalogue.write() as connection:
        connection.exec_driver_sql(_FILL, {"runs": RUNS})
        connection.exec_driver_sql(_FILL_ITEMS, {"runs": RUNS})
    ops.close()


def _rows(home: Path, form: str, path: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", _WRITE, str(home), form, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    count, took_s, more_bytes = json.loads(done.stdout)
    size_mb = path.stat().st_size / 1e6
    path.unlink()
    name = f"report of {count:,} runs, {form}"
    return [
        {"name": name, "ours": took_s, "limit": LIMITS_S[form], "note": f"{size_mb:,.0f} MB written"},
        {"name": f"{name}, memory beyond idle", "ours": more_bytes / 1e6, "unit": "MB", "limit": LIMIT_MB},
    ]
