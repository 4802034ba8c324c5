"""Cells in a real JupyterLab: their colours in both themes, and that they are live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pwsops.operations import Operations
from pwsops.web.ui.theme import DARK, LIGHT, Palette
from tests.browser.conftest import Visit
from tests.browser.lab import choose, jupyterlab, run_all
from tests.browser.looks import place, rgb, shown
from tests.browser.serving import Served, make_profile

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("jupyterlab") is None, reason="JupyterLab is not installed"),
]
CELLS = (
    (
        "from pwsops.operations import open_operations\n"
        "from pwsops.web import notebook as nb\n"
        "from pwsops.web.cells import HistoryTable, MonthChart, Overview, ProfileWizard, RestorePlanView\n"
        "nb.begin()"
    ),
    "ops = open_operations()",
    "Overview(ops)",
    "MonthChart(ops)",
    "HistoryTable(ops)",
    "RestorePlanView(ops, 'samples', 'company-vault.sqlite3')",
    "ProfileWizard(ops)",
)


@pytest.fixture
def lab(home: Path, ops: Operations, tmp_path: Path) -> Iterator[Served]:
    make_profile(ops, "Vaults", home.parent / "backups", ops.samples.create())
    ops.runs.run_here("Vaults")
    with jupyterlab(home, tmp_path / "notebooks", CELLS) as server:
        yield server


def outputs(page: Page) -> Locator:
    return page.locator(".jp-Notebook .jp-OutputArea-output")


def cell(page: Page, heading: str) -> Locator:
    """The output that has a heading of this name."""
    return outputs(page).filter(has=page.get_by_role("heading", name=heading))


def run_and_see_all(page: Page) -> None:
    """Run every cell, and wait until each shows all of it.

    Before that what stands above still grows, and the table is laid out anew: a row may be another element when a
    button of the mouse is let go than when it was pressed, which is no click on either.
    """
    run_all(page)
    expect(cell(page, "Profiles").get_by_role("button", name="Vaults", exact=True)).to_be_visible()
    expect(cell(page, "Runs: Vaults").last).to_be_visible()
    expect(cell(page, "History").locator(".tabulator-row")).to_have_count(1)
    expect(shown(cell(page, "Restoring"), "It then holds")).to_be_visible()
    expect(cell(page, "New profile").get_by_label("Name of the profile")).to_be_visible()


BEHIND = """([element, colour]) => {
    for (let at = element; at; at = at.parentElement || at.getRootNode().host) {
        const seen = getComputedStyle(at).backgroundColor;
        if (!["transparent", "rgba(0, 0, 0, 0)"].includes(seen)) return seen === colour;
    }
    return false;
}"""
"""Whether the first colour behind an element is this one, across the roots of the toolkit's parts."""


def expect_colours(page: Page, palette: Palette) -> None:
    for heading in ("Profiles", "Runs: Vaults", "Restoring company-vault.sqlite3", "New profile"):
        title = cell(page, heading).get_by_role("heading", name=heading).first
        expect(title).to_have_css("color", rgb(palette.text))
        page.wait_for_function(BEHIND, arg=[title.element_handle(), rgb(palette.surface)])
    row = cell(page, "History").locator(".tabulator-row").first
    expect(row).to_have_css("background-color", rgb(palette.surface))
    expect(row.locator(".tabulator-cell").nth(1)).to_have_css("color", rgb(palette.text))


def test_cells_in_jupyterlab_have_colours_icons_and_live_data(
    lab: Served, ops: Operations, home: Path, visit: Callable[..., Visit]
) -> None:
    seen = visit(lab.url, signed_in=False, viewport={"width": 1440, "height": 6000})
    page = seen.page
    run_and_see_all(page)
    expect_colours(page, LIGHT)
    choose(page, "Settings", "Theme", "JupyterLab Dark")
    expect_colours(page, DARK)
    icon = cell(page, "Profiles").locator("svg.icon").first
    assert place(icon)["width"] > 10
    # What another process does is shown, in each of them.
    make_profile(ops, "Another", home.parent / "backups", ["company-vault.sqlite3"])
    ops.runs.run_here("Another")
    expect(cell(page, "Profiles").get_by_role("button", name="Another", exact=True)).to_be_visible()
    expect(cell(page, "Runs: all profiles").last.get_by_text("Another").first).to_be_visible()
    expect(cell(page, "History").locator(".tabulator-row")).to_have_count(2)
    assert seen.outside == []
    assert seen.errors == []
    assert [said for said in seen.complaints if "Error" in said or "known" in said] == []


def test_what_is_done_in_a_cell_reaches_the_kernel(lab: Served, ops: Operations, visit: Callable[..., Visit]) -> None:
    page = visit(lab.url, signed_in=False, viewport={"width": 1440, "height": 6000}).page
    run_and_see_all(page)
    # A click of a table, and the way back.
    history = outputs(page).filter(has=page.locator(".tabulator"))
    history.locator(".tabulator-row").first.click()
    back = page.get_by_role("button", name="Back to where this cell begins")
    back.click()
    expect(history.locator(".tabulator-row")).to_have_count(1)
    # A button of a profile.
    cell(page, "Profiles").get_by_role("button", name="Deactivate").click()
    expect(cell(page, "Profiles").get_by_role("button", name="Activate", exact=True)).to_be_visible()
    assert ops.profiles.list()[0].state.value == "inactive"
    # What is typed into a form.
    wizard = cell(page, "New profile")
    wizard.get_by_label("Name of the profile").fill("typed")
    wizard.get_by_role("button", name="Next").click()
    expect(shown(wizard, "Choose at least one database.")).to_be_visible()
