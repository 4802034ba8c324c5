"""The embedded engine beside `sqlite3 .backup`, zstd, restic and borg, on one vault-like database.

Each pair runs alternately; a row gives the medians and their ratio. `run()` needs about 7 GB in `$TMPDIR`, and
afterwards 3 GB of memory.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks import vault
from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest, RestoreRequest
from pwsops.engines.sqlite import process
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.launch import command, environment
from pwsops.rules.model import BackupKind, BackupSet

SIZE_MB = int(os.environ.get("BENCH_MB", "768"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CHANGED = 0.01
NAME = "db.sqlite3"
CACHES = {"restic": "restic-cache", "borg": "borg-home"}
WRITER = Path(__file__).parents[1] / "tests" / "integration" / "sqlite" / "ledger_writer.py"

MEMORY = Path("/dev/shm")
"""Files in memory, where the system has that: what the disk takes, and takes from ours alone, is left out there."""
SYNCED = "ours is synced and read back from the disk, zstd's is neither; the row in memory compares what both do"

Row = dict[str, Any]


class Yard:
    """The database, our engine on it, and the repositories of the others."""

    def __init__(self, root: Path, size_mb: int) -> None:
        self.root = root
        self.vaults, self.media = root / "vaults", root / "media"
        self.vaults.mkdir()
        self.media.mkdir()
        self.database = self.vaults / NAME
        self.engine = SqliteEngine(Instance(name="bench", engine="sqlite", address=str(self.vaults)))
        self.environment = {
            **os.environ,
            "RESTIC_PASSWORD": "bench",
            "RESTIC_CACHE_DIR": str(root / "restic-cache"),
            "BORG_BASE_DIR": str(root / "borg-home"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        vault.create(self.database, size_mb)

    def run(self, *arguments: object) -> None:
        subprocess.run(list(map(str, arguments)), check=True, env=self.environment, stdout=subprocess.DEVNULL)

    def take(self, name: str, base: BackupSet | None = None, **settings: Any) -> BackupSet:
        kind = BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL
        request = BackupRequest(
            database=NAME,
            kind=kind,
            directory=str(self.media),
            file_name=name,
            description="bench",
            base=base,
            overwrite=True,
        )
        return self.engine.backup(replace(request, **settings)).backup_set

    def plain_copy(self) -> None:
        (self.root / "plain.db").unlink(missing_ok=True)
        self.run("sqlite3", self.database, f".backup {self.root / 'plain.db'}")

    def zstd(self) -> None:
        self.run("zstd", "-q", "-f", "-1", "-T2", self.database, "-o", self.root / "plain.zst")

    def new_restic(self) -> None:
        shutil.rmtree(self.root / "restic", ignore_errors=True)
        self.run("restic", "init", "-q", "--repository-version", "2", "-r", self.root / "restic")

    def new_borg(self) -> None:
        shutil.rmtree(self.root / "borg", ignore_errors=True)
        self.run("borg", "init", "-e", "none", self.root / "borg")

    def keep(self, name: str) -> None:
        """Remember a repository as it is, with its tool's own cache of it, for `put_back`."""
        for part in (name, CACHES[name]):
            shutil.copytree(self.root / part, self.root / f"{part}-kept")

    def put_back(self, name: str) -> None:
        for part in (name, CACHES[name]):
            shutil.rmtree(self.root / part)
            shutil.copytree(self.root / f"{part}-kept", self.root / part)

    def restic(self) -> None:
        self.run("restic", "backup", "-q", "--compression", "auto", "-r", self.root / "restic", self.database)

    def borg(self) -> None:
        self.run("borg", "create", f"{self.root / 'borg'}::{time.time_ns()}", self.database)


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def warm(path: Path) -> None:
    with path.open("rb", buffering=0) as stream:
        while stream.read(1 << 22):
            pass


