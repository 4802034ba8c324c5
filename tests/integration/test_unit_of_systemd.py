"""The unit for systemd: valid, as tight as it can be, and what it forbids is not needed.

It is not started here: that takes a machine whose first process is systemd. What can be had without is tried: its
worth by systemd's own measure, and backups where memory is never both written and executed.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command_line import PATIENCE_S, environment
from tests.needs import require

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "pwsops.service"
EXPOSED_AT_MOST = 20
"""Of 100, by systemd's measure; 15 were measured. What is left: it uses the network, and files of other users."""
_SET_MDWE, _GET_MDWE = 65, 66


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_the_unit_gives_the_service_nothing_but_its_home() -> None:
    told = settings()
    assert not {"ReadWritePaths", "ReadWriteDirectories", "BindPaths"} & set(told)
    wanted = {
        "User": "pwsops", "StateDirectory": "pwsops", "StateDirectoryMode": "0700", "UMask": "0077",
        "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
        "CapabilityBoundingSet": "", "AmbientCapabilities": "", "MemoryDenyWriteExecute": "yes",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "LimitCORE": "0", "Restart": "on-failure",
        "LoadCredential": "pwsops.key:/etc/pwsops/secret.key",
    }  # fmt: skip
    assert {key: told.get(key) for key in wanted} == {key: [value] for key, value in wanted.items()}
    assert told["SystemCallFilter"][0] == "@system-service"
    assert int(told["LimitNOFILE"][0]) >= 65536


@pytest.fixture
def analyze(tmp_path: Path) -> list[str]:
    """`systemd-analyze`, and the unit with a program that is there."""
    found = require("systemd-analyze", shutil.which("systemd-analyze"), "apt-get install systemd")
    program = tmp_path / "pwsops"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/pwsops/.venv/bin/pwsops", str(program)))
    return [found, str(unit)]


def done(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout + told.stderr


def test_systemd_finds_no_fault_with_the_unit(analyze: list[str]) -> None:
    program, unit = analyze
    assert done(program, "verify", "--man=no", unit).strip() == ""


def test_systemd_calls_the_unit_hardly_exposed(analyze: list[str]) -> None:
    program, unit = analyze
    done(program, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSED_AT_MOST}", unit)


UNDER_MDWE = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({_SET_MDWE}, 1, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_backups_run_where_memory_is_never_both_written_and_executed(tmp_path: Path) -> None:
    if ctypes.CDLL(None).prctl(_GET_MDWE, 0, 0, 0, 0) < 0:
        pytest.skip("this kernel cannot forbid it to one process: that takes Linux 6.3")
    home = environment(PWSOPS_HOME=str(tmp_path / "home"))
    made = "profile create p --instance samples --database family-vault.sqlite3 --every 1d --inactive --directory"
    for words in (["sample"], [*made.split(), str(tmp_path)], ["run", "p", "--here"]):
        command = [sys.executable, "-c", UNDER_MDWE, "-m", "pwsops", *words]
        told = subprocess.run(command, capture_output=True, text=True, env=home, cwd=tmp_path, timeout=PATIENCE_S)
        assert told.returncode == 0, told.stdout + told.stderr
