"""`panel serve` of the notebooks: each is a dashboard, and what it cannot be shown to anybody else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from pwsops.operations.sample_home import open_or_sample
from pwsops.web.ui.theme import DARK, LIGHT
from tests.browser.conftest import Visit
from tests.browser.looks import rgb, shown
from tests.browser.serving import ROOT, Served, free_port, start, wait_for_answer

pytestmark = [pytest.mark.browser]
pytest.importorskip("nbconvert", reason="the toolkit reads notebooks with nbconvert")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIXED = {"5-a-guided-recovery": 1}
"""How many of a notebook's tables follow no choice: the last restores are what they are."""
PAGES = sorted((ROOT / "dashboards").glob("*.py"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served") / "home"
    open_or_sample(home).close()
    port = free_port()
    command = [sys.executable, "-m", "panel", "serve", *map(str, [*NOTEBOOKS, *PAGES]), "--index", "index"]
    server = start([*command, "--port", str(port)], home)
    server.asks = False
    try:
        wait_for_answer(server, port)
        server.url = f"http://localhost:{port}"
        yield server
    finally:
        server.close()


def headings(path: Path) -> list[str]:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    return [found for cell in cells for found in re.findall(r"^#+ (.*)$", cell.source, flags=re.MULTILINE)]


@contextmanager
def made_anew(page: Page, fixed: int) -> Iterator[None]:
    """Wait, after what is done meanwhile, until of all cards and tables only those stay that follow no choice."""
    made = page.locator(".pw-cards, .pw-table")
    expect(made.first).to_be_attached()
    made.evaluate_all("them => them.forEach(one => one.dataset.before = '')")
    yield
    expect(page.locator("[data-before]")).to_have_count(fixed)
    expect(made.first).to_be_attached()


def expect_no_trouble(page: Page) -> None:
    expect(page.get_by_text(re.compile("failed: [A-Z][A-Za-z]+(Error|Exception)"))).to_have_count(0)
    expect(page.get_by_text("Traceback")).to_have_count(0)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_is_a_dashboard(served: Served, visit: Callable[..., Visit], path: Path) -> None:
    seen = visit(f"{served.url}/{path.stem}")
    page = seen.page
    for heading in headings(path):
        expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
    fixed = FIXED.get(path.stem, 0)
    choices = page.get_by_role("search", name="Choices")
    expect(choices.get_by_label("Instance", exact=True)).to_be_visible()
    expect_no_trouble(page)
    with made_anew(page, fixed):
        choices.get_by_label("Instance", exact=True).select_option("samples")
    expect_no_trouble(page)
    with made_anew(page, fixed):
        choices.get_by_role("button", name="Show with these choices").click()
    expect_no_trouble(page)
    assert seen.outside == []
    assert seen.errors == []


def test_a_choice_changes_what_is_shown(served: Served, visit: Callable[..., Visit]) -> None:
    page = visit(f"{served.url}/1-audit-of-the-history").page
    runs = page.locator(".pw-cards").first.locator("div").filter(has_text=re.compile("runs$")).locator("strong")
    expect(runs).to_have_text(re.compile(r"^1,\d\d\d$"))
    page.get_by_label("Profile", exact=True).select_option("Sample: nightly")
    expect(runs).to_have_text(re.compile(r"^\d\d$"))
    page.get_by_label("From", exact=True).fill("soon")
    page.get_by_label("From", exact=True).press("Enter")
    expect(shown(page, "Write a day as 2026-03-01")).to_be_visible()


def test_a_cell_on_a_page_is_light_or_dark_as_the_page_is(served: Served, visit: Callable[..., Visit]) -> None:
    page = visit(f"{served.url}/2-what-would-be-lost").page
    profiles = page.get_by_role("heading", name="Profiles", exact=True)
    expect(profiles).to_have_css("color", rgb(LIGHT.text))
    page.get_by_role("button", name=re.compile("dark|theme", re.IGNORECASE)).first.click()
    expect(profiles).to_have_css("color", rgb(DARK.text))


def test_opening_the_recovery_restores_nothing(served: Served, visit: Callable[..., Visit]) -> None:
    page = visit(f"{served.url}/5-a-guided-recovery").page
    expect(shown(page, "Nothing was restored.", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Restoring .* to its newest backup"))).to_be_visible()
    ops = open_or_sample(served.home)
    try:
        assert ops.restores.list() == []
    finally:
        ops.close()


def test_nobody_on_another_machine_is_shown_a_notebook(served: Served, visit: Callable[..., Visit]) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    page = visit(f"{served.url}/1-audit-of-the-history", extra_http_headers=elsewhere).page
    expect(shown(page, "to nobody on another machine")).to_be_visible()
    expect(page.get_by_text("Sample data")).to_have_count(0)
    expect(page.get_by_text("company-vault")).to_have_count(0)
    page = visit(f"{served.url}/index", extra_http_headers=elsewhere).page
    expect(shown(page, "to nobody on another machine")).to_be_visible()


def test_the_index_leads_to_each(served: Served, visit: Callable[..., Visit]) -> None:
    seen = visit(served.url)
    links = seen.page.get_by_role("link").filter(has=seen.page.locator("strong"))
    expect(links).to_have_count(1 + len(NOTEBOOKS))
    seen.page.get_by_role("link", name=headings(NOTEBOOKS[3])[0]).click()
    expect(seen.page).to_have_url(f"{served.url}/{NOTEBOOKS[3].stem}")
    expect(seen.page.get_by_role("heading", name=headings(NOTEBOOKS[3])[0])).to_be_visible()
