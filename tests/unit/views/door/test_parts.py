"""The parts of the door that need no server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from pwsops.views import door
from pwsops.views.door import channel as channel_module
from pwsops.views.door.channel import Channel
from pwsops.views.door.limits import Limits
from pwsops.views.door.log import PAUSE_S, Refusals
from pwsops.views.door.messages import Unexpected, check
from pwsops.views.door.pages import Pages
from tests.unit.views.door.conftest import FakeVisit


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class Connection:
    def __init__(self) -> None:
        self.ended = 0

    def end(self) -> None:
        self.ended += 1


def pages(alive: set[str], clock: Clock, **limits: int) -> Pages:
    return Pages(limits=Limits(**limits), clock=clock, in_loop=lambda work: work(), alive=lambda: alive)


def test_a_page_can_be_claimed_for_a_while_and_as_long_as_it_is_open() -> None:
    alive, clock = {"s"}, Clock()
    book = pages(alive, clock, claim_s=120)
    ada = FakeVisit("ada")
    book.issue(ada, "s", "token")
    clock.at += 1_000
    assert book.claim(ada, "token")
    assert not book.claim(ada, "token ")
    assert not book.claim(FakeVisit("eve"), "token")
    alive.clear()
    assert not book.claim(ada, "token")
    book.issue(ada, "t", "other")
    clock.at += 119
    assert book.claim(ada, "other")
    clock.at += 1
    assert not book.claim(ada, "other")


def test_the_end_of_a_visit_reaches_its_connections_and_no_others() -> None:
    book = pages({"s", "t"}, Clock())
    ada, eve = FakeVisit("ada"), FakeVisit("eve")
    book.issue(ada, "s", "token")
    book.issue(eve, "t", "other")
    mine, left, theirs = Connection(), Connection(), Connection()
    book.opened(ada, mine)
    book.opened(ada, left)
    book.opened(eve, theirs)
    book.closed(ada, left)
    ada.end()
    assert (mine.ended, left.ended, theirs.ended) == (1, 0, 0)
    assert len(ada.on_ends) == 1
    assert not book.claim(ada, "token")
    assert book.claim(eve, "other")
    # Its connections close a moment later.
    book.closed(ada, mine)


def test_refusals_are_said_once_a_minute_and_counted() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    request: Any = SimpleNamespace(path="/x" * 500, remote_ip="10.0.0.1")
    with capture_logs() as logs:
        for _ in range(1_000):
            refusals.note("another Host", request)
        refusals.note("another origin", request)
        clock.at += PAUSE_S
        refusals.note("another Host", request)
    assert [(entry["reason"], entry["times"]) for entry in logs] == [
        ("another Host", 1), ("another origin", 1), ("another Host", 1_000)
    ]  # fmt: skip
    assert len(logs[0]["path"]) == 200


def test_who_sends_too_many_frames_waits_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(channel_module.gen, "sleep", sleep)
    clock, visit, received = Clock(), FakeVisit("ada"), []

    async def consume(frame: str) -> None:
        received.append(frame)

    page = Channel.__new__(Channel)
    page._visit, page._limits = visit, Limits(messages_a_second=10.0, burst=5)
    page._tokens, page._counted_at = 5.0, clock.at
    page.application = SimpleNamespace(io_loop=SimpleNamespace(time=clock))
    page.receiver = SimpleNamespace(consume=consume)

    async def flood(count: int) -> None:
        for number in range(count):
            page._frames = page._bytes = 0
            await page.on_message(str(number))

    asyncio.run(flood(5))
    assert slept == []
    asyncio.run(flood(2))
    assert slept == pytest.approx([0.1, 0.2])
    clock.at += 100
    asyncio.run(flood(5))
    assert len(slept) == 2
    assert len(received) == visit.touched == 12


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": {"type": "event", "name": "x"}},
        {
            "kind": "ModelChanged",
            "model": {"id": "1"},
            "attr": "a",
            "new": {"type": "map", "entries": [["a", [1, None]]]},
        },
    ],
)
def test_what_pages_send_is_expected(event: object) -> None:
    check("PATCH-DOC", {"events": [event]})
    check("PULL-DOC-REQ", {})


def test_what_is_nested_too_deeply_is_not() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(Unexpected, match="deeply"):
        check("PATCH-DOC", {"events": [{"kind": "ModelChanged", "new": deep}]})


def test_without_a_door_a_session_is_nobodys_visit() -> None:
    assert door.visit_of(None) is None
    assert door.visit_of(SimpleNamespace(request=None)) is None
