"""What is on a page, as somebody sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from re import Pattern

from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser.serving import PATIENCE_S


def shown(at: Page | Locator, text: str | Pattern[str], *, exact: bool = False) -> Locator:
    """Return what shows a text: not the live region, which tells readers of it, whatever the page shows."""
    page = at if isinstance(at, Page) else at.page
    return at.get_by_text(text, exact=exact).and_(page.locator(":not([aria-live])"))


def place(of: Locator) -> FloatRect:
    """Return where something lies, also when it is drawn anew while its place is asked for."""
    while True:
        expect(of).to_be_visible()
        if (box := of.bounding_box()) is not None:
            return box


def until(page: Page, holds: Callable[[], object], what: str) -> None:
    """Wait for what a browser tells by and by, such as frames and complaints: it tells only while it is asked."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain for {what}"
        page.wait_for_timeout(20)


def rgb(colour: str) -> str:
    """Return a colour such as #1c2126 as a browser computes it."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"
