"""Every page, light and dark, against all the rules that axe-core has for WCAG 2.1 A and AA and for good practice."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pwsops.certificates import archive
from pwsops.operations import open_operations
from pwsops.rules.model import RunStatus
from tests.browser.axe import rules, violations
from tests.browser.serving import PATIENCE_S, SERVE, Served, make_profile, start
from tests.pairs import pair

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
expect.set_options(timeout=PATIENCE_S * 1000)
LOOKS = 12
VAULT = "family-vault.sqlite3"


@dataclass(frozen=True, kw_only=True)
class Look:
    """A page and what it shows once it is all there; `{run}` in its address is the failed run's number."""

    search: str
    shows: str


PAGES = {
    "overview": Look(search="", shows="Broken failed"),
    "overview, one selected": Look(search="?profile=Broken", shows="Runs to come: Broken"),
    "wizard, what": Look(search="?page=wizard", shows="Name of the profile"),
    "wizard, when": Look(search="?page=wizard&step=2", shows="Time zone"),
    "wizard, how": Look(search="?page=wizard&step=3", shows="Time limit in hours"),
    "wizard, an existing profile": Look(search="?page=wizard&profile=Vaults", shows="Edit Vaults"),
    "history": Look(search="?page=runs", shows="Broken"),
    "run": Look(search="?page=run&run={run}", shows=VAULT),
    "databases": Look(search="?page=databases", shows=VAULT),
    "one database": Look(search=f"?page=databases&instance=samples&database={VAULT}", shows=VAULT),
    "insert": Look(search=f"?page=insert&instance=samples&database={VAULT}", shows=VAULT),
    "certificates": Look(search="?page=certificates", shows="expires soon"),
    "certificates, importing": Look(search="?page=certificates&view=import", shows="Its password"),
    "certificates, making one": Look(search="?page=certificates&view=create", shows="Valid for years"),
    "certificates, exporting": Look(search="?page=certificates&view=export&q=all", shows="The same again"),
    "settings": Look(search="?page=settings", shows="answers"),
    "settings, adding an instance": Look(search="?page=settings&view=add", shows="answers"),
    "a message": Look(search="?page=run&run=999999", shows="There is no run"),
}


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, int]]:
    """The real server on a home with a green and an orange profile; and the number of the run that failed."""
    root = tmp_path_factory.mktemp("axe")
    ops = open_operations(root / "home", actor="test")
    make_profile(ops, "Vaults", root / "backups", ops.samples.create())
    ops.certificates.create("Vault backups")
    soon = pair("soon", until=datetime.now(UTC) + timedelta(days=10))
    ops.certificates.import_pfx(archive.pack([soon], "x"), "x")
    make_profile(ops, "Broken", root / "broken", [VAULT])
    (root / "broken").rmdir()
    (root / "broken").write_text("a file where the directory was")
    assert ops.runs.run_here("Vaults").status is RunStatus.SUCCEEDED
    failed = ops.runs.run_here("Broken")
    assert failed.status is RunStatus.FAILED
    server = start([sys.executable, "-c", SERVE, str(root / "home")], root / "home")
    try:
        server.url = server.said("ready")
        yield server, failed.id
    finally:
        server.close()
        ops.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real server on a home in which nobody has done anything."""
    home: Path = tmp_path_factory.mktemp("axe-empty") / "home"
    server = start([sys.executable, "-c", SERVE, str(home)], home)
    try:
        server.url = server.said("ready")
        yield server
    finally:
        server.close()


def look(visit: Open, url: str, shows: str, **options: object) -> Page:
    page: Page = visit(url, color_scheme="light", reduced_motion="reduce", **options).page
    expect(page.locator("main").get_by_text(shows).filter(visible=True).first).to_be_visible()
    return page


def wrong_in_light_and_dark(page: Page) -> list[str]:
    """Give what is wrong with a page, by day and by night."""
    found = [f"light: {line}" for line in _lasting(page)]
    page.evaluate("Bokeh.documents[0].roots().find(root => root.class_name === 'Page').data.dark_theme = true")
    expect(page.locator(".mui-dark").first).to_be_visible()
    return [*found, *(f"dark: {line}" for line in _lasting(page))]


def _lasting(page: Page) -> list[str]:
    """Give what stays wrong: a page that still fades from light to dark, or still fills, is looked at again."""
    found = violations(page)
    for _ in range(LOOKS):
        if not found:
            return []
        page.wait_for_timeout(250)
        found = violations(page)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wrong_with_a_page(lived_in: tuple[Served, int], visit: Open, name: str) -> None:
    server, run = lived_in
    wanted = PAGES[name]
    page = look(visit, server.url + wanted.search.format(run=run), wanted.shows)
    assert wrong_in_light_and_dark(page) == []


@pytest.mark.parametrize("search", ["", "?page=settings", "?page=databases", "?page=runs", "?page=certificates"])
def test_nothing_is_wrong_where_nothing_is_set_up(empty: Served, visit: Open, search: str) -> None:
    page: Page = visit(empty.url + search, color_scheme="light", reduced_motion="reduce").page
    expect(page.locator("main").get_by_role("heading").first).to_be_visible()
    assert wrong_in_light_and_dark(page) == []


def test_nothing_is_wrong_with_the_sidebar_over_a_narrow_page(lived_in: tuple[Served, int], visit: Open) -> None:
    page = look(visit, lived_in[0].url, "Broken failed", viewport={"width": 380, "height": 800})
    page.get_by_role("button", name="Open drawer").click()
    history = page.get_by_role("navigation", name="Pages").get_by_role("link", name="History")
    expect(history).to_be_visible()
    assert wrong_in_light_and_dark(page) == []
    history.click()
    expect(page).to_have_url(re.compile("page=runs"))
    expect(history).not_to_be_visible()


def test_nothing_is_wrong_while_a_page_complains(lived_in: tuple[Served, int], visit: Open) -> None:
    page = look(visit, lived_in[0].url + "?page=settings", "answers")
    page.get_by_label("Every", exact=True).fill("0")
    page.get_by_role("button", name="Remove samples").click()
    expect(page.get_by_text("Give a whole number of at least 1.")).to_be_visible()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    assert wrong_in_light_and_dark(page) == []


def test_what_is_wrong_is_found_deep_inside_a_page(empty: Served, visit: Open) -> None:
    page = look(visit, empty.url, "Nothing is set up yet")
    page.get_by_role("heading", name="Nothing is set up yet").evaluate(
        """heading => heading.insertAdjacentHTML("afterend", `<img src="data:,"><button></button>
           <p style="color: #ccc; background: #fff">pale</p><h5>deep</h5><div role="checkbox">x</div>`)"""
    )
    found = {line.partition(":")[0] for line in violations(page)}
    assert {"image-alt", "button-name", "color-contrast", "heading-order", "aria-required-attr"} <= found


def test_no_rule_is_left_out(lived_in: tuple[Served, int], visit: Open) -> None:
    page = look(visit, lived_in[0].url + "?page=settings", "answers")
    looked = set(rules(page))
    assert {"color-contrast", "label", "landmark-unique", "region", "page-has-heading-one", "empty-heading"} <= looked
