"""The product as a person has it: commands in processes of their own, a server in another, and no password in sight."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyodbc
import pytest

from tests.integration.command_line import PATIENCE_S, CommandLine, environment
from tests.integration.command_line import Driver as Commands
from tests.standin.drivers import Driver

PASSWORD = "Kein.Wort-davon;'7"
"""Without the brace that FreeTDS cannot be told; `test_connecting.py` has those."""
DIRECTORY = "D:\\Backup"


@dataclass
class Server:
    """A stand-in in a process of its own."""

    address: str
    driver: Driver

    def do(self, statement: str) -> list[Any]:
        """Do something on it behind the product's back, as the same login."""
        with closing(pyodbc.connect(self.words(), autocommit=True)) as connection:
            cursor = connection.execute(statement)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            while cursor.nextset():
                pass
            return rows

    def words(self) -> str:
        return self.driver.string(self, "pwsops", f"{{{PASSWORD}}}")

    def rows(self) -> int:
        return int(self.do("SELECT COUNT(*) FROM vault.dbo.notes")[0][0])


@contextmanager
def serving(driver: Driver, log: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.standin", "--password", PASSWORD, "--log", str(log)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip(), driver)
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


@dataclass
class Place:
    """A home with the instance `main` on that server, and what all commands printed."""

    line: CommandLine
    server: Server
    log: Path
    printed: list[str]

    def done(self, *words: str, given: str = "") -> str:
        result = self.line.run(*words, given=given)
        self.printed += [result.stdout, result.stderr]
        assert result.returncode == 0, result.stderr
        return str(result.stdout)

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.done(*words, "--json"))
        return found

    def restore(self, file: str, *more: str) -> str:
        words = ("restore", "--instance", "main", "--database", "vault", "--file", file, "--yes", *more)
        return self.done(*words)


@pytest.fixture
def commands() -> Iterator[Commands]:
    one = Commands()
    yield one
    one.close()


@pytest.fixture
def place(driver: Driver, commands: Commands, tmp_path: Path) -> Iterator[Place]:
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=commands)
    with serving(driver, tmp_path / "log.json") as server:
        one = Place(line, server, tmp_path / "log.json", [])
        one.done(*adding(server), given=f"{PASSWORD}\n")
        yield one


def test_a_database_goes_from_its_first_backup_to_its_restore(place: Place) -> None:
    names = {row["name"]: row for row in place.rows("databases", "main")}
    assert {"vault", "orders", "staff", "master"} <= set(names)
    assert names["vault"]["exposure_s"] is None
    assert DIRECTORY in [row["path"] for row in place.rows("browse", "main", "D:\\")]
    place.done(
        *("profile", "create", "hourly", "--instance", "main", "--database", "vault", "--directory", DIRECTORY),
        *("--every", "1h", "--start", "2099-03-01T00:00", "--timezone", "Europe/Berlin", "--incremental"),
    )
    place.done("run", "hourly", "--here", "--kind", "full")
    place.server.do("INSERT INTO vault.dbo.notes (id, text) VALUES (100001, N'since the full')")
    before = place.server.rows()
    place.done("run", "hourly", "--here", "--kind", "incremental")
    place.server.do("DELETE FROM vault.dbo.notes")
    assert place.server.rows() == 0

    incremental, full = place.rows("runs", "--profile", "hourly")
    assert [run["status"] for run in (full, incremental)] == ["succeeded", "succeeded"]
    [item] = incremental["items"]
    assert (item["kind"], item["reason"]) == ("differential", "")
    [found] = place.rows("media", item["path"], "--instance", "main")
    [base] = place.rows("media", full["items"][0]["path"], "--instance", "main")
    assert found["base"] == base["set_id"]

    assert "Restored vault" in place.restore(item["path"])
    assert place.server.rows() == before
    assert "Restored vault" in place.restore(full["items"][0]["path"])
    assert place.server.rows() == before - 1
    [row] = [row for row in place.rows("databases", "main") if row["name"] == "vault"]
    assert row["exposure_s"] is not None
    check_told_well(place)
    check_no_password(place)


