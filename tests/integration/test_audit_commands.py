"""`pwsops audit`, and a log that several processes write at once."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pwsops.catalogue.store import FILE_NAME
from pwsops.operations import Principal, open_operations
from pwsops.rules.audit import AuditState
from tests.integration.command_line import CommandLine, Driver

WRITER = """
import sys
from pathlib import Path
from pwsops.operations import open_operations
ops = open_operations(Path(sys.argv[1]), actor=sys.argv[2])
for number in range(int(sys.argv[3])):
    ops.audit.record("test", f"thing {number}")
ops.close()
"""
EACH = 20


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    ops = open_operations(tmp_path / "home", actor="ann")
    for number in range(3):
        ops.audit.record("test", f"thing {number}")
    ops.acting_as(lambda: Principal(name="bob")).audit.record("sign-in failed", "bob")
    ops.close()
    return tmp_path / "home"


@pytest.fixture
def line(home: Path, driver: Driver) -> CommandLine:
    return CommandLine(home, cwd=home.parent, driver=driver)


def test_entries_are_listed_by_who_what_on_what_and_when(line: CommandLine) -> None:
    def subjects(*options: str) -> list[str]:
        return [row["subject"] for row in line.rows("audit", "list", *options)]

    assert subjects() == ["bob", "thing 2", "thing 1", "thing 0"]
    assert subjects("--limit", "1") == ["bob"]
    assert subjects("--actor", "BOB") == ["bob"]
    assert subjects("--action", "test", "--subject", "1") == ["thing 1"]
    assert subjects("--from", "2020-01-01", "--to", "2020-01-02", "--timezone", "UTC") == []
    assert "As user" in line.done("audit", "list")


def test_a_whole_log_is_verified_with_what_it_was_compared_with(line: CommandLine) -> None:
    said = line.done("audit", "verify")
    assert "The audit log is whole: 4 entries" in said
    assert f"Compared with 4 heads in {line.home / 'audit-heads.log'}." in said
    assert "The newest digest, of entry 4: " in said


def test_a_log_that_is_not_what_was_written_ends_the_command_with_a_code_of_its_own(
    line: CommandLine, home: Path
) -> None:
    with closing(sqlite3.connect(home / FILE_NAME)) as connection, connection:
        connection.execute("DROP TRIGGER audit_is_append_only_delete")
        connection.execute("DELETE FROM audit WHERE id > 2")
    found = line.run("audit", "verify")
    assert (found.returncode, "The log was cut at its end: its last entry is 2" in found.stdout) == (3, True)
    (told,) = json.loads(line.run("audit", "verify", "--json").stdout)
    assert (told["state"], [one["kind"] for one in told["findings"]]) == ("changed", ["cut"])


def test_a_lost_key_is_told_apart_and_another_can_be_begun(line: CommandLine, home: Path) -> None:
    (home / "secret.key").unlink()
    (home / "audit.toml").write_text("nonsense")
    found = line.run("audit", "verify")
    assert (found.returncode, "Each of the entries 1 to 4 cannot be checked" in found.stdout) == (4, True)
    assert "audit.toml cannot be used" in found.stderr
    assert line.run("audit", "new-key").returncode == 1
    assert "is gone" in line.run("audit", "new-key", "--yes").stderr
    (home / "secret.key").write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    (home / "secret.key").chmod(0o600)
    (home / "audit.toml").write_text("since = 2020-01-01T00:00:00Z")
    assert "key 2 of the log" in line.done("audit", "new-key", "--yes")
    found = line.run("audit", "verify")
    assert (found.returncode, "`since` in audit.toml counts no more" in found.stderr) == (4, True)


def test_what_is_acknowledged_has_a_reason_and_is_not_whole(line: CommandLine, home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.log"
    kept.write_bytes((home / "audit-heads.log").read_bytes())
    assert "There is nothing to acknowledge" in line.run("audit", "acknowledge", "--reason", "x", "--yes").stderr
    with closing(sqlite3.connect(home / FILE_NAME)) as connection, connection:
        connection.execute("DROP TRIGGER audit_is_append_only_delete")
        connection.execute("DELETE FROM audit WHERE id > 2")
    assert line.run("audit", "acknowledge", "--reason", "a copy was put back").returncode == 1, "nobody said yes"
    assert "It stands in the log" in line.done("audit", "acknowledge", "--reason", "a copy was put back", "--yes")
    found = line.run("audit", "verify")
    assert (found.returncode, "contradict this log" in found.stdout) == (4, True)
    found = line.run("audit", "verify", "--heads", str(kept))
    assert (found.returncode, "of entry 4, of " in found.stdout) == (3, True), "a copy has no head of the entry"


def test_several_processes_write_one_log_without_a_gap(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_operations(home, actor="ann").close()
    command = [sys.executable, "-c", WRITER, str(home)]
    writers = [subprocess.Popen([*command, name, str(EACH)]) for name in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    ops = open_operations(home, actor="ann")
    found = ops.audit.verify()
    assert (found.state, found.entries, found.last) == (AuditState.WHOLE, 2 * EACH, 2 * EACH)
    ops.close()
