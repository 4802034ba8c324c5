"""What a real browser makes of the front door: our pages work behind it, and pages of strangers get nothing."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FLAGS
from tests.browser.looks import until
from tests.browser.serving import Served
from tests.clocks import joined

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
ATTACK = """
<iframe id="frame" src="URL"></iframe><object id="object" data="URL"></object>
<script>
  window.results = {}
  const note = (name, promise) => promise.then((value) => { results[name] = value })
  const script = (path) => new Promise((resolve) => {
    const element = document.createElement("script")
    element.src = "URL" + path
    element.onload = () => resolve("loaded")
    element.onerror = () => resolve("refused")
    document.head.append(element)
  })
  note("read", fetch("URL").then(() => "read", () => "refused"))
  note("asset", script("static/js/bokeh.min.js"))
  note("autoload", script("autoload.js?bokeh-autoload-element=1"))
  note("component", script("components/lib2to3.__main__/x/_css/y"))
  note("socket", new Promise((resolve) => {
    const socket = new WebSocket("URL".replace("http", "ws") + "ws", ["bokeh", "token"])
    socket.onopen = () => resolve("open")
    socket.onerror = () => resolve("refused")
  }))
  note("post", fetch("URL", {method: "POST", mode: "no-cors", body: "x"}).then(({type}) => type, () => "refused"))
</script>
"""


@contextmanager
def stranger(page: str) -> Iterator[str]:
    """A page of somebody else, on another port of this machine: it gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *said: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            joined(thread)


def test_every_page_works_with_what_the_policy_allows(served: Served, visit: Open) -> None:
    visitor = visit(served.url)
    page: Page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for name in ("History", "Databases", "Certificates", "Settings", "Profiles"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
        expect(page.locator("main").get_by_role("heading").first).to_be_visible()
    page.get_by_role("button", name="Toggle theme").click()
    for address in ("?page=wizard", "?page=restore", "?page=settings&view=add"):
        page.goto(served.url + address)
        expect(page.locator("main").get_by_role("heading").first).to_be_visible()
    # What was loaded is in the browser's cache now, and is asked for again all the same.
    page.reload()
    expect(page.locator("main").get_by_role("heading").first).to_be_visible()
    assert visitor.complaints == []
    assert visitor.errors == []
    assert visitor.outside == []


def test_no_script_runs_that_the_page_did_not_bring(served: Served, visit: Open) -> None:
    visitor = visit(served.url)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    harmed = page.evaluate("""() => {
      const inline = document.createElement("script")
      inline.textContent = "window.harmed = 'inline'"
      document.body.append(inline)
      const image = document.createElement("img")
      image.setAttribute("onerror", "window.harmed = 'attribute'")
      image.src = "data:image/png,x"
      document.body.append(image)
      // A timer's text is made into a script when the timer is due: by then nothing of the test's own runs any more,
      // to which the policy would not apply.
      try { window.setTimeout("window.harmed = 'text'") } catch { /* as it should be */ }
      return new Promise((resolve) => setTimeout(() => resolve(window.harmed ?? ""), 200))
    }""")
    assert harmed == ""
    until(page, lambda: len(visitor.complaints) == 3, "a complaint of each of the three")


def test_a_page_of_another_origin_gets_nothing(served: Served, visit: Open) -> None:
    with stranger(ATTACK.replace("URL", served.url)) as address:
        page: Page = visit(address).page
        page.wait_for_function("() => Object.keys(window.results).length === 6")
        results = page.evaluate("() => window.results")
        assert results.pop("post") in ("opaque", "refused")
        assert set(results.values()) == {"refused"}, results
        texts = [frame.locator("body").inner_text() for frame in page.frames if frame is not page.main_frame]
        assert not any("Service running" in text or "Vaults" in text for text in texts)
    assert served.listening() == 0
    # And it serves on.
    expect(visit(served.url).page.get_by_role("heading", level=1)).to_be_visible()


def test_a_name_of_somebody_else_s_shows_nothing(served: Served, browser: Browser, tmp_path: Path) -> None:
    # DNS rebinding: to the browser, this page is of the same origin as what it asks for.
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    other = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, rules])
    try:
        page = other.new_page()
        page.goto(served.url.replace("127.0.0.1", "evil.example"))
        expect(page.locator("body")).to_contain_text("answers only under its own names")
    finally:
        other.close()
    assert served.listening() == 0
