"""Serves a home to whoever has a cookie, and says where; everybody else is a stranger."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Rule
from tornado.web import RequestHandler

from pwsops.operations import open_operations
from pwsops.rules.rights import Principal
from pwsops.views import door, server

COOKIE = "visit=known"


class Known:
    id = "known"

    def principal(self) -> Principal:
        return Principal(name="known")

    def touch(self) -> None: ...

    def on_end(self, callback: Callable[[], None]) -> None: ...


class SignIn(RequestHandler):
    def get(self) -> None:
        self.finish("Sign in.")


class ByCookie:
    def who(self, request: HTTPServerRequest) -> Known | None:
        return Known() if request.headers.get("Cookie") == COOKIE else None

    def routes(self) -> list[Rule]:
        return [Rule(PathMatches("/signin"), SignIn)]


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def _close(served: Any, gate: object, *rest: Any) -> None:
    # Who is known by a password, and how, is none of this test's business.
    door.close(served, ByCookie(), *rest)


if __name__ == "__main__":
    ops = open_operations(Path(sys.argv[1]), actor="test")
    with patch.object(server, "door", SimpleNamespace(**vars(door) | {"close": _close})):
        server.serve(ops, port=0, on_ready=lambda url: _say("ready", url))
    ops.close()
