"""The whole story in the browser: from an empty home to a restored database, the worst days, and the history of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser import story
from tests.browser.serving import Served

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


class Vaults:
    """A directory with a SQLite database that an ordinary client reads and writes."""

    database = "vault.sqlite3"

    def __init__(self, root: Path) -> None:
        self._address = root / "vaults"
        self._address.mkdir()
        self._backups, self._moved = root / "backups", root / "moved"
        self._backups.mkdir()
        self.directory, self.other_directory = str(self._backups), str(self._moved)
        self._run("PRAGMA journal_mode=WAL")
        self._run("CREATE TABLE ciphers (name TEXT PRIMARY KEY, secret TEXT)")
        with closing(self._client()) as client, client:
            client.executemany("INSERT INTO ciphers VALUES (?, ?)", [(f"entry {n}", f"old {n}") for n in range(200)])

    def _client(self) -> sqlite3.Connection:
        return sqlite3.connect(self._address / self.database)

    def _run(self, statement: str) -> None:
        with closing(self._client()) as client, client:
            client.execute(statement)

    def add_instance(self, page: Page) -> None:
        page.get_by_label("Directory", exact=True).fill(str(self._address))
        page.get_by_role("button", name="Add", exact=True).click()

    def finish_profile(self, page: Page) -> None:
        """Nothing: there is no login."""

    def before_restore(self, page: Page) -> None:
        """Nothing: there is no login."""

    def change(self) -> None:
        self._run("UPDATE ciphers SET secret = 'newer' WHERE name < 'entry 2'")

    def destroy(self) -> None:
        self._run("DELETE FROM ciphers")

    def contents(self) -> object:
        with closing(self._client()) as client:
            return client.execute("SELECT name, secret FROM ciphers ORDER BY name").fetchall()

    def media(self, kind: str) -> int:
        return len(list(self._backups.glob(f"*_{kind}_*.bak")))

    def take_directory_away(self) -> None:
        self._backups.rename(self._moved)


def test_from_an_empty_home_to_a_restored_database(fresh: Callable[[], Served], visit: Open, tmp_path: Path) -> None:
    server = fresh()
    visited = visit(server.url)
    story.tell(Vaults(tmp_path), visited.page, server, fresh)
    assert visited.errors == []
    assert visited.outside == []
