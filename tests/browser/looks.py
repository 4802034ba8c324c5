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
    deadline = time.monotonic() + PATIENCE_S
    while True:
        expect(of).to_be_visible()
        if (box := of.bounding_box()) is not None:
            return box
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain for a place of {of}"


def until(page: Page, holds: Callable[[], object], what: str) -> None:
    """Wait for what a browser tells by and by, such as frames and complaints: it tells only while it is asked."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain for {what}"
        page.wait_for_timeout(20)


def rgb(colour: str) -> str:
    """Return a colour such as #1c2126 as a browser computes it."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


_MISPLACED = """() => {
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary"
  const above = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null
  const nodes = function* (root) {
    if (root.shadowRoot) { yield* nodes(root.shadowRoot) }
    for (const node of root.querySelectorAll("*")) {
      yield node
      if (node.shadowRoot) { yield* nodes(node.shadowRoot) }
    }
  }
  // What is cut away by something around it that scrolls or clips is not there for anybody who looks.
  const seen = (node, within = document.documentElement) => {
    let {left, right, top, bottom} = node.getBoundingClientRect()
    for (let around = above(node); around && around !== within; around = above(around)) {
      const {overflowX, overflowY} = getComputedStyle(around)
      if (overflowX === "visible" && overflowY === "visible") { continue }
      const box = around.getBoundingClientRect()
      if (overflowX !== "visible") { [left, right] = [Math.max(left, box.left), Math.min(right, box.right)] }
      if (overflowY !== "visible") { [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)] }
    }
    return {left, right, top, bottom}
  }
  const holds = (outer, inner) => {
    for (let node = inner; node; node = above(node)) { if (node === outer) { return true } }
    return false
  }
  const text = (node) => node?.getAttribute("aria-label") ?? node?.textContent.trim().replace(/\\s+/g, " ") ?? ""
  const named = (node) => `${node.localName} ${text(node)} in ${text(above(node))}`.slice(0, 90)
  const visible = (node) => node.checkVisibility({opacityProperty: true, visibilityProperty: true})
  const found = []
  const controls = []
  for (const node of nodes(document.body)) {
    if (!visible(node)) { continue }
    const {overflowX, textOverflow} = getComputedStyle(node)
    const inside = node.clientWidth
    // A field scrolls what is typed, and a single pixel is what is meant for readers alone.
    const is_cut = overflowX !== "visible" && textOverflow !== "ellipsis" && inside > 2 && node.scrollWidth > inside + 1
    if (is_cut && !node.matches("input, textarea")) {
      const right = (one) => seen(one, node).right
      const widest = [...nodes(node)].filter(visible).reduce((one, other) => right(other) >= right(one) ? other : one)
      found.push(`${named(node)} is ${node.scrollWidth} px wide in ${inside}, as ${named(widest)} reaches out`)
    }
    const box = seen(node)
    if (box.right - box.left < 2 || box.bottom - box.top < 1) { continue }
    if (box.left < -1) { found.push(`${named(node)} sticks out at the left by ${-box.left} px`) }
    if (box.right > innerWidth + 1) { found.push(`${named(node)} sticks out by ${box.right - innerWidth} px`) }
    if (node.matches(CONTROLS)) { controls.push([node, box]) }
  }
  const {scrollWidth} = document.documentElement
  if (scrollWidth > innerWidth) { found.push(`the page is ${scrollWidth} px wide in a window of ${innerWidth}`) }
  controls.forEach(([one, mine], place) => controls.slice(place + 1).forEach(([other, its]) => {
    const across = Math.min(mine.right, its.right) - Math.max(mine.left, its.left)
    const down = Math.min(mine.bottom, its.bottom) - Math.max(mine.top, its.top)
    if (across > 1 && down > 1 && !holds(one, other) && !holds(other, one)) {
      found.push(`${named(one)} and ${named(other)} lie over each other`)
    }
  }))
  return found
}"""


def misplaced(page: Page) -> list[str]:
    """Return what sticks out at a side of the window, and which controls lie over each other."""
    return list(page.evaluate(_MISPLACED))
