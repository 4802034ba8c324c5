"""The settings in a real browser: from an empty home to the wizard, and two people at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from pwsops.operations import Operations
from tests.browser.looks import shown
from tests.browser.serving import Served, serving

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


@pytest.fixture
def fresh(home: Path) -> Iterator[Served]:
    """The real server on a home in which nobody has done anything."""
    with serving(home) as server:
        yield server


def test_a_newcomer_needs_nothing_but_the_browser(fresh: Served, visit: Open, ops: Operations) -> None:
    page = visit(fresh.url).page
    page.get_by_role("link", name="Make the sample vaults").click()
    page.get_by_role("button", name="Make the sample vaults").click()
    expect(page.get_by_role("row").filter(has_text="samples")).to_contain_text("answers")
    page.get_by_role("link", name="New profile").click()
    expect(page).to_have_url(re.compile("page=wizard"))
    expect(page.get_by_label("Name of the profile")).to_be_focused()
    assert [one.name for one in ops.instances.list()] == ["samples"]


def test_an_instance_of_ones_own_is_added_from_the_first_page(
    fresh: Served, visit: Open, ops: Operations, tmp_path: Path
) -> None:
    page = visit(fresh.url).page
    page.get_by_role("link", name="Add your own instance").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("mine")
    page.get_by_label("Directory", exact=True).fill(str(tmp_path / "nowhere"))
    page.get_by_label("Directory", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be listed")
    page.get_by_label("Directory", exact=True).fill(str(tmp_path))
    page.get_by_label("Directory", exact=True).press("Enter")
    expect(page.get_by_role("row").filter(has_text="mine")).to_contain_text("answers")
    assert [one.address for one in ops.instances.list()] == [str(tmp_path)]


def test_what_one_saves_another_sees_unless_they_are_at_it(served: Served, visit: Open, ops: Operations) -> None:
    first, second = (visit(served.url + "?page=settings").page for _ in range(2))
    expect(second.get_by_role("button", name="Save", exact=True)).to_be_visible()
    second.get_by_label("Every", exact=True).fill("9")
    first.get_by_label("Every", exact=True).fill("6")
    first.get_by_label("Runs at once").fill("4")
    first.get_by_label("Unit", exact=True).select_option("days")
    first.get_by_role("button", name="Save", exact=True).click()
    expect(shown(first, "Saved: Every, Unit, Runs at once.")).to_be_visible()
    expect(second.get_by_label("Runs at once")).to_have_value("4")
    expect(second.get_by_label("Unit", exact=True)).to_have_value("d")
    expect(second.get_by_label("Every", exact=True)).to_have_value("9")
    expect(shown(second, "Somebody else has saved another value meanwhile.")).to_be_visible()
    assert ops.settings.get().every == 6
