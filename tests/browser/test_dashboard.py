"""The first page in a real browser, served by a real process, over real backups."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pwsops.operations import Operations
from pwsops.rules.model import RunStatus
from tests.browser.looks import place, shown, until
from tests.browser.serving import PATIENCE_S, Served, make_profile

HOSTILE = "<script>window.harmed=1</script><img src=x onerror=window.harmed=1>"

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


def row(page: Page, text: str) -> object:
    return page.get_by_role("row").filter(has_text=text).first


def start_now(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Start now: {name}").click()


def test_a_run_started_on_the_page_is_seen_to_end_there(served: Served, visit: Open, tmp_path: Path) -> None:
    page = visit(served.url).page
    expect(page.get_by_role("heading", name=re.compile("^All 3 databases are unprotected"))).to_be_visible()
    start_now(page, "Vaults")
    expect(row(page, "by hand")).to_contain_text("succeeded")
    expect(
        page.get_by_role("heading", name="All 3 databases are protected: each was backed up within the last minute.")
    ).to_be_visible()
    assert len(list((tmp_path / "backups").glob("*_FULL_*.bak"))) == 3


def test_a_message_is_closed_with_one_click_each_time(served: Served, visit: Open) -> None:
    visitor = visit(served.url)
    for _ in range(3):
        start = visitor.page.get_by_role("button", name="Start now: Vaults")
        # In one go: the page may be drawn anew at any time, and its key is then right again.
        start.evaluate("node => { node.dataset.key = 'Nobody'; node.click() }")
        message = visitor.page.get_by_text("There is no profile 'Nobody'.")
        expect(message).to_be_visible()
        visitor.page.get_by_role("button", name="Close this message").click()
        expect(message).to_have_count(0)


def test_the_page_says_what_comes_and_when(served: Served, visit: Open) -> None:
    page = visit(served.url).page
    page.get_by_role("button", name="Month after").click()
    expect(page.get_by_role("list", name="Runs to come").get_by_role("listitem").first).to_contain_text("full")
    shown = page.get_by_text(re.compile(r"to come in \w+ \d{4}"))
    before = shown.inner_text()
    page.get_by_role("button", name="Month after").click()
    expect(shown).not_to_have_text(before)
    expect(page).to_have_url(re.compile(r"month=\d{4}-\d\d"))


def test_start_now_says_why_it_cannot_while_the_service_is_stopped(served: Served, visit: Open) -> None:
    page = visit(served.url).page
    page.get_by_role("button", name="Stop the backup service").click()
    expect(page.get_by_role("button", name="Keep it running")).to_be_focused()
    page.get_by_role("button", name="Stop the service", exact=True).click()
    button = page.get_by_role("button", name="Start now: Vaults")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", re.compile("service is stopped"))
    expect(shown(page, "Nothing runs by schedule.")).to_be_visible()
    page.get_by_role("button", name="Start the backup service").click()
    expect(page.get_by_role("button", name="Stop the backup service")).to_be_visible()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    start_now(page, "Vaults")
    expect(row(page, "by hand")).to_contain_text("succeeded")


def test_a_failing_profile_is_orange_with_its_cause_and_next_step(
    served: Served, visit: Open, ops: Operations, tmp_path: Path
) -> None:
    place = tmp_path / "broken"
    make_profile(ops, "Broken", place, ["family-vault.sqlite3"])
    place.rmdir()
    place.write_text("a file where the directory was")
    page = visit(served.url).page
    start_now(page, "Broken")
    mine = page.get_by_role("row").filter(has_text="last run failed")
    expect(mine).to_have_class(re.compile("is-orange"))
    findings = page.get_by_role("list", name="What needs attention")
    expect(findings).to_contain_text("Broken failed")
    expect(findings).to_contain_text(str(place))
    findings.get_by_role("link", name=re.compile("Details of run")).first.click()
    expect(page.get_by_role("heading", name="family-vault.sqlite3")).to_be_visible()
    expect(shown(page, str(place)).first).to_be_visible()


def test_five_failed_runs_make_a_profile_red_and_say_how_to_arm_it(
    served: Served, visit: Open, ops: Operations, tmp_path: Path
) -> None:
    place = tmp_path / "broken"
    make_profile(ops, "Broken", place, ["family-vault.sqlite3"])
    place.rmdir()
    page = visit(served.url).page
    place.write_text("a file where the directory was")
    for _ in range(5):
        assert ops.runs.run_here("Broken").status is RunStatus.FAILED
    expect(page.get_by_role("row").filter(has_text="switched off")).to_have_class(re.compile("is-red"))
    page.get_by_role("link", name="Fix this profile").click()
    expect(page.get_by_role("heading", name="Why it was switched off")).to_be_visible()


def test_names_from_outside_are_text(served: Served, visit: Open, ops: Operations, tmp_path: Path) -> None:
    samples = Path(ops.instances.list()[0].address)
    (samples / "family-vault.sqlite3").rename(samples / "<b>x<img src=x onerror=window.harmed=1>.sqlite3")
    name = HOSTILE + "x" * (128 - len(HOSTILE))
    make_profile(ops, name, tmp_path / "<i>place", ["<b>x<img src=x onerror=window.harmed=1>.sqlite3"])
    visited = visit(served.url)
    page = visited.page
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=f"Runs: {name}")).to_be_visible()
    page.get_by_role("button", name=f"Start now: {name}").click()
    page.get_by_role("link", name=f"Last run of {name}").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("heading", name="<b>x<img")).to_be_visible()
    assert page.evaluate("window.harmed") is None
    assert visited.outside == []


def test_no_request_leaves_the_machine(served: Served, visit: Open) -> None:
    visited = visit(served.url)
    page = visited.page
    start_now(page, "Vaults")
    expect(row(page, "by hand")).to_contain_text("succeeded")
    page.get_by_role("button", name=re.compile("[Tt]heme|[Dd]ark|[Ll]ight")).first.click()
    expect(page.locator(".mui-dark").first).to_be_visible()
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", name="History", exact=True)).to_be_visible()
    for query, heading in (
        ("page=wizard", "New profile"),
        ("page=databases", "Databases"),
        ("page=restore&instance=samples&database=family-vault.sqlite3", "Restore into family-vault.sqlite3"),
        ("page=settings", "Settings"),
    ):
        page.goto(f"{served.url}?{query}")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_attached()
        # What is not visible is not drawn: files are not opened with another login.
        expect(page.get_by_role("button", name="Give another login")).to_have_count(0)
    page.evaluate("document.fonts.ready")
    assert visited.outside == []
    assert visited.errors == []


def test_two_browsers_show_the_same_without_being_asked_again(served: Served, visit: Open) -> None:
    first, second = visit(served.url).page, visit(served.url).page
    expect(shown(second, "No run yet.")).to_be_visible()
    start_now(first, "Vaults")
    for page in (first, second):
        expect(row(page, "by hand")).to_contain_text("succeeded")
    until(page, lambda: served.listening() == 2, "both pages to be known")


def test_a_closed_browser_leaves_nothing_behind(served: Served, visit: Open) -> None:
    visited, stays = visit(served.url), visit(served.url)
    for page in (visited.page, stays.page):
        expect(page.get_by_role("heading", name="Latest runs")).to_be_visible()
    until(stays.page, lambda: served.listening() == 2, "both pages to be known")
    visited.context.close()
    until(stays.page, lambda: served.listening() == 1, "the closed page to be forgotten")
    start_now(stays.page, "Vaults")
    expect(row(stays.page, "by hand")).to_contain_text("succeeded")


def test_back_and_forward_lead_where_one_was(served: Served, visit: Open, ops: Operations) -> None:
    run = ops.runs.run_here("Vaults")
    page = visit(served.url).page
    expect(page.get_by_role("heading", name="Latest runs")).to_be_visible()
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", name="History", exact=True)).to_be_visible()
    page.get_by_role("link", name="Vaults").click()
    expect(page).to_have_url(re.compile(f"page=run&run={run.id}"))
    expect(page.get_by_role("heading", name="company-vault.sqlite3")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="History", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Latest runs")).to_be_visible()
    page.go_forward()
    page.go_forward()
    expect(page.get_by_role("heading", name="company-vault.sqlite3")).to_be_visible()


@pytest.mark.parametrize("search", ["?page=run&run=999999", "?page=run&run=<script>", "?page=run"])
def test_a_wrong_address_is_a_message_with_a_next_step(served: Served, visit: Open, search: str) -> None:
    page = visit(served.url + search).page
    expect(page.get_by_role("alert")).to_contain_text("There is no run")
    expect(page.get_by_role("alert")).to_contain_text("pwsops runs")
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_newcomer_without_an_instance_is_told_what_to_do(served: Served, visit: Open, ops: Operations) -> None:
    page = visit(served.url).page
    ops.profiles.delete("Vaults")
    expect(page.get_by_role("heading", name="No profile yet")).to_be_visible()
    ops.instances.remove("samples")
    expect(page.get_by_role("heading", name="Nothing is set up yet")).to_be_visible()
    expect(shown(page, "pwsops sample", exact=True)).to_be_visible()


def test_a_narrow_page_is_not_wider_than_its_screen(served: Served, visit: Open) -> None:
    page = visit(served.url, viewport={"width": 360, "height": 800}).page
    expect(page.get_by_role("button", name="Start now: Vaults")).to_be_visible()
    until(page, lambda: page.evaluate("document.querySelector('body').scrollWidth") <= 360, "a page of 360 pixels")
    page.get_by_role("button", name="Start now: Vaults").click()
    expect(row(page, "by hand")).to_contain_text("succeeded")


def test_a_narrow_page_does_not_break_its_titles_into_letters(served: Served, visit: Open) -> None:
    page = visit(f"{served.url}?profile=Vaults", viewport={"width": 390, "height": 800}).page
    title = page.get_by_role("heading", name="Runs: Vaults")
    expect(title).to_be_visible()
    until(page, lambda: place(title)["height"] < 60, "a title of one line or two")


def test_sigterm_ends_the_server_and_the_service_cleanly(served: Served, visit: Open, ops: Operations) -> None:
    page = visit(served.url).page
    expect(page.get_by_role("heading", name="Latest runs")).to_be_visible()
    assert served.end() == 0
    served.said("ended")
    assert not ops.service.status().running


def test_a_run_takes_place_with_no_browser_open(served: Served, ops: Operations) -> None:
    run = ops.runs.start("Vaults")
    assert ops.runs.wait(run.id, timeout_s=PATIENCE_S).status is RunStatus.SUCCEEDED
    assert served.listening() == 0


def test_panel_serve_starts_the_same_thread_before_the_first_session(
    panel_served: Served, visit: Open, ops: Operations
) -> None:
    run = ops.runs.start("Vaults")
    assert ops.runs.wait(run.id, timeout_s=PATIENCE_S).status is RunStatus.SUCCEEDED
    visited = visit(panel_served.url)
    start_now(visited.page, "Vaults")
    expect(visited.page.get_by_role("row").filter(has_text="succeeded")).to_have_count(3)
    assert ops.service.status().pid == panel_served.process.pid
    assert visited.outside == []


def test_panel_serve_shows_nothing_to_a_session_from_elsewhere(panel_served: Served, visit: Open) -> None:
    page = visit(panel_served.url, extra_http_headers={"X-Forwarded-For": "203.0.113.9"}).page
    expect(page.get_by_role("alert")).to_contain_text("to nobody on another machine (203.0.113.9)")
    expect(page.get_by_role("alert")).to_contain_text("pwsops serve")
    expect(page.get_by_role("button", name="Start now")).to_have_count(0)


def test_panel_serve_ends_cleanly(panel_served: Served, ops: Operations) -> None:
    assert ops.service.status().running
    panel_served.end()
    assert not ops.service.status().running
