"""The cookies of the sign-in: what a browser keeps, under which name, and who gets it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

_PORT = re.compile(r":([0-9]{1,5})$")


class Cookie(StrEnum):
    """What is kept."""

    SESSION = "session"
    FORM = "form"
    """Ties a form to the browser that it was made for, while nobody is signed in."""
    DEVICE = "device"
    """Marks a browser that has signed in before."""
    HALF = "half"
    """Half a sign-in: what comes between the password and the code."""
    PROVIDER = "provider"
    """What somebody carries to a provider and back; it is the only one that comes along from there."""


def name_of(request: HTTPServerRequest, cookie: Cookie) -> str:
    """Return a cookie's name.

    Behind TLS `__Host-` has the browser keep it for this host alone. It refuses that name without TLS; there the port
    is in the name, since cookies of one host are those of all its ports.
    """
    if request.protocol == "https":
        return f"__Host-pwsops-{cookie}"
    port = _PORT.search(request.host)
    return f"pwsops-{cookie}-{port.group(1) if port else '80'}"


def read(request: HTTPServerRequest, cookie: Cookie) -> str:
    """Return what a browser keeps; empty where it keeps nothing."""
    found = request.cookies.get(name_of(request, cookie))
    return "" if found is None else str(found.value)


def keep(handler: RequestHandler, cookie: Cookie, value: str, *, days: float | None = None) -> None:
    """Have the browser keep something: until it is closed, or so many days. No script can read it."""
    options: dict[str, Any] = {"httponly": True, "path": "/", "secure": handler.request.protocol == "https"}
    options["samesite"] = "Lax" if cookie is Cookie.PROVIDER else "Strict"
    handler.set_cookie(name_of(handler.request, cookie), value, expires_days=days, **options)


def forget(handler: RequestHandler, cookie: Cookie) -> None:
    """Have the browser forget something."""
    keep(handler, cookie, "", days=-1)
