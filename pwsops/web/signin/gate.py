"""Who is signed in, for the front door."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Rule

from pwsops.signin.authentication import DOOR_REFUSED, Authentication
from pwsops.signin.sessions import Session
from pwsops.web.door.gate import Visit
from pwsops.web.signin import cookies
from pwsops.web.signin.cookies import Cookie

if TYPE_CHECKING:
    from pwsops.operations.account import Account

BEARER = "Bearer "
WAITING = 32
"""Tries to sign in that wait at most; each takes some 20 ms of a processor."""


class SignInGate:
    """The gate of `pwsops serve`.

    Parameters
    ----------
    authentication
        Judges proofs, and keeps the sessions.
    account
        Returns what somebody may do with their own sign-in.
    """

    def __init__(self, authentication: Authentication, account: Callable[[Session], Account]) -> None:
        self.authentication = authentication
        self.account = account
        # Two, so that passwords leave the pages a processor, and nobody's memory fills; providers may be slow.
        self.passwords = ThreadPoolExecutor(2, "pwsops-signin")
        self.providers = ThreadPoolExecutor(2, "pwsops-provider")
        self._key = secrets.token_bytes(32)

    def who(self, request: HTTPServerRequest) -> Visit | None:
        """Return the visit that a request belongs to: by its cookie, or by a machine's token.

        Who must set up a second factor first has none yet: there is nothing for them but our own pages.
        """
        header = request.headers.get("Authorization", "")
        if header.startswith(BEARER):
            return self.authentication.machine(header.removeprefix(BEARER), request.remote_ip or "")
        session = self.authentication.who(cookies.read(request, Cookie.SESSION))
        return None if session is None or session.enrols else session

    def refused(self, reason: str, request: HTTPServerRequest) -> None:
        """Count it for the audit log."""
        self.authentication.strangers.note(DOOR_REFUSED, reason, request.remote_ip or "")

    def session(self, request: HTTPServerRequest) -> Session | None:
        """Return the session of a browser."""
        return self.authentication.session(cookies.read(request, Cookie.SESSION))

    def routes(self) -> list[Rule]:
        """Return our own pages."""
        from pwsops.web.signin import account, code, handlers

        pages = {
            "/signin": handlers.SignIn,
            "/signout": handlers.SignOut,
            "/signin/code": code.Code,
            "/signin/anew": handlers.Anew,
            "/signin/provider": handlers.ToProvider,
            "/signin/callback": handlers.Callback,
            "/account": account.Overview,
            "/account/password": account.Password,
            "/account/second-factor": account.SecondFactor,
            "/account/second-factor/remove": account.RemoveSecondFactor,
            "/account/recovery-codes": account.RecoveryCodes,
            "/account/sessions": account.EndSessions,
            "/account/people": account.EndSessionsOf,
        }
        return [Rule(PathMatches(path), handler, {"gate": self}) for path, handler in pages.items()]

    def form_token(self, kept: str) -> str:
        """Return what a form carries that was made for the browser which keeps `kept`."""
        return hmac.new(self._key, hashlib.sha256(kept.encode()).digest(), hashlib.sha256).hexdigest()

    def close(self) -> None:
        """Let go of the threads; whoever waits is not answered any more."""
        self.authentication.close()
        for pool in (self.passwords, self.providers):
            pool.shutdown(wait=False, cancel_futures=True)