def check_told_well(place: Place) -> None:
    probe = place.done("instance", "probe", "main")
    for word in ("SQL Server 2022", "Developer Edition", "windows", "NT Service\\MSSQLSERVER", "sysadmin"):
        assert word in probe
    # What is at risk here, where no service runs, is amiss: the exit code says so.
    doctor = place.line.run("doctor")
    place.printed += [doctor.stdout, doctor.stderr]
    assert doctor.returncode == 1, doctor.stdout
    assert "Instance main" in doctor.stdout


def check_no_password(place: Place) -> None:
    """It is in nothing that was printed, kept, or sent as a statement."""
    for text in place.printed:
        assert PASSWORD not in text
    for path in place.line.home.rglob("*"):
        if path.is_file():
            kept = path.read_bytes()
            assert PASSWORD.encode() not in kept, path
            assert PASSWORD.encode("utf-16-le") not in kept, path


def test_no_password_is_in_the_list_of_processes_or_among_the_statements(
    driver: Driver, commands: Commands, tmp_path: Path
) -> None:
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=commands)
    with serving(driver, tmp_path / "log.json") as server:
        seen = watched(line, *adding(server), given=PASSWORD)
        assert any(b"instance\0add" in one for one in seen)
        # The stand-in's own command line has it, as a test's server may.
        assert not [one for one in seen if PASSWORD.encode() in one and b"tests.standin" not in one]
        as_login = ("--login", "pwsops", "--password-stdin")
        line.done(
            *("profile", "create", "p", "--instance", "main", "--database", "vault", "--directory", DIRECTORY),
            *("--every", "1d", "--start", "2099-03-01T00:00", *as_login),
            given=f"{PASSWORD}\n",
        )
        line.done("run", "p", "--here")
        [run] = line.rows("runs")
        file = run["items"][0]["path"]
        restore = ("restore", "--instance", "main", "--database", "vault", "--file", file, "--yes")
        line.done(*restore, *as_login, given=f"{PASSWORD}\n")
    sent = json.loads((tmp_path / "log.json").read_text())
    assert any(batch.startswith("BACKUP DATABASE [vault]") for batch in sent)
    assert any(batch.startswith("RESTORE DATABASE [vault]") for batch in sent)
    assert not [batch for batch in sent if PASSWORD in batch or PASSWORD.replace("'", "''") in batch]


def adding(server: Server) -> Sequence[str]:
    return (
        *("instance", "add", "main", "--engine", "sqlserver", "--address", server.address),
        *("--driver", server.driver.id, "--trust-server-certificate", "--login", "pwsops", "--password-stdin"),
    )


def watched(line: CommandLine, *words: str, given: str) -> set[bytes]:
    """Run a command in a process of its own, and give the command lines of all processes that there were meanwhile."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    seen: set[bytes] = set()
    with subprocess.Popen(line.arguments(*words), env=environment(), **pipes) as process:
        assert process.stdin is not None
        process.stdin.write(f"{given}\n".encode())
        process.stdin.close()
        while process.poll() is None:
            seen |= command_lines()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
    assert process.returncode == 0
    return seen


def command_lines() -> set[bytes]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(entry.read_bytes())
        except OSError:
            continue
    return found


def test_each_backup_of_a_file_that_management_studio_appended_to_can_be_restored(place: Place) -> None:
    path = f"{DIRECTORY}\\ssms.bak"
    counts = []
    for number in range(4):
        place.server.do(f"INSERT INTO vault.dbo.notes (id, text) VALUES ({200_000 + number}, N'number {number}')")
        counts.append(place.server.rows())
        kind = "DIFFERENTIAL, " if number in (1, 2) else ""
        place.server.do(
            f"BACKUP DATABASE vault TO DISK = N'{path}' WITH {kind}NOFORMAT, NOINIT, NAME = N'vault-{number}'"
        )
    listed = place.rows("media", path, "--instance", "main")
    assert [(one["position"], one["kind"]) for one in listed] == [
        (1, "full"),
        (2, "differential"),
        (3, "differential"),
        (4, "full"),
    ]
    for one, rows in sorted(zip(listed, counts, strict=True), key=lambda pair: -pair[1]):
        place.restore(path, "--set", str(one["position"]), "--accept-unrecorded")
        assert place.server.rows() == rows