def alternate(
    actions: dict[str, Callable[[], object]],
    reads: Sequence[Path],
    rounds: int = ROUNDS,
    prepare: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> dict[str, float]:
    """Run all actions in turn, once to warm up and then `rounds` times, and give each one's median seconds.

    What `prepare` has for an action is done before it, untimed. The files in `reads` are then in memory for each of
    them: borg asks the system to forget what it has read, and whoever came next would pay for that.
    """
    times: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            if name in prepare:
                prepare[name]()
            for path in reads:
                warm(path)
            os.sync()  # nobody pays for what another left to be written
            seconds = timed(action)
            if number:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def row(name: str, ours: float, other: float, unit: str, limit: float | None, note: str = "") -> Row:
    return {
        "name": name,
        "ours": round(ours, 3),
        "other": round(other, 3),
        "unit": unit,
        "ratio": round(ours / other, 3) if other else None,
        "limit": limit,
        "note": note,
    }


def full_rows(yard: Yard) -> list[Row]:
    times = alternate(
        {
            "ours": lambda: yard.take("full.bak"),
            "unchecked": lambda: yard.take("unchecked.bak", check_structure=False),
            "zstd": yard.zstd,
            ".backup": yard.plain_copy,
            "restic": yard.restic,
            "borg": yard.borg,
        },
        reads=[yard.database],
        prepare={"restic": yard.new_restic, "borg": yard.new_borg},
    )
    ours = times["ours"]
    either = {"either": "full"}
    size, zstd = (yard.media / "full.bak").stat().st_size, (yard.root / "plain.zst").stat().st_size
    return [
        row("full / sqlite3 .backup", ours, times[".backup"], "s", 0.8, "this or the next must hold") | either,
        row("full / zstd -1 -T2", ours, times["zstd"], "s", 1.6, "this or the one before must hold") | either,
        row("full without the structure check / zstd -1 -T2", times["unchecked"], times["zstd"], "s", None, SYNCED),
        row("full / restic, first run", ours, times["restic"], "s", 1.0),
        row("full / borg, first run", ours, times["borg"], "s", 1.0),
        row("full size / zstd -1", size / 2**20, zstd / 2**20, "MiB", 1.1),
    ]


def in_memory_rows(size_mb: int) -> list[Row]:
    """A full beside zstd where neither waits for a disk, so that the ratio is that of the two programs."""
    if not MEMORY.is_dir():
        return []
    with _yard(size_mb, MEMORY) as yard:
        times = alternate(
            {
                "ours": lambda: yard.take("full.bak"),
                "unchecked": lambda: yard.take("unchecked.bak", check_structure=False),
                "zstd": yard.zstd,
            },
            reads=[yard.database],
        )
    name = "zstd -1 -T2, all files in memory"
    return [
        row(f"full / {name}", times["ours"], times["zstd"], "s", 1.6),
        row(f"full without the structure check / {name}", times["unchecked"], times["zstd"], "s", 1.2),
    ]


def _added(path: Path) -> int:
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())


def incremental_rows(yard: Yard, full: BackupSet) -> list[Row]:
    """Change 1% of the pages, then time the second runs; the repositories hold the state before."""
    for name in ("restic", "borg"):
        yard.keep(name)
    vault.scatter(yard.database, CHANGED)
    times = alternate(
        {
            "ours": lambda: yard.take("incremental.bak", full),
            ".backup": yard.plain_copy,
            "restic": yard.restic,
            "borg": yard.borg,
        },
        reads=[yard.database],
        prepare={name: partial(yard.put_back, name) for name in ("restic", "borg")},
    )
    added = {name: _added(yard.root / name) - _added(yard.root / f"{name}-kept") for name in ("restic", "borg")}
    ours, whole = times["ours"], yard.database.stat().st_size
    size = (yard.media / "incremental.bak").stat().st_size
    said = ", ".join(f"{name} adds {bytes_ / whole:.1%}" for name, bytes_ in added.items())
    return [
        row("incremental / sqlite3 .backup", ours, times[".backup"], "s", 0.35, "1% of the pages, scattered"),
        row("incremental / restic, second run", ours, times["restic"], "s", 0.25),
        row("incremental / borg, second run", ours, times["borg"], "s", 0.25),
        row("incremental size / database", size / 2**20, whole / 2**20, "MiB", 0.012, said),
    ]


