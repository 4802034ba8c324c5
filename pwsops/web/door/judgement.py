"""What is asked of a request by its headers alone, before anybody is asked who sent it.

A page of a stranger whose name was made to point to this machine (DNS rebinding) is of the same origin as ours in the
eyes of a browser: only the Host of its requests gives it away. What a page of another origin sends, also one on
another port of this machine, is told by `Origin` and, where the browser trusts the connection, by `Sec-Fetch-*`
(W3C Fetch Metadata): no script can set either.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from tornado.httputil import HTTPServerRequest
from tornado.netutil import is_valid_ip

from pwsops.web import access

_FORWARDED = re.compile(
    r"Forwarded|X-Forwarded(-.+)?|X-Original-.+|Via|(.+-)?(Client|Real|Connecting)-Ipv?6?|(X-)?(Url-)?Scheme|"
    r"X-Proxyuser-Ip|X-Envoy-.+|X-Arr-.+|Front-End-Https|Cdn-Loop|Proxy-Connection|X-Amzn-Trace-Id|X-Cloud-Trace-Context",
    re.IGNORECASE,
)
"""Headers by which proxies of all makes tell what they pass on; no browser sends them."""


class Kind(StrEnum):
    """What is asked for."""

    PAGE = "page"
    SOCKET = "websocket"
    ASSET = "asset"
    GATE = "gate"
    """A page of the sign-in's own."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not answered, for the log (`reason`) and for whoever sent it."""

    status: HTTPStatus
    reason: str
    text: str


NOTHING = Refusal(status=HTTPStatus.NOT_FOUND, reason="no such page", text="There is nothing here.")
_NAME = Refusal(status=HTTPStatus.FORBIDDEN, reason="another Host", text=f"{access.OTHER_NAME} {access.NAMES_HINT}")
_PROXY = Refusal(
    status=HTTPStatus.FORBIDDEN,
    reason="an unknown proxy",
    text="This request was passed on by a proxy that the dashboard does not know. Start it with "
    "`pwsops serve --behind-proxy ADDRESS`.",
)
_ORIGIN = Refusal(
    status=HTTPStatus.FORBIDDEN,
    reason="another origin",
    text="The dashboard answers no requests from pages of other origins. Open it by its own address. Where a proxy is "
    "before it, that has to pass Host on, and `pwsops serve --behind-proxy ADDRESS` has to name it.",
)
_FRAME = Refusal(
    status=HTTPStatus.FORBIDDEN, reason="framed", text="The dashboard shows itself in no other page. Open it by itself."
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Judges requests by name, proxy, origin, purpose and method.

    Parameters
    ----------
    hosts
        Names, without a port, that the dashboard has beside those that can only mean this machine.
    proxies
        Addresses of peers whose `X-Forwarded-*` is believed.
    """

    hosts: Collection[str] = ()
    proxies: Collection[str] = ()

    def introduce(self, request: HTTPServerRequest) -> Refusal | None:
        """Put what a known proxy says of its client into the request; refuse what an unknown one passed on."""
        if request.remote_ip not in self.proxies:
            return _PROXY if any(map(_FORWARDED.fullmatch, request.headers)) else None
        # The last of the list is what our proxy itself saw; what stands before it, its client made up or not.
        address = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        request.remote_ip = address if is_valid_ip(address) else request.remote_ip
        request.protocol = "https" if request.headers.get("X-Forwarded-Proto", "").strip() == "https" else "http"
        return None

    def refusal(self, request: HTTPServerRequest, kind: Kind) -> Refusal | None:
        """Return why a request is not answered, whoever sends it; None where nothing speaks against it."""
        if not access.is_known_host(request.headers.get("Host", ""), self.hosts):
            return _NAME
        if not _may_use(request.method or "", kind):
            return Refusal(status=HTTPStatus.METHOD_NOT_ALLOWED, reason="method", text="This is only for reading.")
        return _foreign(request, kind)


def _may_use(method: str, kind: Kind) -> bool:
    if kind is Kind.SOCKET:
        return method == "GET"
    return method in ("GET", "HEAD") or (method == "POST" and kind is Kind.GATE)


def _foreign(request: HTTPServerRequest, kind: Kind) -> Refusal | None:
    headers = request.headers
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    if origin is not None and not _is_own(origin, request):
        return _ORIGIN
    if headers.get("Sec-Fetch-Dest") in ("frame", "iframe", "embed", "object", "fencedframe"):
        return _FRAME
    if kind is Kind.SOCKET:
        # Every browser sends an Origin here.
        return None if origin is not None and site in (None, "same-origin") else _ORIGIN
    if request.method == "POST" and origin is None and site != "same-origin":
        return _ORIGIN
    if site in (None, "same-origin") or (site == "none" and request.method != "POST"):
        return None
    return None if _is_link(request, kind) else _ORIGIN


def _is_link(request: HTTPServerRequest, kind: Kind) -> bool:
    """Whether a page elsewhere leads somebody here, who will see in the address bar where they are."""
    headers = request.headers
    return (
        request.method == "GET"
        and kind in (Kind.PAGE, Kind.GATE)
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    )


def _is_own(origin: str, request: HTTPServerRequest) -> bool:
    return origin.lower() == f"{request.protocol}://{request.headers.get('Host', '')}".lower()
