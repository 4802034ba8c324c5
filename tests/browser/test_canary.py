"""A password that is used everywhere, on pages and the command line, is searched for in all that is left behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import WebSocket, expect

from pwsops.certificates import archive
from tests import canary
from tests.browser.looks import shown, until
from tests.browser.serving import CHILD, Served, start
from tests.integration.command_line import CommandLine
from tests.pairs import pair
from tests.standin import drivers
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn

pytestmark = pytest.mark.browser
KEY = Fernet.generate_key().decode()


@pytest.fixture
def site(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, str, CommandLine]]:
    drivers.find("msodbc")
    monkeypatch.setenv("PWSOPS_KEY", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canary.PASSWORD)
    state = ScriptedServer()
    state.add_login("ops", password=canary.PASSWORD, roles={"sysadmin"})
    state.add_database("vault", rows=[(1, "a")])
    state.files.make_directory(r"D:\Backup")
    with StandIn(state) as stand_in:
        server = start([*CHILD, str(home)], home)
        try:
            server.url = server.said("ready")
            yield server, stand_in.address, CommandLine(home, cwd=tmp_path)
        finally:
            server.close()
        assert not any(canary.traces(batch.encode()) for batch in state.log), "no statement holds it"


def test_a_password_is_found_nowhere(
    site: tuple[Served, str, CommandLine], visit: Callable[..., Any], home: Path, tmp_path: Path
) -> None:
    server, address, line = site
    sent: list[bytes] = []
    received: list[bytes] = []
    visited = visit(server.url)
    page = visited.context.new_page()
    page.on("websocket", lambda socket: _listen(socket, sent, received))
    watch = canary.Processes()
    with watch.watched():
        page.goto(f"{server.url}?page=settings&view=add")
        page.get_by_label("Name", exact=True).fill("office")
        page.get_by_label("Engine").select_option("SQL Server")
        page.get_by_label("Server", exact=True).fill(address)
        page.get_by_label("Login", exact=True).fill("ops")
        password = page.get_by_label("Password", exact=True)
        password.press_sequentially(canary.PASSWORD)
        page.get_by_label("Trust any certificate of the server").check()
        expect(shown(page, "can pretend to be it")).to_be_visible()
        expect(password).to_have_value(canary.PASSWORD)
        until(page, lambda: b"ops" in b"".join(sent), "what is no password, which is told while it is typed")
        typed = b"".join(sent)
        assert not any(canary.PASSWORD[:length].encode() in typed for length in range(4, len(canary.PASSWORD) + 1))
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("row").filter(has_text="office")).to_contain_text("as ops")
        until(page, lambda: any(canary.traces(frame) for frame in sent), "it to leave the browser when submitted")

        told = _on_the_command_line(line, tmp_path, address)

        # What goes wrong speaks of it no more than what goes well.
        page.goto(f"{server.url}?page=settings&view=edit&instance=office")
        page.get_by_label("Server", exact=True).fill("127.0.0.1,1")
        page.get_by_label("Password", exact=True).fill(canary.PASSPHRASE)
        page.locator(".instance[data-form]").get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert").first).to_be_visible()
        for where in ("", "?page=history", "?page=databases", "?page=certificates", "?page=settings"):
            page.goto(f"{server.url}{where}")
            expect(page.get_by_role("heading").first).to_be_visible()
            assert canary.traces(page.content().encode()) == []

    assert canary.traces(told.encode()) == []
    assert [frame for frame in received if canary.traces(frame)] == []
    assert len(received) > 20
    assert {pid for pid, lines in watch.seen.items() if any(canary.traces(one) for one in lines)} == set()
    workers = watch.workers()
    assert workers, "a worker of the embedded engine was seen"
    held = [watch.environments[pid] for pid in workers if pid in watch.environments]
    assert held
    assert not any(canary.traces(one) or KEY.encode() in one for one in held)
    server.end()
    assert canary.traces("".join(server.lines.queue).encode()) == []
    assert canary.traces_in(home) == {}
    assert canary.traces_in(tmp_path / "media") == {}
    assert canary.traces_in(tmp_path / "exports") == {}
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as catalogue:
        entries = catalogue.execute("SELECT action, detail FROM audit").fetchall()
    assert ("try instance", f"sqlserver at {address}, as ops") in entries
    assert ("try instance", "sqlserver at 127.0.0.1,1, as ops") in entries, "the try that failed, too"


def _on_the_command_line(line: CommandLine, root: Path, address: str) -> str:
    """Use both canaries in commands; all that they said."""
    vaults, exports = root / "vaults", root / "exports"
    for directory in (vaults, exports, root / "media"):
        directory.mkdir()
    with closing(sqlite3.connect(vaults / "db.sqlite3")) as database, database:
        database.execute("CREATE TABLE t AS SELECT 1 AS x")
    pfx = root / "own.pfx"
    pfx.write_bytes(archive.pack([pair()], canary.PASSPHRASE))
    phrase, password = f"{canary.PASSPHRASE}\n", f"{canary.PASSWORD}\n"
    told = []

    def say(*words: object, given: str = "", fails: bool = False) -> None:
        done = line.run(*words, given=given)
        told.append(done.stdout + done.stderr)
        assert (done.returncode != 0) is fails, told[-1]

    say("certificate", "import", pfx, "--password-stdin", given=phrase)
    say("instance", "add", "own", "--engine", "sqlite", "--address", vaults)
    say(
        *("profile", "create", "own", "--instance", "own", "--database", "db.sqlite3", "--directory", root / "media"),
        *("--every", "1d", "--start", "2099-01-01T00:00", "--encrypt-with", "backups", "--save-certificates"),
        "--certificate-password-stdin",
        given=phrase,
    )
    say("run", "own")
    say("instance", "add", "second", "--engine", "sqlserver", "--address", address, "--login", "ops",
        "--trust-server-certificate", "--password-stdin", given=password)  # fmt: skip
    say("instance", "edit", "second", "--login", "ops", "--password-stdin", given=phrase, fails=True)
    say("certificate", "export", "backups", "--output", exports / "backups.pfx", "--password-stdin", given=phrase)
    say("databases", "own")
    say("report", "--format", "csv", "--output", exports / "runs.csv")
    say("audit", "list")
    say("runs", "--json")
    told.append(line.run("doctor").stdout)
    return "".join(told)


def _listen(socket: WebSocket, sent: list[bytes], received: list[bytes]) -> None:
    def take(into: list[bytes]) -> Callable[[str | bytes], None]:
        return lambda payload: into.append(payload.encode() if isinstance(payload, str) else payload)

    socket.on("framesent", take(sent))
    socket.on("framereceived", take(received))
