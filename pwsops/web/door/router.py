"""The door itself: judges each request when its header is there, before its body is read or a handler is made."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router, RuleRouter
from tornado.web import Application

from pwsops.errors import Refused
from pwsops.web.door.channel import Channel
from pwsops.web.door.crowd import Crowd
from pwsops.web.door.gate import SIGN_IN, Gate, Visit
from pwsops.web.door.judgement import NOTHING, Judgement, Kind, Refusal
from pwsops.web.door.limits import Limits
from pwsops.web.door.log import Refusals
from pwsops.web.door.page import Page
from pwsops.web.door.pages import Pages
from pwsops.web.door.sealing import Sealed, answer, sealed
from pwsops.web.panel_compat import handler_options

VISIT = "pwsops_visit"
"""The attribute of a request that has its visit."""
UNKNOWN = {"Pwsops_Cause": "not-known-who-is-signed-in"}
"""Tells a page that the server is there, and why it does not answer."""
_ASSET = re.compile(r"/static/(?:js|extensions/panel|extensions/panel-material-ui)/[A-Za-z0-9_@^%./-]+|/favicon\.ico")


class Door(Router):
    """Passes on what may pass, and answers the rest itself.

    Parameters
    ----------
    app
        The toolkit's application, with signed sessions.
    gate
        Who knows who is signed in.
    judgement, limits, crowd, pages
        What is asked of requests, and what is remembered of them.
    """

    def __init__(
        self, app: Any, gate: Gate, *, judgement: Judgement, limits: Limits, crowd: Crowd, pages: Pages
    ) -> None:
        self._app, self._gate = app, gate
        self._judgement, self._limits, self._crowd, self._pages = judgement, limits, crowd, pages
        self._rules = RuleRouter(gate.routes()).rules
        self._own = Application(gate.routes())
        self._refusals = Refusals()
        self._toolkit = handler_options(app)

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        """Seal the connection, so that every answer on it has our headers."""
        return super().start_request(server_conn, Sealed(request_conn))

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Return what answers a request."""
        del kwargs
        refusal = self._judgement.introduce(request)
        connection = sealed(request)
        connection.secure = request.protocol == "https"
        kind = None if refusal else self._kind(request)
        if refusal is None:
            refusal = NOTHING if kind is None else self._judgement.refusal(request, kind)
        if refusal is not None or kind is None:
            return self._refuse(request, refusal or NOTHING)
        try:
            visit = self._gate.who(request)
        except Refused as error:
            if kind is not Kind.GATE:
                self._refusals.note("not known who is signed in", request)
                return _Answer(request, HTTPStatus.SERVICE_UNAVAILABLE, f"{error.message} {error.hint}", **UNKNOWN)
            visit = None
        if visit is not None and not self._crowd.know(connection.stream, visit.whose):
            return _Answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "Too many are connected. Try again soon.")
        if kind is Kind.GATE:
            return self._own.find_handler(request)
        return self._stranger(request, kind) if visit is None else self._let_in(request, kind, visit)

    def _kind(self, request: HTTPServerRequest) -> Kind | None:
        path = request.path or ""
        if path == "/":
            return Kind.PAGE
        if path == "/ws":
            return Kind.SOCKET
        if _ASSET.fullmatch(path) and ".." not in unquote(path):
            return Kind.ASSET
        return Kind.GATE if any(rule.matcher.match(request) is not None for rule in self._rules) else None

    def _stranger(self, request: HTTPServerRequest, kind: Kind) -> HTTPMessageDelegate:
        if kind is Kind.PAGE and request.method == "GET":
            there = f"{SIGN_IN}?next={quote(request.uri or '/', safe='')}"
            return _Answer(request, HTTPStatus.SEE_OTHER, "", Location=there)
        return _Answer(request, HTTPStatus.UNAUTHORIZED, "Sign in first.")

    def _let_in(self, request: HTTPServerRequest, kind: Kind, visit: Visit) -> HTTPMessageDelegate | None:
        setattr(request, VISIT, visit)
        if kind is Kind.ASSET:
            # What is named after its content is asked for once; the rest may be another with the next version.
            is_named_so = request.query or (request.path or "").endswith(".woff2")
            sealed(request).caching = "private, max-age=86400" if is_named_so else "no-cache"
            found: HTTPMessageDelegate | None = self._app.find_handler(request)
            return found
        if request.method == "HEAD":
            return _Answer(request, HTTPStatus.NO_CONTENT, "")
        theirs = {"visit": visit, "pages": self._pages, **self._toolkit}
        if kind is Kind.PAGE:
            return self._handler(request, Page, theirs)
        if not self._pages.claim(visit, _token(request)):
            return self._refuse(request, _NO_PAGE)
        return self._handler(request, Channel, {"limits": self._limits, "refused": self._gate.refused, **theirs})

    def _handler(self, request: HTTPServerRequest, handler: type[Any], options: dict[str, Any]) -> HTTPMessageDelegate:
        found: HTTPMessageDelegate = self._app.get_handler_delegate(request, handler, options)
        return found

    def _refuse(self, request: HTTPServerRequest, refusal: Refusal) -> HTTPMessageDelegate:
        self._refusals.note(refusal.reason, request)
        self._gate.refused(refusal.reason, request)
        return _Answer(request, refusal.status, refusal.text)


_NO_PAGE = Refusal(
    status=HTTPStatus.FORBIDDEN,
    reason="a websocket for a page that was not handed out",
    text="This page was not made for you, or too long ago. Load it again.",
)


def _token(request: HTTPServerRequest) -> str:
    """Return the page's token, which the toolkit's script sends as the second of two protocols."""
    return request.headers.get("Sec-WebSocket-Protocol", "").partition(",")[2].strip()


class _Answer(HTTPMessageDelegate):
    """Answers at once, and does not wait for a body."""

    def __init__(self, request: HTTPServerRequest, status: HTTPStatus, text: str, **headers: str) -> None:
        self._request, self._status, self._text, self._headers = request, status, text, headers

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        del start_line, headers
        answer(self._request, self._status, self._text, **self._headers)

    def finish(self) -> None:
        """Do nothing: it was answered."""

    def on_connection_close(self) -> None:
        """Do nothing: nobody is left to be answered."""
