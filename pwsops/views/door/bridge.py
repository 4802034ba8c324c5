"""A gate that asks nobody: whoever reaches this machine's loopback is its user, as long as there is no sign-in.

Where the toolkit's own authentication is configured, it does the asking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Rule

from pwsops.errors import Denied
from pwsops.rules.rights import Principal
from pwsops.views import access
from pwsops.views.door.gate import Visit


class OpenVisit:
    """The stay of whoever is here; it does not end."""

    id = "here"

    def __init__(self) -> None:
        self._who: Principal | None = None

    def principal(self) -> Principal:
        """Return who it is; first asked where the toolkit makes their page, since it knows."""
        if self._who is None:
            name = access.signed_in()
            if access.authentication() and not name:
                raise Denied("Nobody is signed in.", hint="Sign in, and load the page again.")
            self._who = Principal(name=name)
        return self._who

    def touch(self) -> None:
        """Do nothing: it has no limit."""

    def on_end(self, callback: Callable[[], None]) -> None:
        """Do nothing: it does not end."""


class OpenGate:
    """Takes everybody in.

    Parameters
    ----------
    app
        The toolkit's application, which has the pages of its own authentication.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def who(self, request: HTTPServerRequest) -> Visit | None:
        """Return a visit for whoever asks."""
        del request
        return OpenVisit()

    def routes(self) -> list[Rule]:
        """Return the toolkit's pages for signing in and out, where it does that."""
        endpoints = getattr(self._app.auth_provider, "endpoints", ())
        return [Rule(PathMatches(path), self._app) for path, *_ in endpoints]
