"""Real servers as processes, and Debian's Chromium to look at them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from pwsops.operations import Operations, open_operations
from tests.browser.serving import (
    PATIENCE_S,
    Served,
    free_port,
    make_profile,
    serving,
    sign_in,
    start,
    wait_for_answer,
)

expect.set_options(timeout=PATIENCE_S * 1000)
FAILED = pytest.StashKey[bool]()
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """One visitor: a page, and every address outside of this machine that it asked for.

    `errors` are those of scripts, `complaints` what the browser itself says: what it blocked, and did not get.
    """

    page: Page
    context: BrowserContext
    outside: list[str]
    errors: list[str]
    complaints: list[str]


# Not for the session: while it is open, Playwright's event loop runs in this thread, and nobody else's can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "chromium is not installed (apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    contexts: list[BrowserContext] = []
    with ExitStack() as stack:

        def open_page(url: str, *, signed_in: bool = True, **options: object) -> Visit:
            context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, **options})  # type: ignore[arg-type]
            stack.callback(context.close)
            contexts.append(context)
            context.set_default_timeout(PATIENCE_S * 1000)
            outside: list[str] = []
            errors: list[str] = []
            complaints: list[str] = []
            page = context.new_page()
            page.on("request", lambda request: None if _inside(request.url) else outside.append(request.url))
            page.on("websocket", lambda socket: None if _inside(socket.url) else outside.append(socket.url))
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            if signed_in:
                sign_in(context, url)
            page.goto(url)
            return Visit(page=page, context=context, outside=outside, errors=errors, complaints=complaints)

        yield open_page
        if request.node.stash.get(FAILED, False):
            for page in (page for context in contexts for page in context.pages):
                sys.stderr.write(f"{page.url} showed:\n{page.locator('body').aria_snapshot()}\n")


def _inside(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname in ("127.0.0.1", "localhost")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ops(home: Path) -> Iterator[Operations]:
    """The same home, from another process than the server's."""
    operations = open_operations(home, actor="test")
    yield operations
    operations.close()


@pytest.fixture
def fresh(home: Path) -> Iterator[Callable[[], Served]]:
    """Starts the real server on an empty home, and again on the same one."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(serving(home))


@pytest.fixture
def served(home: Path, ops: Operations) -> Iterator[Served]:
    """The real server on a home with the sample vaults and one daily profile, "Vaults"."""
    make_profile(ops, "Vaults", home.parent / "backups", ops.samples.create())
    with serving(home) as server:
        yield server


@pytest.fixture
def panel_served(home: Path, ops: Operations) -> Iterator[Served]:
    """`panel serve dashboards/operations.py`, as the manual says, on the same kind of home."""
    make_profile(ops, "Vaults", home.parent / "backups", ops.samples.create())
    port = free_port()
    command = [sys.executable, "-m", "panel", "serve", "dashboards/operations.py", "--setup", "pwsops/web/setup.py"]
    server = start([*command, "--address", "127.0.0.1", "--port", str(port),
                    "--allow-websocket-origin", f"127.0.0.1:{port}"], home)  # fmt: skip
    server.asks = False
    try:
        wait_for_answer(server, port)
        server.url = f"http://127.0.0.1:{port}/operations"
        yield server
    finally:
        server.close()
