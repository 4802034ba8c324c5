"""Killed, cancelled or out of time: no torn media, nothing left behind, and an answer that says what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pwsops.engines.requests import Progress, RestoreRequest
from pwsops.engines.sqlite import files, listing
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.media import Unreadable
from pwsops.engines.sqlite.process import Worker, as_error
from pwsops.errors import Cancelled, EngineError, MediaError
from tests.clocks import joined
from tests.integration.sqlite.support import HERE, Place, is_whole

SLOW: dict[str, object] = {"slice_s": 0, "busy_s": 0.3}
"""With no time in a slice, a backup of a rollback-journal database rests a quarter second before each 2 MiB."""


def slow(place: Place) -> SqliteEngine:
    """Make a vault whose backup takes seconds, and the engine for it."""
    place.vault(size_mb=24, journal_mode="DELETE")
    return SqliteEngine(replace(place.engine.instance, options=SLOW))


def wait_until(condition: Callable[[], object], limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def workers(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            facts = (entry / "stat").read_text().rpartition(")")[2].split()
            if (
                entry.name.isdigit()
                and int(facts[1]) == parent
                and b"sqlite.worker" in (entry / "cmdline").read_bytes()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


PARENT = """
import sys
from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.media import Unreadable
from pwsops.rules.model import BackupKind
engine = SqliteEngine(Instance(name="x", engine="sqlite", address=sys.argv[1], options={"slice_s": 0}))
engine.backup(
    BackupRequest(
        database="db.sqlite3", kind=BackupKind.FULL, directory=sys.argv[2], file_name="one.bak",
        description="pwsops run 1"
    ),
    on_progress=lambda progress: print("ready", flush=True),
)
"""


def has_ended(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_a_killed_parent_takes_its_worker_along_and_leaves_no_media(place: Place) -> None:
    slow(place)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    command = [sys.executable, "-c", PARENT, str(place.vaults), str(place.media)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    [worker] = workers(parent.pid)
    parent.kill()
    parent.communicate()
    wait_until(lambda: has_ended(worker))
    assert place.left_in_media() == []
    settle = place.engine.find_backup
    assert settle(database="db.sqlite3", directory=str(place.media), description="pwsops run 1") is None


def test_a_killed_worker_is_a_clear_error_and_leaves_no_media(place: Place) -> None:
    engine = slow(place)

    def kill(progress: Progress) -> None:
        for pid in workers(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError, match=r"ended by signal 9") as failed:
        engine.backup(place.request(), on_progress=kill)
    assert failed.value.transient
    assert "memory" in failed.value.hint
    assert place.left_in_media() == []


def test_what_a_killed_machine_left_is_cleared_when_the_backup_is_settled(place: Place) -> None:
    place.vault()
    kept = place.take("kept.bak", description="pwsops run 8").backup_set
    leftover = place.media / files.temp_name("backup", files.key("db.sqlite3", "pwsops run 7"), "0" * 32)
    another = place.media / files.temp_name("backup", files.key("db.sqlite3", "pwsops run 9"), "0" * 32)
    leftover.write_bytes(b"torn")
    another.write_bytes(b"torn")
    settle = place.engine.find_backup
    assert settle(database="db.sqlite3", directory=str(place.media), description="pwsops run 7") is None
    assert place.left_in_media() == sorted([another.name, "kept.bak"])
    assert settle(database="db.sqlite3", directory=str(place.media), description="pwsops run 8") == kept


def test_a_backup_still_being_written_is_not_settled(place: Place) -> None:
    temp = place.media / files.temp_name("backup", files.key("db.sqlite3", "pwsops run 7"), "0" * 32)
    with files.temporary(str(temp)), pytest.raises(EngineError, match=r"still being written") as failed:
        place.engine.find_backup(database="db.sqlite3", directory=str(place.media), description="pwsops run 7")
    assert failed.value.transient
    assert place.left_in_media() == []


def test_a_directory_or_a_file_that_cannot_be_read_now_is_not_one_without_a_finished_backup(place: Place) -> None:
    """A share that is away, or gives errors, may have what a dead process finished."""
    place.vault()
    taken = place.take().backup_set
    asked = {"database": "db.sqlite3", "directory": str(place.media), "description": taken.description}
    away = place.media.with_name("away")
    place.media.rename(away)
    with pytest.raises(EngineError, match="cannot be looked into: No such file or directory") as refused:
        place.engine.find_backup(**asked)
    assert refused.value.transient
    away.rename(place.media)
    assert place.engine.find_backup(**asked) == taken


def test_a_file_that_cannot_be_opened_now_may_be_the_finished_backup(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    taken = place.take().backup_set
    (place.media / "0.bak").write_bytes(b"a stranger's")
    opened = listing.read_media

    def shut(path: str) -> list[dict[str, object]]:
        if path == taken.path:
            raise Unreadable("It cannot be read: I/O error.", hint="Look at the disk.", path=path)
        return opened(path)

    monkeypatch.setattr(listing, "read_media", shut)
    with pytest.raises(EngineError, match="I/O error") as refused:
        listing.find("db.sqlite3", str(place.media), "another run")
    assert refused.value.transient
    monkeypatch.setattr(listing, "read_media", opened)
    assert listing.find("db.sqlite3", str(place.media), "another run") is None


def test_cancelling_ends_soon_and_leaves_nothing(place: Place) -> None:
    engine, cancel = slow(place), Event()
    with pytest.raises(Cancelled, match=r"Backup of db.sqlite3 was cancelled"):
        engine.backup(place.request(), on_progress=lambda progress: cancel.set(), cancel=cancel)
    assert place.left_in_media() == []
    assert workers(os.getpid()) == []


def test_a_time_limit_ends_the_backup(place: Place) -> None:
    engine = slow(place)
    with pytest.raises(EngineError, match=r"did not end within 1 s"):
        engine.backup(place.request(time_limit_s=0.6))
    assert place.left_in_media() == []


def test_a_worker_ends_by_itself_when_its_parent_hangs(place: Place) -> None:
    engine = slow(place)
    order = engine._order(place.request())
    worker = Worker("backup", order, limits=SLOW, limit_s=-2.5, directories=[str(place.media)])
    with pytest.raises(EngineError, match=r"did not end within|status 75"):
        worker.run()
    assert place.left_in_media() == []


def test_a_restore_killed_in_the_middle_leaves_the_old_data(place: Place) -> None:
    path = place.vault(size_mb=24)
    taken = place.take().backup_set

    def kill(progress: Progress) -> None:
        if progress.phase == "restoring":
            for pid in workers(os.getpid()):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError, match=r"ended by signal 9"):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]), on_progress=kill)
    is_whole(path)
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_backups_of_several_threads_do_not_mix(place: Place) -> None:
    for number in range(3):
        place.vault(f"{number}.db")
    taken: dict[int, Any] = {}

    def take(number: int) -> None:
        taken[number] = place.take(f"{number}.bak", database=f"{number}.db").backup_set

    threads = [threading.Thread(target=take, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        joined(thread)
    assert {number: one.database for number, one in taken.items()} == {n: f"{n}.db" for n in range(3)}


def test_an_error_of_an_unknown_kind_is_an_engine_error() -> None:
    values = {"type": "Path", "message": "m", "hint": "h", "transient": False, "path": "/a.bak"}
    assert type(as_error(values)) is EngineError
    error = as_error({**values, "type": "MediaError"})
    assert (type(error), error.path) == (MediaError, "/a.bak")


def test_a_worker_that_cannot_start_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pwsops.engines.sqlite.process.command", lambda module: [sys.executable, "-c", "import not_there"]
    )
    with pytest.raises(EngineError, match=r"status 1 before it was done.*not_there"):
        place.engine.read_media("x")
