"""The whole story in the browser: from an empty home to a restored database, the worst days, and the history of it."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.serving import SERVE, Served, start

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


@pytest.fixture
def fresh(home: Path) -> Iterator[Callable[[], Served]]:
    """Starts the real server on an empty home, and again on the same one."""
    servers: list[Served] = []

    def begin() -> Served:
        server = start([sys.executable, "-c", SERVE, str(home)], home)
        servers.append(server)
        server.url = server.said("ready")
        return server

    yield begin
    for server in servers:
        server.close()


class Vault:
    """A database that an ordinary client reads and writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as client, client:
            client.execute("PRAGMA journal_mode=WAL")
            client.execute("CREATE TABLE ciphers (name TEXT PRIMARY KEY, secret TEXT)")
            client.executemany("INSERT INTO ciphers VALUES (?, ?)", [(f"entry {n}", f"old {n}") for n in range(200)])

    def run(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as client, client:
            client.execute(statement)

    def secrets(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.path)) as client:
            return client.execute("SELECT name, secret FROM ciphers ORDER BY name").fetchall()


def profile_row(page: Page, name: str) -> Locator:
    return page.locator("tr[data-double]").filter(has=page.get_by_role("button", name=name, exact=True))


def run_now(page: Page, name: str, nth: int, word: str) -> None:
    """Start a profile and wait until its so-manieth run has ended as it should."""
    page.get_by_role("button", name=f"Start now: {name}").click()
    ended = page.get_by_role("region", name="Latest runs").get_by_role("row").filter(has_text=word)
    expect(ended).to_have_count(nth)


def menu(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_text(name, exact=True).first.click()


def test_from_an_empty_home_to_a_restored_database(fresh: Callable[[], Served], visit: Open, tmp_path: Path) -> None:
    (tmp_path / "vaults").mkdir()
    vault = Vault(tmp_path / "vaults" / "vault.sqlite3")
    backups = tmp_path / "backups"
    backups.mkdir()
    server = fresh()
    visited = visit(server.url)
    page: Page = visited.page

    # First start: an instance.
    expect(page.get_by_role("heading", name="Nothing is set up yet")).to_be_visible()
    menu(page, "Settings")
    page.get_by_role("button", name="Add an instance").click()
    page.get_by_label("Name", exact=True).fill("office")
    page.get_by_label("Directory", exact=True).fill(str(tmp_path / "vaults"))
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("link", name="New profile").click()

    # The wizard, while the calendar follows.
    page.get_by_label("Name of the profile").fill("Vault")
    page.get_by_label("vault.sqlite3").check()
    page.get_by_label("Directory on the database server").fill(str(backups))
    page.get_by_role("button", name="Next").click()
    plan = page.get_by_role("table", name="Calendar of the runs to come")
    before = plan.inner_text()
    page.get_by_label("Every", exact=True).fill("12")
    expect(page.get_by_text(re.compile("every 12 hours"))).to_be_visible()
    assert plan.inner_text() != before
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Create the profile").click()

    # A full, changes by an ordinary client, an incremental.
    run_now(page, "Vault", 1, "succeeded")
    vault.run("UPDATE ciphers SET secret = 'newer' WHERE name < 'entry 2'")
    kept = vault.secrets()
    run_now(page, "Vault", 2, "succeeded")
    assert [len(list(backups.glob(f"*_{kind}_*.bak"))) for kind in ("FULL", "DIFF")] == [1, 1]

    # The worst day: the data is gone, and comes back.
    vault.run("DELETE FROM ciphers")
    menu(page, "Databases")
    page.get_by_role("link", name=re.compile("Insert")).click()
    expect(page.get_by_role("heading", name="Restore into vault.sqlite3")).to_be_visible()
    page.get_by_role("link", name=re.compile("Choose the incremental")).click()
    restore = page.get_by_role("button", name="Restore vault.sqlite3")
    expect(restore).to_have_attribute("aria-disabled", "true")
    page.get_by_label(re.compile("Type the database's name")).fill("vault.sqlite3")
    restore.click()
    expect(page.get_by_role("heading", name="Restored")).to_be_visible()
    assert vault.secrets() == kept

    # The directory can no longer be used: orange, and after five red.
    backups.rename(tmp_path / "moved")
    menu(page, "Profiles")
    run_now(page, "Vault", 1, "failed")
    expect(profile_row(page, "Vault")).to_have_class(re.compile("is-orange"))
    expect(page.get_by_role("region", name="Messages of the failing profiles")).to_contain_text(str(backups))
    for nth in range(2, 6):
        run_now(page, "Vault", nth, "failed")
    expect(profile_row(page, "Vault")).to_have_class(re.compile("is-red"))
    activate = page.get_by_role("button", name="Activate", exact=True)
    expect(activate).to_have_attribute("aria-disabled", "true")
    expect(activate).to_have_attribute("title", re.compile("amend"))

    # Amended in the wizard, it runs again.
    page.get_by_role("link", name="Amend it").click()
    expect(page.get_by_role("heading", name="Why it was switched off")).to_be_visible()
    save = page.get_by_role("button", name="Save and activate")
    save.click()
    expect(page.get_by_role("status").filter(has_text="Change what made it fail")).to_be_visible()
    page.get_by_label("Directory on the database server").fill(str(tmp_path / "moved"))
    save.click()
    expect(profile_row(page, "Vault")).to_be_visible()
    run_now(page, "Vault", 3, "succeeded")
    expect(profile_row(page, "Vault")).not_to_have_class(re.compile("is-red|is-orange"))

    # Stopped, the service says why nothing can be started; started, it goes on.
    page.get_by_role("button", name="Stop the backup service").click()
    start_button = page.get_by_role("button", name="Start now: Vault")
    expect(start_button).to_have_attribute("title", re.compile("service is stopped"))
    page.get_by_role("button", name="Start the backup service").click()
    expect(start_button).not_to_have_attribute("aria-disabled", "true")

    # Deleted, with its history kept: also after a restart.
    page.get_by_role("button", name="Delete the selected profile").click()
    page.get_by_role("button", name="Delete Vault").click()
    expect(page.get_by_role("heading", name="No profile yet")).to_be_visible()
    assert server.end() == 0
    page.goto(f"{fresh().url}?page=runs")
    rows = page.get_by_role("row").filter(has_text="Vault")
    expect(rows).to_have_count(8)
    expect(rows.filter(has_text="failed")).to_have_count(5)
    page.get_by_role("link", name="Restores").click()
    expect(page.get_by_role("row").filter(has_text="vault.sqlite3")).to_contain_text("succeeded")
    assert visited.errors == []
    assert visited.outside == []
