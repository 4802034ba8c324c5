"""The headers that every answer carries, whoever wrote it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from tornado.concurrent import Future
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine, ResponseStartLine

HSTS = "max-age=31536000"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: a browser would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=()",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_BASE = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PLAIN = f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; {_BASE}"
"""For whatever is not the dashboard's page: no script runs there."""


def page_policy(nonce: str, host: str, *, secure: bool) -> str:
    """Return the Content-Security-Policy of a page of the dashboard.

    Parameters
    ----------
    nonce
        What our own script elements carry; new for each page.
    host
        The request's Host, which the door has judged: some browsers do not count a websocket to it as `'self'`.
    secure
        Whether the browser came by TLS.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}' blob:",
            # The toolkit makes style elements while it runs, and sets styles by attribute.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            # It would otherwise be what scripts may be.
            "worker-src 'none'",
            f"connect-src 'self' blob: {'wss' if secure else 'ws'}://{host}",
            _BASE,
        )
    )


class Sealed(HTTPConnection):
    """A connection whose answers carry our headers, and do not say what serves them.

    Parameters
    ----------
    connection
        Tornado's, which does everything else.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.caching = "no-store"
        """How answers may be kept that do not say it themselves."""
        self.secure = False
        """Whether the browser came by TLS."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def write_headers(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> Future[None]:
        """Write the head of an answer, as `tornado.httputil.HTTPConnection` has it."""
        for name, value in _ALWAYS.items():
            headers[name] = value
        headers.setdefault("Content-Security-Policy", PLAIN)
        headers.setdefault("Cache-Control", self.caching)
        if self.secure:
            headers["Strict-Transport-Security"] = HSTS
        if "Server" in headers:
            del headers["Server"]
        written: Future[None] = self._connection.write_headers(start_line, headers, chunk)
        return written

    def write(self, chunk: bytes) -> Future[None]:
        """Write a part of an answer's body."""
        written: Future[None] = self._connection.write(chunk)
        return written

    def finish(self) -> None:
        """End an answer."""
        self._connection.finish()


def sealed(request: HTTPServerRequest) -> Sealed:
    """Return the connection of a request that the door has let in."""
    connection = request.connection
    assert isinstance(connection, Sealed)
    return connection


def answer(request: HTTPServerRequest, status: HTTPStatus, text: str, **headers: str) -> None:
    """Answer a request in plain words, and close its connection: whatever else it sends is not read."""
    body = b"" if request.method == "HEAD" or not text else f"{text}\n".encode()
    given = HTTPHeaders({"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))})
    for name, value in headers.items():
        given[name.replace("_", "-")] = value
    connection: Any = request.connection
    connection.write_headers(ResponseStartLine("HTTP/1.1", status.value, status.phrase), given, body)
    connection.finish()
