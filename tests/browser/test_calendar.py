"""The calendar in a real browser: by mouse, by keyboard, in both schemes, and behind the front door."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Locator, Page, expect

from pwsops.operations import Operations
from pwsops.web.ui.theme import DARK, LIGHT, Palette
from tests.browser.looks import place, shown
from tests.browser.serving import Served
from tests.clocks import wait_until

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


def figure(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Runs"))


def tap(page: Page, across: float, down: float) -> None:
    """Tap on the figure, so far across and down its width and height, as soon as it stands still."""
    box = place(figure(page))
    figure(page).click(position={"x": across * box["width"], "y": down * box["height"]})


def is_painted(page: Page, palette: Palette, other: Palette) -> bool:
    """Whether the figure has the ground, the letters and the marks of one scheme, and none of the other's."""
    with Image.open(BytesIO(figure(page).screenshot())) as picture:
        found = picture.convert("RGB").getcolors(picture.width * picture.height) or []
    there = {colour for _, colour in found}

    def parts(of: Palette) -> set[object]:
        return {ImageColor.getrgb(colour) for colour in (of.surface, of.muted, of.incremental)}

    return parts(palette) <= there and not parts(other) & there


@pytest.fixture
def busy(ops: Operations, served: Served) -> Served:
    """The server, with an hourly profile beside the weekly one."""
    profile = ops.profiles.get("Vaults")
    profile.param.update(
        name="Hourly", every=1, unit="h", at=None, weekdays=[], directory=f"{profile.directory}-hourly"
    )
    ops.profiles.create(profile)
    return served


def following() -> str:
    """The day after today, as an address has it: something runs on it."""
    return f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"


def test_a_tapped_day_opens_its_runs_by_profile_and_back_returns(busy: Served, visit: Open) -> None:
    visitor = visit(busy.url)
    page = visitor.page
    expect(figure(page)).to_be_visible()
    # The fourth week is all of days to come, wherever in its week today is.
    tap(page, 0.5, 0.6)
    expect(page).to_have_url(re.compile(r"day=\d{4}-\d\d-\d\d&view=day"))
    runs = page.get_by_role("table", name=re.compile("^Runs of Thursday"))
    expect(runs.get_by_role("row").filter(has_text="Hourly")).to_be_visible()
    expect(page.get_by_role("button", name="Back to the calendar")).to_be_focused()
    page.go_back()
    expect(runs).to_have_count(0)
    expect(page.get_by_role("button", name="Month", exact=True)).to_have_attribute("aria-pressed", "true")
    assert (visitor.errors, visitor.complaints, visitor.outside) == ([], [], [])


def test_days_are_opened_by_keyboard_alone_and_escape_returns_to_where_one_was(busy: Served, visit: Open) -> None:
    page = visit(busy.url).page
    days = page.get_by_role("list", name="Days").get_by_role("button")
    expect(days.nth(3)).to_be_visible()
    # All of them are one stop of the Tab key.
    stop = days.and_(page.locator("[tabindex='0']"))
    expect(stop).to_have_count(1)
    expect(days.and_(page.locator(":not([tabindex='0'], [tabindex='-1'])"))).to_have_count(0)
    stop.press("Home")
    expect(days.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(days.nth(1)).to_be_focused()
    opened = days.nth(1).get_attribute("data-key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Back to the calendar")).to_be_focused()
    expect(page).to_have_url(re.compile(f"day={opened}"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("list", name="Days").locator(f"[data-key='{opened}']")).to_be_focused()
    expect(page).not_to_have_url(re.compile("day="))


def test_a_week_shows_its_hours_and_leads_on_to_a_day(busy: Served, visit: Open) -> None:
    page = visit(busy.url).page
    page.get_by_role("button", name="Week", exact=True).click()
    expect(shown(page, re.compile("^Week of Monday"))).to_be_visible()
    page.get_by_role("button", name="Week after").click()
    expect(page).to_have_url(re.compile("view=week"))
    expect(shown(page, re.compile(r"\d+ runs to come\."))).to_be_visible()
    tap(page, 0.5, 0.42)
    expect(page.get_by_role("table", name=re.compile("^Runs of Wednesday"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(shown(page, re.compile("^Week of Monday"))).to_be_visible()


def test_the_figure_follows_the_scheme_and_the_page_stays_open(busy: Served, visit: Open) -> None:
    visitor = visit(busy.url, color_scheme="light")
    page = visitor.page
    expect(figure(page)).to_be_visible()
    wait_until(lambda: is_painted(page, LIGHT, DARK), "a light figure")
    page.evaluate("Bokeh.documents[0].roots().find(root => root.class_name === 'Page').data.dark_theme = true")
    expect(page.locator(".mui-dark").first).to_be_visible()
    wait_until(lambda: is_painted(page, DARK, LIGHT), "the same in dark colours")
    # What the toolkit tells of a new scheme is let in, and what is done after it is answered.
    page.get_by_role("button", name="Month after").click()
    expect(page).to_have_url(re.compile("month="))
    expect(figure(page)).to_have_attribute("aria-label", re.compile(r"in \w+ \d{4}"))
    wait_until(lambda: is_painted(page, DARK, LIGHT), "another month in dark colours")
    assert (visitor.errors, visitor.complaints) == ([], [])


def test_a_narrow_page_has_the_list_instead_of_the_figure(busy: Served, visit: Open) -> None:
    page = visit(f"{busy.url}?view=day&day={following()}", viewport={"width": 390, "height": 800}).page
    expect(page.get_by_role("table", name=re.compile("^Runs of"))).to_be_visible()
    page.get_by_role("button", name="Back to the calendar").click()
    expect(page.get_by_role("list", name="Days").get_by_role("button").first).to_be_visible()
    expect(figure(page)).to_have_count(0)


def test_in_the_wizard_the_others_are_beside_and_the_month_goes_on_there(busy: Served, visit: Open) -> None:
    page = visit(f"{busy.url}?page=wizard&step=2").page
    expect(shown(page, "of others").first).to_be_visible()
    expect(shown(page, re.compile("^Runs overlap|^No runs overlap"))).to_be_visible()
    page.get_by_role("button", name="Month after").click()
    expect(page).to_have_url(re.compile("month="))
    assert "page=wizard" in page.url
