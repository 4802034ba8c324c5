"""The wizard in a real browser: by mouse and by keyboard, while the calendar follows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from pwsops.operations import Operations
from tests.browser.looks import shown, until
from tests.browser.serving import Served

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


def calendar(page: Page) -> Any:
    return page.get_by_role("list", name="Days")


def test_a_profile_is_made_while_the_calendar_follows(
    served: Served, visit: Open, ops: Operations, tmp_path: Path
) -> None:
    page = visit(served.url).page
    page.get_by_role("link", name="New").click()
    page.get_by_label("Name of the profile").fill("Family")
    page.get_by_label("family-vault.sqlite3").check()
    page.get_by_label("Directory on the database server").fill(str(tmp_path))
    expect(shown(page, re.compile("The server can write there"))).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page).to_have_url(re.compile("step=2"))
    hourly = calendar(page).inner_text()
    page.get_by_label("Unit").select_option("d")
    page.get_by_label("At", exact=True).fill("03:15")
    expect(shown(page, re.compile("every day at 03:15"))).to_be_visible()
    expect(calendar(page)).to_contain_text("03:15")
    expect(calendar(page)).not_to_have_text(hourly, use_inner_text=True)
    every = page.get_by_label("Every", exact=True)
    every.fill("")
    expect(shown(page, "Give a whole number, 1 or more.")).to_be_visible()
    every.press_sequentially("2")
    expect(shown(page, re.compile("every 2 days at 03:15"))).to_be_visible()
    expect(every).to_have_value("2")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Activate it").uncheck()
    page.get_by_role("button", name="Create the profile").click()
    expect(page.get_by_role("row").filter(has_text="Family")).to_contain_text("inactive")
    made = ops.profiles.get("Family")
    assert (made.databases, made.every, made.unit, made.active) == (["family-vault.sqlite3"], 2, "d", False)


def on_from(page: Page, heading: str) -> None:
    """Go on from the heading of a step, by a key: until somebody does something, the focus is kept there."""
    expect(page.get_by_role("heading", name=heading)).to_be_focused()
    page.keyboard.press("Tab")


def test_the_wizard_works_by_keyboard_alone(served: Served, visit: Open, ops: Operations, tmp_path: Path) -> None:
    page = visit(f"{served.url}?page=wizard").page
    expect(page.get_by_label("Name of the profile")).to_be_focused()
    # Nobody waits for a server: its databases are listed when it has answered.
    expect(page.get_by_label("company-vault.sqlite3")).to_be_visible()
    page.keyboard.type("By keys")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Instance", exact=True)).to_be_focused()
    expect(page.get_by_label("company-vault.sqlite3")).to_be_visible()  # the server has said what there is
    page.keyboard.press("Tab")
    expect(page.get_by_label("company-vault.sqlite3")).to_be_focused()
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Directory on the database server")).to_be_focused()
    page.keyboard.type(str(tmp_path))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("step=2"))
    on_from(page, "Step 2 of 3: When")
    page.get_by_label("Every", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("step=3"))
    on_from(page, "Step 3 of 3: How")
    page.get_by_label("Time limit in hours").press("Enter")
    expect(page.get_by_role("row").filter(has_text="By keys")).to_be_visible()
    assert ops.profiles.get("By keys").databases == ["company-vault.sqlite3"]


def test_steps_have_addresses_and_what_was_typed_survives_going_back(served: Served, visit: Open) -> None:
    page = visit(f"{served.url}?page=wizard").page
    page.get_by_label("Name of the profile").fill("Not lost")
    page.get_by_role("button", name="When").click()
    expect(page).to_have_url(re.compile("step=2"))
    page.go_back()
    expect(page.get_by_label("Name of the profile")).to_have_value("Not lost")
    page.go_forward()
    expect(page.get_by_label("Every", exact=True)).to_be_visible()


def test_a_double_click_opens_it_and_what_is_wrong_is_said_at_its_field(served: Served, visit: Open) -> None:
    page = visit(served.url).page
    page.get_by_role("row").filter(has_text="samples:").dblclick()
    expect(page.get_by_role("heading", name="Edit Vaults")).to_be_visible()
    field = page.get_by_label("Directory on the database server")
    field.fill("/nowhere/at/all")
    expect(shown(page, re.compile("Backups cannot be written there: it does not exist"))).to_be_visible()
    field.fill("")
    expect(field).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Save").click()
    expect(shown(page, "Name a directory on the database server.").first).to_be_visible()
    expect(page.get_by_role("heading", name="Edit Vaults")).to_be_visible()


def test_the_server_is_browsed_for_the_directory(served: Served, visit: Open, tmp_path: Path) -> None:
    (tmp_path / "a place").mkdir()
    page = visit(f"{served.url}?page=wizard&profile=Vaults").page
    page.get_by_label("Directory on the database server").fill(str(tmp_path))
    page.get_by_role("button", name="Browse the server").click()
    page.get_by_role("button", name="a place", exact=True).click()
    page.get_by_role("button", name=f"Use this one: {tmp_path / 'a place'}").click()
    expect(page.get_by_label("Directory on the database server")).to_have_value(str(tmp_path / "a place"))


def test_deleting_asks_first_and_keeps_the_history(served: Served, visit: Open, ops: Operations) -> None:
    page = visit(served.url).page
    page.get_by_role("button", name="Start now: Vaults").click()
    expect(page.get_by_role("row").filter(has_text="by hand")).to_contain_text("succeeded")
    page.get_by_role("button", name="Delete the selected profile").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("Its history stays")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Delete the selected profile").click()
    page.get_by_role("button", name="Delete Vaults").click()
    expect(page.get_by_role("heading", name="No profile yet")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="by hand")).to_contain_text("succeeded")
    assert ops.profiles.list() == []


def test_an_answer_to_older_typing_takes_nothing_back(served: Served, visit: Open) -> None:
    page = visit(served.url).context.new_page()
    waiting: list[str | bytes] = []
    holding = False

    def between(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        browser.on_message(server.send)
        server.on_message(lambda message: waiting.append(message) if holding else browser.send(message))
        deliver.append(browser.send)

    deliver: list[Callable[[str | bytes], None]] = []
    page.route_web_socket(re.compile("/ws"), between)
    page.goto(f"{served.url}?page=wizard")
    box = page.get_by_label("family-vault.sqlite3")
    expect(box).to_be_visible()
    holding = True
    page.get_by_label("Name of the profile").press_sequentially("Abc")
    # With the last letter the server has the name in the form that it sends.
    until(page, lambda: any("Abc" in str(message) for message in waiting), "the server to answer the last letter")
    older = len(waiting)
    box.check()
    for message in waiting[:older]:
        deliver[-1](message)
    expect(page.locator(".sentence")).to_be_visible()
    expect(page.get_by_label("Name of the profile")).to_have_value("Abc")
    expect(box).to_be_checked()
    holding = False
    for message in waiting[older:]:
        deliver[-1](message)
    expect(shown(page, re.compile("Backs up family-vault.sqlite3"))).to_be_visible()
    expect(box).to_be_checked()
