"""`make bench`: measure everything in one go, print the table, write `results.md` beside this file.

Pairs are run alternately; a figure is a median, a ratio the median of the pairs' ratios. Give names of parts
(`engine`, `encryption`, `preview`, `lateness`, `reports`, `retention`, `rebuild`, `pages`) to run those alone, which
prints and writes nothing.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PARTS = (
    "preview",
    "lateness",
    "engine",
    "encryption",
    "sqlserver",
    "reports",
    "history",
    "retention",
    "rebuild",
    "pages",
)
RESULTS = Path(__file__).with_name("results.md")


def main(wanted: list[str]) -> int:
    """Run the parts, print what each measured, and return 1 where a limit was not kept or a part broke.

    The results are written all the same: what broke stands among them as not measured.
    """
    rows, broken = [], []
    for part in wanted or PARTS:
        try:
            measured = _run(part)
        except subprocess.CalledProcessError:  # it has said why; what else there is to measure is measured
            broken.append(part)
            measured = [{"name": f"the part `{part}`", "note": "not measured: it broke"}]
        _settle_alternatives(measured)
        print(_table(measured), flush=True)
        rows += measured
    if broken:
        print(f"Not measured, as they broke: {', '.join(broken)}.")
    if not wanted:
        RESULTS.write_text(f"# Benchmark results\n\n{_machine()}\n\n{_table(rows)}\n")
    return 0 if not broken and all(_kept(row) for row in rows) else 1


def _run(part: str) -> list[dict[str, Any]]:
    """Run a part in a process of its own: a child's peak memory counts from that of the process it was forked from."""
    script = f"import json; from benchmarks import {part}; print(json.dumps({part}.run()))"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _settle_alternatives(rows: list[dict[str, Any]]) -> None:
    """Where one of several limits is enough, the others are there to be read once it is kept."""
    for row in rows:
        mates = [mate for mate in rows if row.get("either") and mate.get("either") == row["either"]]
        if any(_kept(mate) for mate in mates) and not _kept(row):
            row["note"] = f"{row['note']} (limit {row['limit']:g}; kept by the other)"
            row["limit"] = None


def _table(rows: list[dict[str, Any]]) -> str:
    head = "| what | ours | other | ratio | limit | kept | note |\n| --- | ---: | ---: | ---: | ---: | --- | --- |"
    return "\n".join([head, *map(_line, rows)])


def _line(row: dict[str, Any]) -> str:
    unit = row.get("unit", "s")
    ours = _figure(row["ours"], unit) if "ours" in row else "not measured"
    other = _figure(row["other"], unit) if row.get("other") is not None else ""
    ratio = f"{row['ratio']:.3g}" if row.get("ratio") is not None else ""
    limit = "" if row.get("limit") is None else f"{row['limit']:g}{'' if ratio else f' {unit}'}"
    kept = "" if row.get("limit") is None else ("yes" if _kept(row) else "NO")
    return f"| {row['name']} | {ours} | {other} | {ratio} | {limit} | {kept} | {row.get('note', '')} |"


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def _kept(row: dict[str, Any]) -> bool:
    if row.get("limit") is None:
        return True  # what was not measured has none
    measured = row["ratio"] if row.get("ratio") is not None else row["ours"]
    return bool(measured <= row["limit"])


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    others = {name: _first_line(command) for name, command in _OTHERS.items() if shutil.which(command[0])}
    told = {
        "Date": f"{datetime.now(UTC):%Y-%m-%d}",
        "Processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "Memory": f"{memory:.0f} GiB",
        "System": f"{platform.system()} {platform.release()}, {_distribution()}",
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, zstandard {version('zstandard')}",
        **others,
    }
    return "\n".join(f"- {key}: {value}" for key, value in told.items())


_OTHERS = {
    "sqlite3 shell": ["sqlite3", "--version"],
    "zstd": ["zstd", "--version"],
    "restic": ["restic", "version"],
    "borg": ["borg", "--version"],
}


def _first_line(command: list[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return said.splitlines()[0].strip("* ") if said else "?"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown distribution"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
