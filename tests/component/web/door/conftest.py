"""A real server behind the door, in a thread, whose gate knows visits by a cookie."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.httputil import HTTPServerRequest
from tornado.platform.asyncio import AsyncIOLoop
from tornado.routing import PathMatches, Rule
from tornado.web import RequestHandler

from pwsops.errors import Denied, Refused
from pwsops.rules.rights import Principal
from pwsops.web import door, server
from pwsops.web.live import process
from tests.clocks import joined
from tests.component.web.conftest import FakeOperations, ops
from tests.raw import Answer, Socket, ask, token_of, websocket

__all__ = ["ops"]


@dataclass
class FakeVisit:
    id: str
    ended: bool = False
    unknown: bool = False
    touched: int = 0
    on_ends: list[Callable[[], None]] = field(default_factory=list)

    @property
    def whose(self) -> str:
        """`ada@home` and `ada@work` are two visits of one person."""
        return self.id.partition("@")[0]

    def principal(self) -> Principal:
        self._check()
        return Principal(name=self.id)

    def touch(self) -> None:
        self._check()
        self.touched += 1

    def on_end(self, callback: Callable[[], None]) -> None:
        self.on_ends.append(callback)

    def end(self) -> None:
        self.ended = True
        for callback in self.on_ends:
            callback()

    def _check(self) -> None:
        if self.unknown:
            raise Refused("It cannot be known.", hint="Mend it.")
        if self.ended:
            raise Denied("You are signed out.", hint="Sign in.")


class SignIn(RequestHandler):
    def get(self) -> None:
        self.finish(f"from {self.request.remote_ip} by {self.request.protocol}")

    def post(self) -> None:
        self.finish(str(len(self.request.body)))


@dataclass
class FakeGate:
    visits: dict[str, FakeVisit] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    broken: bool = False

    def refused(self, reason: str, request: HTTPServerRequest) -> None:
        del request
        self.refusals.append(reason)

    def who(self, request: HTTPServerRequest) -> FakeVisit | None:
        if self.broken:
            raise Refused("It cannot be known.", hint="Mend it.")
        cookie = request.cookies.get("visit")
        found = self.visits.get(cookie.value) if cookie is not None else None
        return None if found is None or found.ended else found

    def routes(self) -> list[Rule]:
        return [Rule(PathMatches("/signin"), SignIn)]


@dataclass
class Served:
    port: int
    gate: FakeGate
    server: Any
    ops: FakeOperations

    def enter(self, name: str) -> FakeVisit:
        return self.gate.visits.setdefault(name, FakeVisit(name))

    def ask(self, path: str, visit: str = "", **options: Any) -> Answer:
        return ask(self.port, path, **({"Cookie": f"visit={visit}"} if visit else {}), **options)

    def page(self, visit: str) -> str:
        self.enter(visit)
        answer = self.ask("/", visit)
        assert answer.status == 200, answer
        return answer.text

    @contextmanager
    def socket(self, visit: str, token: str | None = None, **options: Any) -> Iterator[Socket | int]:
        token = token_of(self.page(visit)) if token is None else token
        with websocket(self.port, token, **{"Cookie": f"visit={visit}", **options}) as opened:
            yield opened

    @contextmanager
    def opened(self, visit: str) -> Iterator[Socket]:
        """A page's websocket, whose server has said that it is there."""
        with self.socket(visit) as found:
            assert isinstance(found, Socket)
            assert found.kinds("ACK") == ["ACK"]
            yield found

    def sessions(self) -> set[str]:
        """The ids of the pages that there are; they go by themselves, a while after their websockets."""
        return {session.id for session in self.server.get_sessions("/")}


@contextmanager
def serving(ops: FakeOperations, **options: Any) -> Iterator[Served]:
    limits = options.pop("limits", door.Limits())
    gate, ready, made = options.pop("gate", None) or FakeGate(), threading.Event(), []

    def run() -> None:
        loop = AsyncIOLoop(make_current=False)
        served = server._server(loop, "127.0.0.1", 0, limits)
        door.close(served, gate, limits=limits, **options)
        made.append((served, loop))
        served.start()
        loop.add_callback(ready.set)
        loop.start()
        server._close(served, loop)

    before, process._store = process._store, None
    process.store(ops)  # type: ignore[arg-type]
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    served, loop = made[0]
    try:
        yield Served(served.port, gate, served, ops)
    finally:
        loop.asyncio_loop.call_soon_threadsafe(loop.stop)
        joined(thread)
        process._store = before


@pytest.fixture(autouse=True)
def _no_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PANEL_BASIC_AUTH", "PANEL_OAUTH_PROVIDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    """One server for tests that leave nothing of theirs behind."""
    with serving(FakeOperations()) as served:
        yield served


@pytest.fixture
def behind(ops: FakeOperations) -> Iterator[Callable[..., Served]]:
    """Starts a server with limits, names or proxies of its own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serving(ops, **options))
