"""A real server behind the real door and the real sign-in, in a thread, and browsers that keep cookies."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest

from pwsops.rules.rights import Role
from pwsops.signin.authentication import Authentication
from pwsops.signin.sessions import Grant
from pwsops.web.signin import SignInGate
from tests.clocks import ManualClock
from tests.component.signin.conftest import GOOD, Listed
from tests.component.web.conftest import FakeOperations, ops
from tests.component.web.door.conftest import serving
from tests.fake_sealer import FakeSealer
from tests.raw import Answer, Socket, ask, token_of, websocket

__all__ = ["ops"]
Recorded = list[tuple[str, ...]]


@dataclass
class Browser:
    """Sends its cookies along, and what every browser says of where a request comes from."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    jar: dict[str, Morsel[str]] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self._asked(path, {"Sec_Fetch_Site": "same-origin", **headers})

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        told = {"Sec_Fetch_Site": "same-origin", "Origin": f"http://127.0.0.1:{self.port}",
                "Content_Type": "application/x-www-form-urlencoded", **headers}  # fmt: skip
        return self._asked(path, told, method="POST", body=urlencode(form).encode())

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the first form of a page."""
        text = self.get(path).text
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
        return {name: html.unescape(value) for name, value in reversed(found)}

    def sign_in(self, name: str = "ada", password: str = GOOD, path: str = "/signin") -> Answer:
        return self.post("/signin", {**self.form(path), "name": name, "password": password})

    def inside(self) -> bool:
        """Whether the dashboard is shown."""
        answer = self.get("/")
        assert (answer.status, "token" in answer.text) in ((200, True), (303, False)), answer
        return answer.status == 200

    def csrf(self) -> str:
        return self.form("/signin/anew")["csrf"]

    def cookie(self) -> str:
        return "; ".join(f"{name}={morsel.value}" for name, morsel in self.jar.items())

    @contextmanager
    def page(self) -> Iterator[Socket]:
        """The websocket of a page, whose server has said that it is there."""
        token = token_of(self.get("/").text)
        with websocket(self.port, token, Cookie=self.cookie()) as opened:
            assert isinstance(opened, Socket), opened
            assert opened.kinds("ACK") == ["ACK"]
            yield opened

    def _asked(self, path: str, headers: dict[str, str], **options: Any) -> Answer:
        told = {**self.headers, **headers, **({"Cookie": self.cookie()} if self.jar else {})}
        answer = ask(self.port, path, **options, **told)
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.jar.pop(name, None)
                if morsel.value:
                    self.jar[name] = morsel
        return answer


@dataclass
class Site:
    """A server, its sign-in, and what a test moves by hand."""

    port: int
    authentication: Authentication
    listed: Listed
    clock: ManualClock
    recorded: Recorded

    def browser(self, **headers: str) -> Browser:
        return Browser(self.port, headers)


@pytest.fixture
def behind(ops: FakeOperations) -> Iterator[Callable[..., Site]]:
    """Starts a server with options of its own; ada is an operator."""
    with ExitStack() as stack:

        def begin(**options: Any) -> Site:
            listed, clock, recorded = Listed(), ManualClock(), []
            authentication = Authentication(
                ops.home,
                clock=clock,
                roles=listed,
                record=lambda *words: recorded.append(words),
                sealer=FakeSealer(),
                system_user="service",
            )
            authentication.users.add("ada", GOOD)
            listed.grants["ada"] = Grant(role=Role.OPERATOR)
            gate = SignInGate(authentication, lambda session: None)  # type: ignore[arg-type,return-value]
            stack.callback(gate.close)
            served = stack.enter_context(serving(ops, gate=gate, **options))
            return Site(served.port, authentication, listed, clock, recorded)

        yield begin


@pytest.fixture
def site(behind: Callable[..., Site]) -> Site:
    return behind()


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.browser()
