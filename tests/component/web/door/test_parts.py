"""The parts of the door that need no server."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.protocol import Protocol
from bokeh.protocol.receiver import Receiver
from structlog.testing import capture_logs

from pwsops.web import door
from pwsops.web.door import channel as channel_module
from pwsops.web.door.channel import Channel
from pwsops.web.door.limits import Limits
from pwsops.web.door.log import PAUSE_S, Refusals
from pwsops.web.door.messages import PATCH, PULL, Unexpected, check
from pwsops.web.door.pages import Pages
from pwsops.web.panel_compat import SocketHandler
from tests.component.web.door.conftest import FakeVisit


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


def pages(alive: set[str], clock: Clock, **limits: Any) -> Pages:
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


def page_of(visit: FakeVisit, book: Pages, monkeypatch: pytest.MonkeyPatch) -> tuple[Channel, list[float]]:
    """A page's connection that waits in no time."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        book.clock.at += seconds  # type: ignore[attr-defined]

    async def answered(message: object) -> None:
        del message

    monkeypatch.setattr(channel_module.gen, "sleep", sleep)
    page = Channel.__new__(Channel)
    request: Any = SimpleNamespace(connection=SimpleNamespace(set_close_callback=lambda _: None), protocol="http")
    monkeypatch.setattr(SocketHandler, "__init__", lambda *args, **kwargs: None)
    options: dict[str, Any] = {"visit": visit, "pages": book, "limits": book.limits, "refused": lambda *_: None}
    page.__init__(None, request, **options)  # type: ignore[misc]
    page.receiver = Receiver(Protocol())
    page.connection = SimpleNamespace(session=None)
    page.send_message = answered
    return page, slept


def say(page: Channel, *kinds: str) -> None:
    async def go() -> None:
        for kind in kinds:
            content = {} if kind == PULL else {"events": []}
            for part in ({"msgid": "1", "msgtype": kind}, {}, content):
                await page.on_message(json.dumps(part))

    asyncio.run(go())


def done(monkeypatch: pytest.MonkeyPatch, cost_s: float = 0.0) -> list[str]:
    """What the toolkit did, each of which takes so much of the processor."""
    found: list[str] = []
    spent = [0.0]

    async def work(_page: Channel, message: Any) -> None:
        found.append(message.msgtype)
        spent[0] += cost_s

    monkeypatch.setattr(Channel, "patch", work)
    monkeypatch.setattr(Channel, "pull", work)
    monkeypatch.setattr(channel_module.time, "thread_time", lambda: spent[0])
    return found


def test_who_sends_too_many_frames_waits_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, visit, found = Clock(), FakeVisit("ada"), done(monkeypatch)
    book = pages(set(), clock, messages_a_second=10.0, burst=6)
    page, slept = page_of(visit, book, monkeypatch)
    say(page, PATCH, PATCH)
    assert slept == []
    say(page, PATCH)
    assert slept == pytest.approx([0.1] * 3)
    clock.at += 100
    say(page, PATCH, PATCH)
    assert len(slept) == 3
    assert (len(found), visit.touched) == (5, 15)


def test_a_page_that_asks_for_its_document_again_and_again_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    found = done(monkeypatch)
    page, slept = page_of(FakeVisit("ada"), pages(set(), Clock(), pulls=2, pull_s=5.0), monkeypatch)
    say(page, *[PULL] * 5, PATCH)
    assert slept == pytest.approx([5.0, 5.0, 5.0])
    assert found == [PULL] * 5 + [PATCH]


def test_all_pages_of_one_person_have_one_share_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    done(monkeypatch, cost_s=1.0)
    book = pages(set(), Clock(), work_s=2.0, share=0.25)
    at_home, _ = page_of(FakeVisit("ada@home"), book, monkeypatch)
    at_work, slept = page_of(FakeVisit("ada@work"), book, monkeypatch)
    say(at_home, PATCH, PATCH)
    assert slept == []
    say(at_work, PATCH)
    assert slept == []
    say(at_home, PATCH)
    assert slept == pytest.approx([4.0])
    other, slept = page_of(FakeVisit("eve"), book, monkeypatch)
    say(other, PATCH, PATCH)
    assert slept == []
    # What has grown back is not remembered.
    book.clock.at += 100  # type: ignore[attr-defined]
    book.claim(FakeVisit("eve"), "x")
    assert book._shares == {}


