"""No card lies over another one, in any frame from the first paint on, however wide the page is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from pwsops.operations import Operations
from tests.browser.serving import Served

pytestmark = pytest.mark.browser
WIDTHS = (320, 768, 1024, 1280, 2560)
PLACES = {
    "": "Latest runs",
    "?page=wizard": "Runs to come",
    "?page=restore&instance=samples&database=family-vault.sqlite3": "1. Choose the moment",
}
"""Addresses, and a heading of the last card of each."""
WATCH = """
(() => {
  window.overlaps = []
  const cards = (root, found) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.matches("section.card") && element.getClientRects().length > 0) { found.push(element) }
      if (element.shadowRoot) { cards(element.shadowRoot, found) }
    }
    return found
  }
  const over = (one, other) => Math.min(
    Math.min(one.right, other.right) - Math.max(one.left, other.left),
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top),
  )
  const look = () => {
    const boxes = cards(document, []).map((card) => card.getBoundingClientRect())
    boxes.forEach((one, place) => boxes.slice(place + 1).forEach((other) => {
      if (over(one, other) > 1) { window.overlaps.push([performance.now(), one, other]) }
    }))
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
})()
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_no_card_lies_over_another_while_a_page_loads(
    served: Served, visit: Callable[..., Any], ops: Operations, width: int
) -> None:
    ops.runs.run_here("Vaults")
    page = visit(served.url, viewport={"width": width, "height": 900}).page
    page.add_init_script(WATCH)
    for search, last in PLACES.items():
        page.goto(served.url + search)
        expect(page.get_by_role("heading", name=last).first).to_be_visible()
        page.evaluate("document.fonts.ready.then(() => new Promise((resolve) => requestAnimationFrame(resolve)))")
        assert page.evaluate("window.overlaps") == [], search
        assert page.evaluate("document.documentElement.scrollWidth") <= width
