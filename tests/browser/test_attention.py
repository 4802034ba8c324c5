"""Where focus, sight and announcements go when a page changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pwsops.operations import Operations
from tests.browser.looks import shown
from tests.browser.serving import Served, make_profile

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
VAULT = "family-vault.sqlite3"


def live(page: Page) -> Any:
    """The one live region, which is outside of all pieces."""
    return page.locator("body > [role=status]")


def heading(page: Page, name: str) -> Any:
    return page.get_by_role("heading", name=name, exact=True)


def fill_first_step(page: Page, ops: Operations, name: str) -> None:
    page.get_by_label("Name of the profile").fill(name)
    page.get_by_label(VAULT).check()
    page.get_by_label("Directory on the database server").fill(str(ops.home / "backups"))
    expect(shown(page, re.compile("Backups cannot be written there|can write"))).to_be_visible()


def test_a_restore_leads_from_step_to_step_by_keyboard_alone(served: Served, visit: Open, ops: Operations) -> None:
    ops.runs.run_here("Vaults")
    page = visit(f"{served.url}?page=databases", viewport={"width": 1100, "height": 420}).page
    page.get_by_role("link", name=f"Restore … into {VAULT}").press("Enter")
    expect(heading(page, f"Restore into {VAULT}")).to_be_focused()
    expect(page).to_have_title(f"Restore {VAULT} – pwsops")
    page.get_by_role("radio").first.press("Enter")
    expect(heading(page, "2. See what will happen")).to_be_focused()
    expect(heading(page, "2. See what will happen")).to_be_in_viewport()
    page.get_by_role("button", name="Change the backup").press("Enter")
    expect(page.get_by_role("radio").first).to_be_focused()
    page.keyboard.press("Enter")
    confirm = page.get_by_label(re.compile("Type the database's name"))
    confirm.fill(VAULT)
    expect(page.get_by_role("button", name=f"Restore {VAULT}")).not_to_have_attribute("aria-disabled", "true")
    confirm.press("Enter")
    expect(heading(page, "Restored")).to_be_focused()
    expect(heading(page, "Restored")).to_be_in_viewport()
    expect(live(page)).to_have_text(re.compile(f"{VAULT} was restored in"))
    expect(page.get_by_role("table", name="Rows")).to_contain_text("ciphers")


def test_enter_pressed_on_in_the_wizard_creates_nothing_unseen(served: Served, visit: Open, ops: Operations) -> None:
    page = visit(f"{served.url}?page=wizard").page
    fill_first_step(page, ops, "Second")
    for _ in range(4):
        page.keyboard.press("Enter")
    expect(heading(page, "Step 2 of 3: When")).to_be_focused()
    expect(page).to_have_title("New profile, step 2 of 3 – pwsops")
    page.get_by_role("button", name="Next").click()
    expect(heading(page, "Step 3 of 3: How")).to_be_focused()
    page.keyboard.press("Enter")
    assert [one.name for one in ops.profiles.list()] == ["Vaults"]
    page.get_by_role("button", name="Create the profile").click()
    expect(page.get_by_role("button", name="Second", exact=True)).to_be_focused()
    expect(live(page)).to_have_text("The profile Second is created.")


def test_next_goes_to_the_first_field_that_is_wrong(served: Served, visit: Open) -> None:
    page = visit(f"{served.url}?page=wizard").page
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_label("Name of the profile")).to_be_focused()


def test_deleting_a_profile_or_keeping_it_leaves_the_focus_where_the_list_is(
    served: Served, visit: Open, ops: Operations
) -> None:
    make_profile(ops, "Other", ops.home.parent / "other", [VAULT])
    page = visit(f"{served.url}?profile=Other").page
    delete = page.get_by_role("button", name="Delete the selected profile")
    delete.click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(delete).to_be_focused()
    delete.click()
    page.get_by_role("button", name="Delete Other").click()
    expect(heading(page, "Profiles")).to_be_focused()
    expect(live(page)).to_have_text(re.compile("The profile Other is deleted"))


def test_adding_and_removing_an_instance_keeps_the_focus_at_the_list(
    served: Served, visit: Open, ops: Operations
) -> None:
    page = visit(f"{served.url}?page=settings").page
    page.get_by_role("button", name="Add an instance").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("more")
    page.get_by_label("Directory", exact=True).fill(str(ops.home.parent))
    page.get_by_label("Directory", exact=True).press("Enter")
    expect(live(page)).to_have_text("more is added.")
    expect(page.get_by_role("button", name="Add an instance")).to_be_focused()
    page.get_by_role("button", name="Remove more").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Remove more")).to_be_focused()
    page.get_by_role("button", name="Remove more").click()
    page.get_by_role("button", name="Remove it: more").click()
    expect(heading(page, "Instances")).to_be_focused()


def test_a_heading_that_is_asked_for_late_leaves_the_focus_to_the_first_field_of_another_piece(
    served: Served, visit: Open
) -> None:
    page = visit(f"{served.url}?page=settings&view=add").page
    name = page.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    page.evaluate("window.pwsops_attention.want(['h1'])")
    expect(name).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Add an instance")).to_be_focused()
    page.evaluate("window.pwsops_attention.want(['h1'])")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_focused()


def test_the_focus_follows_through_directories(served: Served, visit: Open, ops: Operations) -> None:
    page = visit(f"{served.url}?page=wizard").page
    page.get_by_role("button", name="Browse the server").click()
    expect(page.locator("#entries-title")).to_be_focused()
    page.get_by_role("button", name=re.compile("^Use this one")).click()
    expect(page.get_by_label("Directory on the database server")).to_be_focused()
