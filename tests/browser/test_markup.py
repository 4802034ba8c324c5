"""What the script under every page does when markup changes around somebody who is in the middle of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from pwsops.web.ui import markup

SCRIPT = markup.script("drawn.js", "attention.js", "typed.js", "markup.js")
MOUNT = """
async ([script, html]) => {
  const {render} = await import(URL.createObjectURL(new Blob([script], {type: "text/javascript"})))
  const heard = {}
  window.sent = []
  window.model = {html, seen: 0, on: (name, call) => { heard[name] = call }, send_msg: (told) => sent.push(told)}
  window.show = (html) => { window.model.html = html; heard.html() }
  document.body.replaceChildren(render({model: window.model, view: {model: {}}}))
}
"""
BOXES = (
    '<div class="options"><div><input type="checkbox" data-field="databases" data-key="a" aria-label="a"></div>'
    '<div><input type="checkbox" data-field="databases" data-key="b" aria-label="b"></div></div>'
)
NOTE = "<p>Asking the server …</p>"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<fieldset>{BOXES}</fieldset>", f"<fieldset>{NOTE}\n{BOXES}<p>more</p></fieldset>"),
        (f"<fieldset>{NOTE}\n{BOXES}</fieldset>", f"<fieldset>{BOXES}</fieldset>"),
        (f"<div>above</div>{BOXES}", f"{NOTE}<div>above</div><div>also</div>{BOXES}"),
        (BOXES, BOXES),
    ],
    ids=["something comes", "something goes", "much comes", "nothing changes"],
)
def test_the_focus_stays_whatever_comes_or_goes_above_it(page: Page, before: str, after: str) -> None:
    page.evaluate(MOUNT, [SCRIPT, before])
    page.get_by_label("b", exact=True).focus()
    page.evaluate("show", after)
    expect(page.get_by_label("b", exact=True)).to_be_focused()
    assert page.evaluate("document.querySelector('.pw').innerHTML.replaceAll('\\n', '')") == after.replace("\n", "")


@pytest.mark.browser
def test_what_stands_in_a_focused_button_changes_with_it(page: Page) -> None:
    page.evaluate(MOUNT, [SCRIPT, '<button data-action="go">Stop <i>now</i></button>'])
    page.get_by_role("button").focus()
    page.evaluate("show", '<button data-action="go"><b>Start</b> now</button>')
    expect(page.get_by_role("button", name="Start now")).to_be_focused()


@pytest.mark.browser
def test_a_field_that_is_gone_lets_go_of_the_focus(page: Page) -> None:
    page.evaluate(MOUNT, [SCRIPT, BOXES])
    page.get_by_label("b", exact=True).focus()
    page.evaluate("show", NOTE)
    expect(page.locator(".pw")).to_have_text("Asking the server …")
    expect(page.get_by_role("checkbox")).to_have_count(0)


@pytest.mark.browser
def test_after_a_lost_connection_messages_are_counted_on_from_where_the_server_stands(page: Page) -> None:
    page.evaluate(MOUNT, [SCRIPT, '<button data-action="go">Go</button>'])
    page.evaluate("model.seen = 7")
    for _ in range(2):
        page.get_by_role("button").click()
    assert page.evaluate("sent.map((told) => told.number)") == [8, 9]