def restore_rows(yard: Yard, chain: Sequence[BackupSet]) -> list[Row]:
    target = yard.database

    def shell() -> None:
        yard.run("sqlite3", target, f".restore {yard.root / 'plain.db'}")

    request = RestoreRequest(database=NAME, sets=chain)
    times = alternate(
        {"ours": lambda: yard.engine.restore(request), "shell": shell},
        reads=[*(Path(one.path) for one in chain), yard.root / "plain.db"],
        rounds=max(3, ROUNDS // 2),
    )
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    return [row("restore full + incremental / sqlite3 .restore", times["ours"], times["shell"], "s", 1.35)]


MEASURE = """
import os, resource, sys
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite import worker
ended = os._exit
def note(status):
    sys.stderr.write(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\\n")
    sys.stderr.flush()
    ended(status)
os._exit = note
worker.main()
"""


def _peak_kb(operation: str, given: dict[str, object]) -> int:
    """Run one request in a worker and give its peak resident memory."""
    request = {"operation": operation, "given": given, "limit_s": None, "limits": {}}
    worker = subprocess.Popen(
        [*command("x")[:-2], "-c", MEASURE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stderr is not None
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    answers = worker.stdout.read().splitlines()
    assert "result" in json.loads(answers[-1]), answers[-1]
    peak = int(worker.stderr.read().split()[-1])
    worker.stdin.close()
    worker.wait()
    return peak


def memory_rows(yard: Yard, full: BackupSet, incremental: BackupSet) -> list[Row]:
    idle = _peak_kb("looks", {"paths": []})

    def order(name: str, base: BackupSet | None = None) -> dict[str, object]:
        kind = BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL
        return yard.engine._order(
            BackupRequest(
                database=NAME, kind=kind, directory=str(yard.media), file_name=name, description="", base=base
            )
        )

    sets = [recorded(one) for one in (full, incremental)]
    target = {"address": str(yard.database.parent), "database": yard.database.name}
    restore: dict[str, object] = {**target, "sets": sets, "token": process.new_token(), "create_if_missing": False}
    peaks = {
        "full": _peak_kb("backup", order("memory-full.bak")),
        "incremental": _peak_kb("backup", order("memory-incremental.bak", full)),
        "verify": _peak_kb("verify", {"path": full.path, "set": recorded(full), "keys": {}}),
        "restore": _peak_kb("restore", restore),
    }
    return [
        row(f"memory of {name}, over an idle worker", (peak - idle) / 1024, 200, "MiB", 1.0, f"idle {idle // 1024} MiB")
        for name, peak in peaks.items()
    ]


@contextmanager
def writing(path: Path) -> Iterator[Callable[[], dict[str, float]]]:
    """Commit 200 times a second in another process; the function given stops it and gives its figures."""
    writer = subprocess.Popen(
        [sys.executable, str(WRITER), str(path), "0.005", "none", "sqlite3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"

    def stop() -> dict[str, float]:
        figures: dict[str, float] = json.loads(writer.communicate()[0])
        return figures

    try:
        yield stop
    finally:
        writer.kill()
        writer.communicate()


def writer_rows(yard: Yard) -> list[Row]:
    longest, commits = 0.0, 0.0
    for _ in range(max(2, ROUNDS // 2)):
        with writing(yard.database) as stop:
            taken = yard.take("written.bak")
            figures = stop()
        longest, commits = max(longest, figures["longest_s"]), commits + figures["commits"]
    yard.engine.restore(RestoreRequest(database=NAME, sets=[taken]))
    with closing(sqlite3.connect(yard.database)) as connection:
        balance = connection.execute("SELECT sum(balance) FROM ledger").fetchone()[0]
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
    assert (balance, whole) == (0, "ok"), "the restored copy is no transaction boundary"
    note = f"{commits:.0f} commits at 200/s while fulls ran; restored: ledger sums to {balance}, integrity {whole}"
    return [row("longest commit during a full", longest * 1000, 250, "ms", 1.0, note)]


@contextmanager
def _yard(size_mb: int, parent: Path | None = None) -> Iterator[Yard]:
    """Make a yard in a directory of its own, and remove both afterwards."""
    root = Path(tempfile.mkdtemp(prefix="pwsops-bench-", dir=parent))
    try:
        yield Yard(root, size_mb)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def run(size_mb: int = SIZE_MB) -> list[Row]:
    """Run everything and give the table's rows."""
    with _yard(size_mb) as yard:
        table = full_rows(yard)
        full = yard.engine.read_media(str(yard.media / "full.bak"))[0]
        table += incremental_rows(yard, full)
        incremental = yard.engine.read_media(str(yard.media / "incremental.bak"))[0]
        table += restore_rows(yard, [full, incremental])
        table += memory_rows(yard, full, incremental)
        table += writer_rows(yard)
    return table + in_memory_rows(size_mb)
