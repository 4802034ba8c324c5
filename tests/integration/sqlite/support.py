"""What the tests of the embedded engine share."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from benchmarks import vault
from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest, BackupResult, Progress
from pwsops.engines.sqlite import backup
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.report import Report
from pwsops.rules.model import BackupKind, BackupSet

HERE = Path(__file__).parent
SILENT = Report(lambda values: None)
Play = Callable[..., None]
"""Is given scripts that are run in place of the next workers; the last one also for those after them."""


class Place:
    """An instance's directory, a directory for media, and short cuts to both."""

    def __init__(self, root: Path, options: Mapping[str, object]) -> None:
        self.keys: dict[str, bytes] = {}
        """What the certificate store has: private keys by thumbprint."""
        self.vaults, self.media = root / "vaults", root / "media"
        self.vaults.mkdir()
        self.media.mkdir()
        instance = Instance(name="test", engine="sqlite", address=str(self.vaults), options=options)
        self.engine = SqliteEngine(replace(instance, private_keys=self.keys.get))

    def follow_links(self) -> None:
        """Have the instance follow links, which it does only where it is told to."""
        instance = self.engine.instance
        self.engine = SqliteEngine(replace(instance, options={**instance.options, "follow_links": True}))

    def path(self, name: str = "db.sqlite3") -> Path:
        return self.vaults / name

    def vault(self, name: str = "db.sqlite3", *, size_mb: int = 1, journal_mode: str = "WAL") -> Path:
        vault.create(self.path(name), size_mb, journal_mode=journal_mode)
        return self.path(name)

    def request(self, name: str = "one.bak", *, base: BackupSet | None = None, **more: Any) -> BackupRequest:
        given: dict[str, Any] = {
            "database": "db.sqlite3",
            "kind": BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL,
            "directory": str(self.media),
            "file_name": name,
            "description": "pwsops run 1",
            "base": base,
        }
        return BackupRequest(**(given | more))

    def take(self, name: str = "one.bak", *, base: BackupSet | None = None, **more: Any) -> BackupResult:
        return self.engine.backup(self.request(name, base=base, **more))

    def left_in_media(self) -> list[str]:
        """Everything in the media directory, hidden files too, without the recovery kit."""
        return sorted(entry.name for entry in self.media.iterdir() if entry.name not in ("recover.py", "RECOVER.md"))

    def left_in_vaults(self) -> list[str]:
        return sorted(entry.name for entry in self.vaults.iterdir())


def order(
    path: Path, directory: Path, name: str, *, base: Mapping[str, Any] | None = None, **more: Any
) -> backup.Order:
    """An order for a backup in this very process."""
    return backup.Order(
        database=path.name,
        path=str(path),
        directory=str(directory),
        file_name=name,
        description="pwsops run 1",
        set_id=str(uuid.uuid4()),
        started_at="2026-03-01T00:00:00+00:00",
        token=uuid.uuid4().hex,
        base_path=base and base["path"],
        base_id=base and base["set_id"],
        base_digest=base and base["details"]["digest"],
        **more,
    )


def cancelling(phase: str = "playing") -> dict[str, Any]:
    """Return what makes an operation be cancelled when its worker speaks of that phase."""
    cancel = Event()

    def on_progress(progress: Progress) -> None:
        if progress.phase == phase and progress.done_bytes >= progress.total_bytes:
            cancel.set()

    return {"on_progress": on_progress, "cancel": cancel}


def query(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def is_whole(path: Path) -> None:
    """Assert that a vault is a transaction boundary."""
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "SELECT sum(balance) FROM ledger") == [(0,)]
    inward = "(SELECT total(amount) FROM moves WHERE target = account)"
    outward = "(SELECT total(amount) FROM moves WHERE source = account)"
    assert query(path, f"SELECT account FROM ledger WHERE balance != {inward} - {outward}") == []


@contextmanager
def writing(
    path: Path, *, every_s: float = 0.005, checkpoint: str = "none", library: str = "sqlite3"
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Keep a process writing; the function given stops it and gives its count and longest commit."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "ledger_writer.py"), str(path), str(every_s), checkpoint, library],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def stop() -> dict[str, Any]:
        out, _ = process.communicate()
        answer: dict[str, Any] = json.loads(out)
        return answer

    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield stop
    finally:
        process.kill()
        process.communicate()


@contextmanager
def elsewhere(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a script in another process until it says it is ready; it ends when its standard input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2].split(";"):
    held.execute(statement).fetchall()
print("ready", flush=True)
sys.stdin.read()
"""
"""Runs statements on a database and keeps the connection."""


def is_locked(path: Path) -> bool:
    """Whether another process finds the database locked for writing."""
    script = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
        "try:\n    c.execute('BEGIN IMMEDIATE')\nexcept sqlite3.OperationalError:\n    sys.exit(7)\n"
    )
    return subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 7
