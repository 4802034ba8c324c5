"""What the front door asks: who sends a request, and until when that holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tornado.httputil import HTTPServerRequest
from tornado.routing import Rule

from pwsops.rules.rights import Principal

SIGN_IN = "/signin"
"""Where whoever is not signed in is sent; `next` in its query is the path and query that were asked for."""


class Visit(Protocol):
    """Somebody's stay, from signing in to its end. All pages of one browser belong to one."""

    @property
    def id(self) -> str:
        """What tells this visit from any other, as long as the process lives."""

    @property
    def whose(self) -> str:
        """What all visits of one person have in common: what may be had at once is counted by that."""

    def principal(self) -> Principal:
        """Return who it is, as of now.

        Raises
        ------
        Denied
            The visit has ended.
        Refused
            Whether it has cannot be known.
        """

    def touch(self) -> None:
        """Note that a message came. Raises as `principal` does."""

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` at once when the visit ends, in whichever thread; now, where it has ended."""


class Gate(Protocol):
    """Knows who is signed in, and has the pages for signing in and out."""

    def who(self, request: HTTPServerRequest) -> Visit | None:
        """Return the visit that a request belongs to, by its cookies alone; None for a stranger.

        Called in the event loop for each request that passed the checks of Host and origin: it must be quick. The
        peer's address and the scheme, as a configured proxy states them, are in `remote_ip` and `protocol`.

        Raises
        ------
        Refused
            It cannot be known, in words for anybody.
        """

    def refused(self, reason: str, request: HTTPServerRequest) -> None:
        """Note that the door refused a request, or a message of a page that it led to.

        Called in the event loop, as often as strangers like. Of reasons there are few.
        """

    def routes(self) -> list[Rule]:
        """Return the gate's own pages (`/signin`, `/signout` …), which strangers may ask for.

        Their handlers are Tornado's. The door has checked Host, origin, size and rate before them, lets only these
        be posted to, and adds the security headers: no script runs there, and styles stand in the page. A handler
        that needs another Content-Security-Policy sets its own.
        """
