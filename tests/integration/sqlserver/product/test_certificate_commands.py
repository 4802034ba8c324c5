"""A certificate of a server by commands: listed, saved by a run, brought to another server. Passwords stay unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.integration.command_line import Driver as Commands
from tests.integration.sqlserver.product.home import LOGIN, PASSWORD, ROWS
from tests.standin.drivers import Driver
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn

SECRET, MASTER = "it's a S3cret, really", "The M4ster, indeed"
DIRECTORY = "D:\\Backup"


@dataclass
class Two:
    """A home with two servers, `here` and `there`; only the first has the certificate `keeper`."""

    line: CommandLine
    here: ScriptedServer
    there: ScriptedServer

    def bring(self) -> list[str]:
        """Carry all files of the directory from the one to the other, and give their paths."""
        paths = [f"{DIRECTORY}\\{name}" for name, _, _ in self.here.files.listing(DIRECTORY)]
        for path in paths:
            file = self.here.files.get(path)
            assert file is not None
            self.there.files.put(path, file.size_bytes, file.content)
        return paths


@pytest.fixture
def two(driver: Driver, tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        commands = Commands()
        stack.callback(commands.close)
        line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=commands)
        servers = {}
        for name in ("here", "there"):
            server = servers[name] = ScriptedServer()
            server.add_login(LOGIN, password=PASSWORD, roles={"sysadmin"})
            server.add_database("vault", rows=ROWS if name == "here" else [])
            server.files.make_directory(DIRECTORY)
            stand_in = stack.enter_context(StandIn(server))
            line.done(
                *("instance", "add", name, "--engine", "sqlserver", "--address", stand_in.address),
                *("--driver", driver.id, "--trust-server-certificate", "--login", LOGIN, "--password-stdin"),
                given=f"{PASSWORD}\n",
            )
        servers["here"].make_certificate("keeper")
        yield Two(line, servers["here"], servers["there"])


def test_a_certificate_goes_from_one_server_to_another(two: Two) -> None:
    line, thumbprint = two.line, two.here.certificates["keeper"].thumbprint.hex().upper()
    [seen] = line.rows("certificate", "list")
    assert (seen["name"], seen["instance"], seen["purpose"]) == ("keeper", "here", "database")
    assert (seen["has_private_key"], seen["escrowed"], seen["needed_by"]) == (True, False, "")
    assert line.rows("certificate", "list", "--required") == line.rows("certificate", "list", "--instance", "there")

    line.done(
        *("profile", "create", "p", "--instance", "here", "--database", "vault", "--directory", DIRECTORY),
        *("--every", "1d", "--start", "2099-01-01T00:00", "--encrypt-with", "keeper", "--save-certificates"),
        "--certificate-password-stdin",
        given=f"{SECRET}\n",
    )
    line.done("run", "p", "--here")
    [needed] = line.rows("certificate", "list", "--required", "--instance", "here")
    assert needed["escrowed"]
    assert needed["needed_by"] == "the profile p; 1 backup of here/vault"
    bak, cer, pvk = sorted(two.bring(), key=lambda path: path.rpartition(".")[2])
    assert needed["files"] == [cer, pvk]
    assert "keeper" in line.done("certificate", "list", "--required")

    restore = ("restore", "--instance", "there", "--database", "vault", "--file", bak, "--yes")
    said = line.refused(*restore)
    for words in (thumbprint, "pwsops certificate import-server there", cer, pvk, "here has it as keeper"):
        assert words in said
    take = ("certificate", "import-server", "there", "--certificate", cer, "--key", pvk, "--password-stdin")
    assert "no master key" in line.refused(*take, given=f"{SECRET}\n")
    taken = line.done(*take, "--create-master-key", given=f"{SECRET}\n{MASTER}\n")
    assert "Imported keeper to there" in taken
    assert "already" in line.refused(*take, "--name", "another", given=f"{SECRET}\n")
    told = line.run(*restore)
    copy = re.search(r"is kept as (.*?\.bak)", told.stdout + told.stderr)
    assert copy is not None
    # No profile backs vault up there: what it held is encrypted as the backup is that took its place.
    (kept,) = line.rows("media", copy[1], "--instance", "there")
    assert kept["thumbprint"] == thumbprint
    assert two.there.databases["vault"].read_rows() == ROWS
    check_unseen(line.home)


def check_unseen(home: Path) -> None:
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"S3cret" not in content, path
            assert b"M4ster" not in content, path


def test_a_server_that_does_not_answer_is_told_and_its_certificates_are_as_last_seen(
    driver: Driver, tmp_path: Path
) -> None:
    commands = Commands()
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=commands)
    server = ScriptedServer()
    server.add_login(LOGIN, password=PASSWORD, roles={"sysadmin"})
    server.make_certificate("keeper")
    with StandIn(server) as stand_in:
        line.done(
            *("instance", "add", "here", "--engine", "sqlserver", "--address", stand_in.address),
            *("--driver", driver.id, "--trust-server-certificate", "--login", LOGIN, "--password-stdin"),
            *("--login-timeout", "2"),
            given=f"{PASSWORD}\n",
        )
        line.done("certificate", "list")
    result = line.run("certificate", "list")
    assert result.returncode == 0
    assert "keeper" in result.stdout
    assert "when it last answered" in result.stderr
    commands.close()


def test_a_certificate_is_brought_to_servers_that_keep_them_only(two: Two) -> None:
    (two.line.cwd / "vaults").mkdir()
    two.line.done("instance", "add", "own", "--engine", "sqlite", "--address", str(two.line.cwd / "vaults"))
    words = ("certificate", "import-server", "own", "--certificate", "/c.cer", "--key", "/c.pvk", "--password-stdin")
    assert "own does not keep certificates itself" in two.line.refused(*words, given="x\n")
