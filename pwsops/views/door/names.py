"""What is asked of every request before any handler of the toolkit sees it, and so before a session is made.

A page of a stranger whose name was made to point to this machine (DNS rebinding) is of the same origin as ours in the
eyes of a browser: only the Host of its requests gives it away.
"""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler

from pwsops.views import access


class _OtherName(Matcher):
    """Matches requests whose Host is not a name that can only mean this machine."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return None if access.is_own_host(request.host) else {}


class _Refusal(RequestHandler):
    """Answers whatever is asked, a websocket too, with the reason."""

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(f"{access.OTHER_NAME} {access.NAMES_HINT}\n")


def close(app: Application) -> None:
    """Refuse every request for another name than this machine's own. For a server without sign-in."""
    app.default_router.rules.insert(0, Rule(_OtherName(), _Refusal))
