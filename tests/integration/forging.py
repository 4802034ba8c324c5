"""A browser's end of a page's websocket, which sends what no browser would: whatever a handler can be asked for."""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import pkgutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bokeh.util.token import get_session_id
from panel.models.esm import ReactiveESM

from pwsops.web import pages, ui
from pwsops.web.live import session as session_module
from pwsops.web.live.session import WORK
from tests.clocks import joined
from tests.component.web.door.conftest import Served
from tests.raw import Closed, Socket, ask, token_of, websocket

FRAME = ("menu.html", "service.html", "notice.html", "question.html")
"""What is on every page."""


class Page:
    """An open page. What it is told goes to each of its own pieces: which one takes it, a forger need not know."""

    def __init__(self, served: Served, token: str, socket: Socket) -> None:
        self._socket = socket
        self._numbers = map(str, itertools.count(1))
        self._document = served.server.get_session("/", get_session_id(token)).document
        self._sent: dict[str, int] = {}
        self.at = ""
        self.received: list[bytes] = []
        # As a browser says that it has drawn the page: before that, nothing that is found out is shown.
        self._patch([_event("document_ready", [])])

    def go(self, search: str) -> None:
        """Go to an address, by the menu, as a click would."""
        self.at = search
        self._send({"action": "go", "key": search}, framing=True)
        self.settle()

    def send(self, *messages: dict[str, Any], framing: bool = False, piece: str = "") -> None:
        """Send messages, in this order: to the pieces of the page, to one of them, or to the frame around it."""
        for message in messages:
            self._send(message, framing=framing, piece=piece)

    def _send(self, message: dict[str, Any], *, framing: bool, piece: str = "") -> None:
        # Which pieces there are, and what they have seen, a page is told; reading that from there takes longer.
        pieces = [one for one in self._models() if (one.data.piece in FRAME) is framing]
        pieces = [one for one in pieces if piece in ("", one.data.piece)]
        assert pieces, piece
        self._patch([self._told(one, message) for one in (pieces[:1] if framing else pieces)])

    def _told(self, model: Any, message: dict[str, Any]) -> object:
        number = self._sent[model.id] = max(model.data.seen, self._sent.get(model.id, 0)) + 1
        data = {"type": "map", "entries": [["number", number], *message.items()]}
        return _event("data_event", [["model", {"id": model.id}], ["data", data]])

    def settle(self) -> None:
        """Wait until all that was asked for is done, and shown."""
        while working := [thread for thread in threading.enumerate() if thread.name == WORK and thread.is_alive()]:
            for thread in working:
                joined(thread)
            self._patch([])
        # What the last one found out is shown in the loop's next turns.
        self._patch([])
        self._patch([])

    def shown(self) -> str:
        """Return all that the page shows."""
        return "\n".join(str(model.data.html) for model in self._models())

    def _models(self) -> list[Any]:
        return [
            one for one in list(self._document.models) if isinstance(one, ReactiveESM) and hasattr(one.data, "html")
        ]

    def _patch(self, events: list[object]) -> None:
        number = next(self._numbers)
        self._socket.message("PATCH-DOC", {"events": events}, number)
        while True:
            frame = self._socket.receive()
            assert not isinstance(frame, Closed), frame
            self.received.append(frame.encode() if isinstance(frame, str) else frame)
            if isinstance(frame, str) and '"reqid"' in frame[:200] and json.loads(frame).get("reqid") == number:
                return


def _event(name: str, values: list[object]) -> object:
    told = {"type": "event", "name": name, "values": {"type": "map", "entries": values}}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": told}


@contextmanager
def opened(served: Served, **headers: str) -> Iterator[Page]:
    """A page of whoever these headers show."""
    found = ask(served.port, "/", **headers)
    assert found.status == 200, found
    token = token_of(found.text)
    with websocket(served.port, token, **headers) as socket:
        assert isinstance(socket, Socket), socket
        assert socket.kinds("ACK") == ["ACK"]
        yield Page(served, token, socket)


# What handlers know


def known_actions() -> set[str]:
    """Return every action that some handler of a page compares its message with, out of the source of all pages."""
    modules = [
        importlib.import_module(one.name)
        for package in (pages, ui)
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    found: set[str] = set()
    for module in [*modules, session_module]:
        assert module.__file__ is not None
        with open(module.__file__, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            if any(argument.arg == "action" for argument in node.args.args):
                found |= set(_compared(node, vars(module)))
            if node.name == "_actions":
                found |= set(_listed(node, vars(module)))
    return found


def _compared(function: ast.FunctionDef, names: dict[str, Any]) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "action":
            for other in node.comparators:
                yield from _texts(other, names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            if isinstance(node.func.value, ast.Dict):
                for key in node.func.value.keys:
                    yield from _texts(key, names)
            else:
                # A table that is made elsewhere: who wrote it adds it to the test by hand.
                yield f"{ast.unparse(node.func.value)}[…]"


def _listed(function: ast.FunctionDef, names: dict[str, Any]) -> Iterator[str]:
    """Yield the keys of the table of actions that a page gives to `Page`."""
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key in filter(None, node.keys):
                yield from _texts(key, names)
        elif isinstance(node, ast.DictComp):
            yield from _texts(node.generators[0].iter, names)


def _texts(node: ast.expr | None, names: dict[str, Any]) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        for one in node.elts:
            yield from _texts(one, names)
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.Name):
        yield str(names[node.id])
    else:
        raise AssertionError(f"an action that the test cannot read: {ast.unparse(node) if node else node}")
