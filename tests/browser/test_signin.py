"""Signing in, once more, and out, in a real browser: looks, keyboard, and what an open page does when it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pwsops.operations import Operations
from pwsops.signin import private_file
from tests.browser.axe import lasting, violations
from tests.browser.looks import shown
from tests.browser.serving import Served, serving

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
PASSWORD = "walrus teapot oblong"
LISTED = '[[person]]\nsubject = "ada"\nrole = "restorer"\n'


@pytest.fixture
def peopled(home: Path, ops: Operations) -> Iterator[Served]:
    """The real server on a home with ada, who may restore."""
    ops.samples.create()
    ops.people.add_user("ada", PASSWORD)
    private_file.write(home / "access.toml", LISTED.encode())
    with serving(home) as server:
        yield server


def sign_in(page: Page) -> None:
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def test_ada_comes_in_by_keyboard_and_goes(peopled: Served, visit: Open, ops: Operations) -> None:
    visited = visit(f"{peopled.url}?page=runs", signed_in=False)
    page = visited.page
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Service running")).to_have_count(0)
    page.get_by_label("Name", exact=True).fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong.")
    assert violations(page) == []
    sign_in(page)
    expect(page).to_have_url(re.compile(r"/\?page=runs$"))
    expect(shown(page, "Signed in as ada")).to_be_visible()
    other = visited.context.new_page()
    other.goto(peopled.url)
    expect(shown(other, "Signed in as ada")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(shown(page, "You have signed out.")).to_be_visible()
    # The page in the other tab ends with it, by itself.
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visited.outside == []
    told = [(one.actor, one.action) for one in reversed(ops.audit.list())]
    assert told[-3:] == [
        (ops.principal.system_user, "sign-in failed"),
        ("user:ada", "sign in"),
        ("user:ada", "sign out"),
    ]


def test_an_open_page_of_somebody_removed_ends_by_itself(peopled: Served, visit: Open, ops: Operations) -> None:
    page = visit(peopled.url, signed_in=False).page
    sign_in(page)
    expect(shown(page, "Signed in as ada")).to_be_visible()
    ops.people.remove_user("ada")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_open_page_says_that_it_cannot_be_known_who_is_signed_in_and_comes_back(
    peopled: Served, visit: Open, home: Path
) -> None:
    page = visit(peopled.url, signed_in=False).page
    sign_in(page)
    expect(shown(page, "Signed in as ada")).to_be_visible()
    content = (home / "users.json").read_bytes()
    private_file.write(home / "users.json", b"{")
    expect(shown(page, "cannot know who is signed in")).to_be_visible()
    assert lasting(page) == []
    private_file.write(home / "users.json", content)
    expect(shown(page, "Connected again.")).to_be_visible()
    expect(shown(page, "Signed in as ada")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 380])
def test_the_forms_are_accessible(peopled: Served, visit: Open, scheme: str, width: int) -> None:
    page = visit(
        f"{peopled.url}signin", signed_in=False, color_scheme=scheme, viewport={"width": width, "height": 800}
    ).page
    page.get_by_text("You are at the machine itself").click()
    expect(page.get_by_label("Code of the link")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(peopled.link())
    page.goto(f"{peopled.url}signin/anew")
    expect(page.get_by_role("heading", name="Sign in once more")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_printed_link_leads_to_the_page_and_leaves_no_token_behind(peopled: Served, visit: Open) -> None:
    page = visit(peopled.link(), signed_in=False).page
    expect(page).to_have_url(peopled.url)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert "token" not in page.evaluate("document.cookie + document.referrer")
