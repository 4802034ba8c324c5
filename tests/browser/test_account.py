"""The page "Account" in a real browser: a second factor set up and used by keyboard alone, and how it all looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, expect

from pwsops.operations import Operations
from pwsops.signin import private_file
from tests.browser.axe import violations
from tests.browser.looks import shown
from tests.browser.serving import Served, serving

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
PASSWORD = "walrus teapot oblong"
LISTED = '[[person]]\nsubject = "ada"\nrole = "administrator"\n[[person]]\nsubject = "bob"\nrole = "viewer"\n'


@pytest.fixture
def peopled(home: Path, ops: Operations) -> Iterator[Served]:
    ops.samples.create()
    for name in ("ada", "bob"):
        ops.people.add_user(name, PASSWORD)
    private_file.write(home / "access.toml", LISTED.encode())
    with serving(home) as server:
        yield server


def sign_in(page: Page, name: str = "ada") -> None:
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def tab_to(page: Page, name: str) -> None:
    """Go on by Tab until something of that name has the focus."""
    wanted = page.get_by_role("link", name=name, exact=True).or_(page.get_by_role("button", name=name, exact=True))
    wanted = wanted.or_(page.get_by_label(name, exact=True))
    expect(wanted).to_be_visible()
    for _ in range(60):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {name!r}")


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()), counter_offset=steps)


def looks_right(page: Page) -> None:
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 380)])
def test_a_second_factor_is_set_up_and_signs_in_by_keyboard(
    peopled: Served, visit: Open, scheme: str, width: int
) -> None:
    visited = visit(
        f"{peopled.url}account", signed_in=False, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    page = visited.page
    sign_in(page)
    expect(page.get_by_role("heading", name="Account of ada")).to_be_visible()
    looks_right(page)
    tab_to(page, "Set up a second factor")
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="The secret as a QR code")).to_be_visible()
    looks_right(page)
    secret = page.get_by_text(r"Secret of ada").locator("xpath=following::code[1]").inner_text().replace(" ", "")
    tab_to(page, "The code that the app shows now")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not fit the secret")
    expect(page.get_by_label("The code that the app shows now")).to_be_focused()
    looks_right(page)
    page.keyboard.type(code(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()
    looks_right(page)
    tab_to(page, "I have kept them")
    page.keyboard.press("Enter")
    expect(shown(page, "8 recovery codes left")).to_be_visible()
    looks_right(page)
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(shown(page, "You have signed out.")).to_be_visible()
    sign_in(page)
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong.")
    looks_right(page)
    # The next one, which counts already: the present one was used.
    page.keyboard.type(code(secret, 1))
    page.keyboard.press("Enter")
    # The name stands in the menu, which a narrow screen draws once it is opened.
    expect(page).to_have_title("Profiles – pwsops")
    expect(page.get_by_text("Signed in as ada")).to_have_count(1 if width > 600 else 0)
    assert (visited.outside, visited.errors) == ([], [])
    assert not [one for one in visited.complaints if "Content Security Policy" in one]


def test_sessions_are_ended_from_the_page(peopled: Served, visit: Open) -> None:
    mine = visit(f"{peopled.url}account", signed_in=False).page
    sign_in(mine)
    also = visit(peopled.url, signed_in=False).page
    sign_in(also)
    expect(shown(also, "Signed in as ada")).to_be_visible()
    theirs = visit(peopled.url, signed_in=False).page
    sign_in(theirs, "bob")
    expect(shown(theirs, "Signed in as bob")).to_be_visible()
    mine.reload()
    looks_right(mine)
    mine.get_by_role("button", name="End all others").click()
    expect(shown(mine, "All your other sessions have ended.")).to_be_visible()
    expect(also.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(shown(theirs, "Signed in as bob")).to_be_visible()
    mine.get_by_role("button", name="End all sessions of bob").click()
    expect(shown(mine, "Their sessions have ended.")).to_be_visible()
    expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()
