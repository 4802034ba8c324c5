"""An answer that comes while the browser is still drawing the page reaches it all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pwsops.operations import Operations
from tests.browser.conftest import Visit
from tests.browser.serving import Served, sign_in, start

# The list of certificates does not come before the standard input has a line.
HELD = """
import functools, sys, threading
from pwsops.operations.certificates import Certificates
from tests.browser.child import serve

read, go_on, list_them = sys.stdin, threading.Event(), Certificates.list
sys.stdin = ()
threading.Thread(target=lambda: read.readline() and go_on.set(), daemon=True).start()

@functools.wraps(list_them)  # with the right that it declares
def held(self):
    go_on.wait(60)
    return list_them(self)

Certificates.list = held
serve(sys.argv[1])
"""


@pytest.fixture
def held(home: Path, ops: Operations) -> Iterator[Served]:
    ops.certificates.create("one")
    server = start([sys.executable, "-c", HELD, str(home)], home)
    try:
        server.url = server.said("ready")
        yield server
    finally:
        server.close()


def test_an_answer_between_fetching_and_drawing_is_shown(held: Served, visit: Callable[..., Visit]) -> None:
    visitor = visit("about:blank")
    sign_in(visitor.context, held.url)
    fetched: list[str] = []

    def hear(frame: str | bytes) -> None:
        if isinstance(frame, str) and "PULL-DOC-REPLY" in frame:
            fetched.append(frame)
            assert held.process.stdin is not None
            held.process.stdin.write("now\n")
            held.process.stdin.flush()

    visitor.page.on("websocket", lambda socket: socket.on("framereceived", hear))
    visitor.page.goto(f"{held.url}?page=certificates")
    expect(visitor.page.get_by_role("row").filter(has_text="CN=one")).to_be_visible()
    assert fetched
