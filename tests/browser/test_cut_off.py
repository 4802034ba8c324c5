"""A page whose server is gone, frozen or replaced says so, takes no clicks, and comes back with what was typed."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pwsops.operations import Operations
from pwsops.web.ui.markup import WEB
from tests.browser.axe import lasting
from tests.browser.looks import shown
from tests.browser.serving import Served, free_port, link_to, make_profile, start

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
AT_ONE_PORT = """
import sys
from pathlib import Path
from pwsops.operations import open_operations
from pwsops.web import server
ops = open_operations(Path(sys.argv[1]), actor="test")
server.serve(ops, port=int(sys.argv[2]), on_ready=lambda url: print("ready", url.partition("signin?")[0], flush=True))
ops.close()
"""
NO_CONNECTION = re.compile(r"^No connection to the server since \d\d:\d\d:\d\d\.$")


@pytest.fixture
def again(home: Path, ops: Operations) -> Iterator[Callable[[], Served]]:
    """Starts a server on the sample home, each time at the same address."""
    make_profile(ops, "Vaults", home.parent / "backups", ops.samples.create())
    port = str(free_port())
    with ExitStack() as stack:

        def begin() -> Served:
            server = start([sys.executable, "-c", AT_ONE_PORT, str(home), port], home)
            stack.callback(server.close)
            server.url = server.said("ready")
            return server

        yield begin


def cut_off(page: Page) -> None:
    expect(page.get_by_role("alert").filter(has_text="No connection")).to_be_visible()


def back(page: Page) -> None:
    """Wait for the page to be back; where another server has come, it wants to know who is there."""
    code = page.get_by_label("Code of the link")
    expect(code.or_(shown(page, "Connected again.")).first).to_be_visible()
    if code.is_visible():
        code.fill(link_to(page.url))
        page.get_by_role("button", name="Sign in by the code").click()
    expect(shown(page, "Connected again.")).to_be_visible()
    expect(page.get_by_text(NO_CONNECTION)).to_have_count(0)


def test_a_page_says_since_when_its_server_is_gone_and_takes_no_clicks(
    again: Callable[[], Served], visit: Open
) -> None:
    server = again()
    page = visit(server.url).page
    start_now = page.get_by_role("button", name="Start now: Vaults")
    expect(start_now).to_be_visible()
    expect(page.get_by_text(NO_CONNECTION)).to_have_count(0)
    server.process.kill()
    cut_off(page)
    expect(shown(page, NO_CONNECTION)).to_be_visible()
    expect(shown(page, "may be old")).to_be_visible()
    expect(page).to_have_title(re.compile("^Cut off"))
    start_now.click()
    expect(page.get_by_role("alert").filter(has_text="Not done")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(start_now).to_be_visible()
    again()
    back(page)
    expect(page).to_have_title("Profiles – pwsops")
    start_now.click()
    expect(page.get_by_role("row").filter(has_text="by hand")).to_contain_text("succeeded")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_that_is_cut_off_is_accessible(again: Callable[[], Served], visit: Open, scheme: str) -> None:
    server = again()
    page = visit(server.url, color_scheme=scheme).page
    expect(page.locator(f".mui-{scheme}").first).to_be_visible()
    expect(page.get_by_role("button", name="Start now: Vaults")).to_be_visible()
    server.process.kill()
    cut_off(page)
    assert lasting(page) == []
    expect(page.get_by_role("alert").filter(has_text="No connection")).to_have_count(1)


def test_a_page_that_is_cut_off_while_it_is_drawn_says_so_once(again: Callable[[], Served], visit: Open) -> None:
    server = again()
    page = visit(server.url).page
    expect(page.get_by_role("button", name="Start now: Vaults")).to_be_visible()
    # What the toolkit shows while it waits, and makes an error of: over the whole page, and outside of its landmarks.
    # It hides it itself as soon as the page is drawn, which may be later than what is seen here.
    page.add_style_tag(content="#loader { display: flex !important }")
    expect(page.locator("#loader")).to_be_visible()
    server.process.kill()
    cut_off(page)
    expect(page.locator("#loader")).to_be_hidden()
    assert lasting(page) == []


def test_what_was_typed_in_the_wizard_is_there_again_after_a_restart(
    again: Callable[[], Served], visit: Open, tmp_path: Path
) -> None:
    server = again()
    page = visit(f"{server.url}?page=wizard").page
    page.get_by_role("button", name=re.compile("[Tt]heme|[Dd]ark|[Ll]ight")).first.click()
    expect(page.locator(".mui-dark").first).to_be_visible()
    page.get_by_label("Name of the profile").fill("Family")
    page.get_by_label("family-vault.sqlite3").check()
    page.get_by_label("Directory on the database server").fill(str(tmp_path))
    page.get_by_role("button", name="Next").click()
    expect(page).to_have_url(re.compile("step=2"))
    address = page.url
    every = page.get_by_label("Every", exact=True)
    every.fill("7")
    server.process.kill()
    cut_off(page)
    expect(every).to_be_focused()
    # What is typed meanwhile counts too.
    every.fill("9")
    again()
    back(page)
    expect(page).to_have_url(address)
    expect(page.locator(".mui-dark").first).to_be_visible()
    expect(every).to_have_value("9")
    expect(shown(page, re.compile("every 9 hours"))).to_be_visible()
    expect(every).to_be_focused()
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_label("Name of the profile")).to_have_value("Family")
    expect(page.get_by_label("family-vault.sqlite3")).to_be_checked()
    expect(page.get_by_label("company-vault.sqlite3")).not_to_be_checked()
    expect(page.get_by_label("Directory on the database server")).to_have_value(str(tmp_path))


def test_settings_and_the_name_that_confirms_a_restore_are_there_again(
    again: Callable[[], Served], visit: Open, ops: Operations
) -> None:
    ops.runs.run_here("Vaults")
    server = again()
    settings = visit(f"{server.url}?page=settings").page
    settings.get_by_label("Every", exact=True).fill("5")
    expect(shown(settings, "Not saved yet: Every.")).to_be_visible()
    settings.get_by_label("Incremental").uncheck()
    restoring = visit(f"{server.url}?page=restore&instance=samples&database=family-vault.sqlite3").page
    restoring.get_by_role("radio").first.click()
    confirmed = restoring.locator("input[data-field=confirmed]")
    confirmed.fill("family-vault.sqlite3")
    server.process.kill()
    cut_off(settings)
    cut_off(restoring)
    again()
    back(settings)
    back(restoring)
    expect(shown(settings, re.compile("Not saved yet: Every, Incremental"))).to_be_visible()
    expect(settings.get_by_label("Every", exact=True)).to_have_value("5")
    expect(settings.get_by_label("Incremental")).not_to_be_checked()
    # The address alone makes nobody read a file; what was typed waits.
    restoring.get_by_role("button", name="Read it").click()
    expect(confirmed).to_have_value("family-vault.sqlite3")


def test_a_password_is_never_kept(again: Callable[[], Served], visit: Open) -> None:
    server = again()
    page = visit(f"{server.url}?page=settings&view=add").page
    page.get_by_label("Engine").select_option("sqlserver")
    page.get_by_label("Name", exact=True).fill("left")
    password = page.locator("input[type=password]").first
    password.fill("s3cret-of-mine")
    server.process.kill()
    cut_off(page)
    assert "s3cret" not in page.evaluate("JSON.stringify(Object.entries(sessionStorage))")
    again()
    back(page)
    expect(page.get_by_label("Name", exact=True)).to_have_value("left")
    expect(password).to_have_value("")


def test_a_form_that_was_left_is_not_put_back(again: Callable[[], Served], visit: Open) -> None:
    server = again()
    page = visit(f"{server.url}?page=wizard").page
    page.get_by_label("Name of the profile").fill("Never mind")
    page.get_by_role("button", name="Cancel, and leave without saving").click()
    expect(page.get_by_role("button", name="Start now: Vaults")).to_be_visible()
    server.process.kill()
    cut_off(page)
    again()
    back(page)
    page.get_by_role("link", name="New").click()
    expect(page.get_by_label("Name of the profile")).to_have_value("")


def test_a_frozen_server_is_noticed_and_followed_again_where_the_page_stands(
    again: Callable[[], Served], visit: Open
) -> None:
    server = again()
    page = visit(f"{server.url}?page=wizard").page
    page.get_by_label("Name of the profile").fill("Family")
    page.evaluate("() => { window.same = true }")
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        cut_off(page)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    back(page)
    assert page.evaluate("window.same"), "there was no reason to load the page again"
    expect(page.get_by_label("Name of the profile")).to_have_value("Family")


def test_a_server_that_was_replaced_before_anybody_noticed_is_another(again: Callable[[], Served], visit: Open) -> None:
    server = again()
    page = visit(server.url).page
    expect(page.get_by_role("button", name="Start now: Vaults")).to_be_visible()
    # The page sleeps, as in a laptop that is closed, while the one server ends and the other begins.
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    server.process.kill()
    again()
    session.send("Page.setWebLifecycleState", {"state": "active"})
    back(page)
    page.get_by_role("button", name="Start now: Vaults").click()
    expect(page.get_by_role("row").filter(has_text="by hand")).to_contain_text("succeeded")


def test_a_silent_server_is_noticed_within_three_seconds_of_its_last_answer() -> None:
    text = (WEB / "static" / "connection.js").read_text(encoding="utf-8")
    beat, silent = (
        int(re.search(rf"const {name} = ([0-9_]+)\n", text)[1])  # type: ignore[index]
        for name in ("BEAT_MS", "SILENT_MS")
    )
    assert beat + silent <= 2_750, "a quarter of a second is left for timers that are late"
