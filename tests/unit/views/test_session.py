"""What a page learns from other threads: nothing is lost on the way, and the document is touched in its loop alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from bokeh.document import Document

from pwsops.views.session import Session
from pwsops.views.store import Store, Trouble


class Noted(Document):
    """Notes which threads add to it; Bokeh's own loses what a second one adds while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    def add_next_tick_callback(self, callback: Callable[[], None]) -> Any:
        self.threads.append(threading.current_thread())
        return callback()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


def test_an_answer_reaches_the_document_in_the_thread_of_its_loop(store: Store) -> None:
    doc, heard = Noted(), []

    async def page() -> None:
        session = Session(store, doc)
        session.open()
        session.ask("Asking", threading.current_thread, heard.append)
        session.act("service-stop", "")
        await _until(lambda: bool(heard) and not session.snapshot.service.running and not session.switching)
        session.close()

    asyncio.run(page())
    assert heard[0] is not threading.main_thread()
    assert len(doc.threads) >= 3
    assert set(doc.threads) == {threading.main_thread()}


def test_an_answer_waits_until_the_browser_shows_the_page(store: Store) -> None:
    doc, heard, asked = Noted(), [], threading.Event()

    async def page() -> None:
        session = Session(store, doc)
        session.ask("Asking", asked.set, lambda _: heard.append("early"))
        await _until(asked.is_set)
        session.ask("Asking", lambda: None, lambda _: heard.append("late"))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not doc.threads
        session.open()
        await _until(lambda: len(heard) == 2)
        session.close()

    asyncio.run(page())
    assert heard == ["early", "late"]


def test_a_closed_page_is_told_nothing_more(store: Store) -> None:
    doc, heard = Noted(), []

    async def page() -> None:
        session = Session(store, doc)
        session.open()
        await _until(lambda: bool(doc.threads))
        session.close()
        told = len(doc.threads)
        session.ask("Asking", lambda: None, heard.append)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert len(doc.threads) == told

    asyncio.run(page())
    assert not heard


def test_an_answer_that_comes_after_the_server_has_ended_is_nobodys(store: Store) -> None:
    go_on, ended = threading.Event(), threading.Event()
    heard: list[object | Trouble] = []
    threads: list[threading.Thread] = []

    def work() -> None:
        threads.append(threading.current_thread())
        ended.set()
        go_on.wait(30)

    async def page() -> None:
        Session(store, Noted()).ask("Asking", work, heard.append)
        await _until(ended.is_set)

    asyncio.run(page())
    go_on.set()
    threads[0].join()
    assert not heard