TOOLBAR = ".bk-right.bk-active, .bk-above.bk-active {\n      --highlight-color: #0b5cad !important;\n    }"
"""As the toolkit writes it with each change of the scheme."""
MISSING = object()


def tap(**values: object) -> dict[str, Any]:
    """A tap on a figure, as a browser sends it."""
    held = {"type": "map", "entries": [["shift", False], ["ctrl", False], ["alt", True]]}
    told = {"model": {"id": "1"}, "sx": 403.5, "sy": 175, "x": 3.5, "y": 1.89, "modifiers": held} | values
    entries = [[name, value] for name, value in told.items() if value is not MISSING]
    data = {"type": "event", "name": "tap", "values": {"type": "map", "entries": entries}}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}


def changed(attr: str, new: object) -> dict[str, Any]:
    """A change of a property of one of the page's models."""
    return {"kind": "ModelChanged", "model": {"id": "1"}, "attr": attr, "new": new}


@pytest.mark.parametrize(
    "event",
    [
        {
            "kind": "MessageSent",
            "msg_type": "bokeh_event",
            "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map"}},
        },
        {"kind": "ModelChanged", "model": {"id": "1"}, "attr": "search", "new": "?page=runs"},
        {"kind": "ModelChanged", "model": {"id": "1"}, "attr": "dark_mode", "new": None},
        {"kind": "ModelChanged", "model": {"id": "1"}, "attr": "inner_width", "new": 807},
        {"kind": "ModelChanged", "model": {"id": "1"}, "attr": "stylesheets", "new": [TOOLBAR, TOOLBAR]},
        tap(),
        tap(sx=403, y=1.8919999999999995),
    ],
)
def test_what_pages_send_is_expected(event: object) -> None:
    check("PATCH-DOC", {"events": [event]})
    check("PULL-DOC-REQ", {})


@pytest.mark.parametrize(
    "event",
    [
        *(tap(**{name: value}) for name in ("sx", "sy", "x", "y") for value in (None, "1", True, [], {"id": "1"})),
        *(tap(modifiers=value) for value in (None, {"type": "map", "entries": [["shift", 1]]}, {"id": "1"})),
        tap(model="1"),
        tap(more=1),
        tap(x=MISSING),
        *(changed("inner_width", value) for value in (-1, 1.5, True, "8", None, [8], (1 << 20) + 1)),
        *(
            changed("stylesheets", value)
            for value in (TOOLBAR, None, {}, [None], [[TOOLBAR]], ["* {}"], [TOOLBAR] * 257)
        ),
        changed("stylesheets", [TOOLBAR + "body { display: none }"]),
        changed("stylesheets", [TOOLBAR.replace("#0b5cad", "url(//there)")]),
        changed("stylesheets", [TOOLBAR.replace("#0b5cad", "red; } * { color: red")]),
        changed("width", 8),
        changed("data", {"type": "map"}),
    ],
)
def test_of_figures_nothing_is_let_through_but_taps_and_sizes(event: object) -> None:
    with pytest.raises(Unexpected):
        check("PATCH-DOC", {"events": [event]})


def test_what_is_nested_too_deeply_is_not() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    values = {"type": "map", "entries": [["data", deep]]}
    sent = {"type": "event", "name": "data_event", "values": values}
    with pytest.raises(Unexpected, match="deeply"):
        check("PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": sent}]})
    with pytest.raises(Unexpected, match="kind"):
        check("PUSH-DOC", {})


def test_without_a_door_a_session_is_nobodys_visit() -> None:
    assert door.visit_of(None) is None
    assert door.visit_of(SimpleNamespace(request=None)) is None
