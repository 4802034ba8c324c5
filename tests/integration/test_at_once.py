"""Processes that do the same at the same time on one home."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pwsops.catalogue import Catalogue
from tests.clocks import NOON
from tests.homes import opened_home


def test_processes_that_open_a_new_home_at_once_all_succeed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pwsops.catalogue import Catalogue\n"
        "sys.stdin.readline(); Catalogue(Path(sys.argv[1])).close()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "home")]
    with_pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": Path.cwd(), "env": os.environ}
    processes = [subprocess.Popen(command, **with_pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
    Catalogue(tmp_path / "home").close()


def test_processes_that_claim_at_once_make_one_run_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
import sys
from datetime import datetime
from pathlib import Path
from pwsops.catalogue import Catalogue, claims
catalogue = Catalogue(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    with catalogue.write() as connection:
        claims.claim(connection, now=datetime.fromisoformat(sys.argv[2]), owner=sys.argv[3])
catalogue.close()
"""
    due = NOON + timedelta(hours=1)
    with opened_home(tmp_path / "home", monkeypatch) as home:
        for number in range(20):
            home.add(name=f"p{number}")
        command = [sys.executable, "-c", program, str(home.path), due.isoformat()]
        pipes: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "cwd": Path.cwd(),
            "env": os.environ,
        }
        processes = [subprocess.Popen([*command, str(number)], **pipes) for number in range(2)]
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            process.communicate(b"\n", timeout=60)
            assert process.returncode == 0
        assert [(run.status.value, run.due_at) for run in home.ops.runs.list()] == [("queued", due)] * 20
