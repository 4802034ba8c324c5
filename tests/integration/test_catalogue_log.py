"""The catalogue's log is moved into its file by nothing but ourselves, and never while somebody may commit."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from pwsops.catalogue import Catalogue, checkpoint
from pwsops.catalogue.schema import settings

WRITE = """
import sys, time
from pathlib import Path
from sqlalchemy import insert, select, func
from pwsops.catalogue import Catalogue, checkpoint
from pwsops.catalogue.schema import settings
checkpoint.LOG_BYTES = 64 << 10
catalogue = Catalogue(Path(sys.argv[1]))
end, number, largest = time.monotonic() + float(sys.argv[3]), 0, 0
print("ready", flush=True)
sys.stdin.readline()
while number < 40 or time.monotonic() < end:
    with catalogue.write() as connection:
        connection.execute(insert(settings).values(key=f"{sys.argv[2]}-{number}", value="x" * 3000))
    with catalogue.read() as connection:
        connection.execute(select(func.count()).select_from(settings)).scalar()
    catalogue.version()
    largest = max(largest, Path(f"{catalogue.path}-wal").stat().st_size)
    number += 1
catalogue.close()
print(number, largest)
"""


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    monkeypatch.setattr(checkpoint, "LOG_BYTES", 64 << 10)
    opened = Catalogue(tmp_path / "home")
    yield opened
    opened.close()


def log(catalogue: Catalogue) -> Path:
    return Path(f"{catalogue.path}-wal")


def fill(catalogue: Catalogue, rows: int, mark: str = "") -> int:
    """Write rows of about a page each; return how large the log became."""
    largest = 0
    for number in range(rows):
        with catalogue.write() as connection:
            connection.execute(insert(settings).values(key=f"{mark}{number}", value="x" * 3000))
        largest = max(largest, log(catalogue).stat().st_size)
    return largest


def test_processes_that_write_at_once_leave_a_whole_catalogue_and_a_small_log(tmp_path: Path, stress_s: float) -> None:
    home = tmp_path / "home"
    Catalogue(home).close()
    command = [sys.executable, "-c", WRITE, str(home)]
    processes = [
        subprocess.Popen(
            [*command, str(number), str(stress_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path.cwd(),
            env=os.environ,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("\n", timeout=stress_s + 120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (sum(int(n) for n, _ in answers),)
    assert max(int(largest) for _, largest in answers) < 40 * (64 << 10)


def test_the_log_does_not_grow_without_end(catalogue: Catalogue) -> None:
    assert fill(catalogue, 200) < 4 * checkpoint.LOG_BYTES


def test_no_connection_moves_the_log_by_itself(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint.Checkpoints, "after_commit", lambda self: None)
    with catalogue.read() as connection:
        assert connection.execute(text("PRAGMA wal_autocheckpoint")).scalar() == 0
    fill(catalogue, 1200)
    # SQLite's own default would have moved it at 1,000 pages, and the log would have started over.
    assert log(catalogue).stat().st_size > 1200 * 4096


def test_the_log_is_moved_while_the_write_lock_is_held(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    class Watched(sqlite3.Connection):
        def execute(self, statement: str, *more: object) -> sqlite3.Cursor:
            if "wal_checkpoint" in statement:
                with closing(sqlite3.connect(catalogue.path, timeout=0, isolation_level=None)) as other:
                    try:
                        other.execute("BEGIN IMMEDIATE")
                    except sqlite3.OperationalError:
                        held.append(True)
            return super().execute(statement, *more)  # type: ignore[arg-type]

    real = sqlite3.connect
    monkeypatch.setattr(checkpoint.sqlite3, "connect", lambda path, **more: real(path, **{"factory": Watched, **more}))
    fill(catalogue, 60)
    assert held
    assert all(held)


def test_a_reader_that_stays_keeps_the_log_and_not_the_writers(catalogue: Catalogue) -> None:
    with catalogue.read() as connection:
        connection.execute(select(func.count()).select_from(settings)).scalar()
        assert fill(catalogue, 100) > 2 * checkpoint.LOG_BYTES
    fill(catalogue, 100, "later")
    assert log(catalogue).stat().st_size < 4 * checkpoint.LOG_BYTES


def test_a_checkpoint_that_fails_fails_no_commit(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: checkpoint.Checkpoints, wait_s: float) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(checkpoint.Checkpoints, "_run", broken)
    fill(catalogue, 40)
    with catalogue.read() as connection:
        assert connection.execute(select(func.count()).select_from(settings)).scalar() == 40


def test_closing_moves_the_log_only_where_nobody_else_has_the_file_open(tmp_path: Path) -> None:
    first, second = Catalogue(tmp_path), Catalogue(tmp_path)
    fill(first, 5)
    with second.read():
        before = first.path.read_bytes()
        first.close()
        assert second.path.read_bytes() == before
    second.close()
    assert not log(second).exists()
