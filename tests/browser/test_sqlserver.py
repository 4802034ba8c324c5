"""The whole story once more on SQL Server's stand-in, through Microsoft's driver, with a login at every door."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser import story
from tests.browser.looks import shown
from tests.browser.serving import Served
from tests.standin import drivers
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
PASSWORDS = {"ops": "op5 pa55word", "backup": "backup pa55word", "dba": "dba pa55word"}
"""The instance's login, the profile's, and that of the restore."""


class Server:
    """A server with a database that an ordinary client reads and writes."""

    database = "vault"
    directory = r"D:\Backup"
    other_directory = r"D:\Elsewhere"

    def __init__(self, state: ScriptedServer, address: str) -> None:
        self.state = state
        self._address = address
        self._vault = state.add_database(self.database, rows=[(n, f"old {n}") for n in range(200)])
        for login, password in PASSWORDS.items():
            state.add_login(login, password=password, roles={"sysadmin"})
        for directory in (self.directory, self.other_directory):
            state.files.make_directory(directory)

    def add_instance(self, page: Page) -> None:
        page.get_by_label("Engine").select_option("SQL Server")
        page.get_by_label("Server", exact=True).fill(self._address)
        page.get_by_label("Login", exact=True).fill("ops")
        page.get_by_label("Password", exact=True).fill("not this one")
        page.get_by_label("Trust any certificate of the server").check()
        expect(shown(page, re.compile("can pretend to be it"))).to_be_visible()
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("does not accept the login ops")
        expect(page.get_by_label("Password", exact=True)).to_have_value("")
        page.get_by_label("Password", exact=True).fill(PASSWORDS["ops"])
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("row").filter(has_text="office")).to_contain_text("as ops")

    def finish_profile(self, page: Page) -> None:
        page.get_by_label("Who takes the backup").select_option("a named user")
        page.get_by_label("Login", exact=True).fill("backup")
        page.get_by_label("Password", exact=True).fill(PASSWORDS["backup"])

    def before_restore(self, page: Page) -> None:
        page.get_by_role("button", name="Give another login").click()
        page.get_by_label("Login", exact=True).fill("dba")
        page.get_by_label("Password", exact=True).fill(PASSWORDS["dba"])
        page.get_by_label("Password", exact=True).press("Enter")
        expect(shown(page, "the restore is done as dba, this once")).to_be_visible()

    def change(self) -> None:
        self._vault.write_rows([(n, "newer") for n in range(20)])

    def destroy(self) -> None:
        self._vault.delete_rows(range(200))

    def contents(self) -> object:
        return self._vault.read_rows()

    def media(self, kind: str) -> int:
        return sum(f"_{kind}_" in name for name, _, _ in self.state.files.listing(self.directory))

    def take_directory_away(self) -> None:
        self.state.files.denied.add(self.directory)


@pytest.fixture
def place() -> Iterator[Server]:
    drivers.find("msodbc")
    state = ScriptedServer(flavour="windows")
    with StandIn(state) as stand_in:
        yield Server(state, stand_in.address)


def test_from_an_empty_home_to_a_restored_database(
    place: Server, fresh: Callable[[], Served], visit: Open, home: Path
) -> None:
    server = fresh()
    visited = visit(server.url)
    page, frames = visited.context.new_page(), list[str]()
    page.on("websocket", lambda socket: _listen(socket, frames))
    page.on("pageerror", lambda error: visited.errors.append(str(error)))
    page.goto(server.url)
    story.tell(place, page, server, fresh)
    assert visited.errors == []
    assert visited.outside == []
    assert len(frames) > 50
    for password in PASSWORDS.values():
        assert not any(password in frame for frame in frames), "no frame to the browser holds a password"
        assert not any(password in batch for batch in place.state.log), "and no statement"
        assert not any(password.encode() in file.read_bytes() for file in home.rglob("*") if file.is_file())


def _listen(socket: WebSocket, frames: list[str]) -> None:
    def take(payload: str | bytes) -> None:
        frames.append(payload if isinstance(payload, str) else payload.decode(errors="replace"))

    socket.on("framereceived", take)
