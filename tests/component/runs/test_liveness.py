from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from pwsops.file_locks import is_held
from pwsops.runs.liveness import Liveness

HOLD = """
import sys
from pathlib import Path
from pwsops.runs.liveness import Liveness
liveness = Liveness(Path(sys.argv[1]))
print(liveness.token, flush=True)
sys.stdin.readline()
"""


def test_one_is_alive_until_it_closes(tmp_path: Path) -> None:
    mine, other = Liveness(tmp_path), Liveness(tmp_path)
    assert mine.is_alive(mine.token)
    assert mine.is_alive(other.token)
    other.close()
    assert not mine.is_alive(other.token)
    mine.close()
    assert not mine.is_alive(mine.token)
    assert list((tmp_path / "processes").iterdir()) == []


def test_nobody_and_a_stranger_are_not_alive(tmp_path: Path) -> None:
    liveness = Liveness(tmp_path)
    assert not liveness.is_alive(None)
    assert not liveness.is_alive("0" * 32)
    assert len(list((tmp_path / "processes").iterdir())) == 1
    liveness.close()


def test_a_killed_process_is_seen_to_be_dead_and_its_file_goes(tmp_path: Path) -> None:
    mine = Liveness(tmp_path)
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        assert mine.is_alive(token)
        process.kill()
        process.wait(60)
        assert not mine.is_alive(token)
    assert not (tmp_path / "processes" / f"{token}.lock").exists()
    mine.close()


def test_those_who_ask_at_once_do_not_take_each_other_for_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.lock"
    path.touch()
    together = threading.Barrier(4, timeout=60)

    def ask(_: int) -> bool:
        together.wait()
        return any(is_held(path) for _ in range(500))

    with ThreadPoolExecutor(4) as pool:
        assert not any(pool.map(ask, range(4)))


def test_a_link_in_the_place_of_a_lock_file_is_held_by_nobody(tmp_path: Path) -> None:
    with FileLock(tmp_path / "elsewhere.lock"):
        (tmp_path / "scheduler.lock").symlink_to(tmp_path / "elsewhere.lock")
        assert is_held(tmp_path / "elsewhere.lock")
        assert not is_held(tmp_path / "scheduler.lock")


def test_what_cannot_be_asked_whether_it_is_held_is_not_taken_for_free(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        is_held(tmp_path / "file" / "scheduler.lock")


def test_asking_makes_no_file(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "scheduler.lock")
    assert list(tmp_path.iterdir()) == []
