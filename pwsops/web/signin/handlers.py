"""The pages: plain HTML, forms without scripts, nothing of the request in them but an address of our own."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import structlog
from tornado.web import RequestHandler

from pwsops.errors import Denied, PwsopsError, Refused
from pwsops.signin.authentication import LINK, PASSWORD, Entry, TooManyTries
from pwsops.signin.half import Half
from pwsops.signin.public_errors import PublicError, public
from pwsops.signin.sessions import Place, Session
from pwsops.signin.start_token import PARAMETER
from pwsops.signin.throttle import Attempt
from pwsops.web.signin import cookies
from pwsops.web.signin.cookies import Cookie
from pwsops.web.signin.gate import WAITING, SignInGate
from pwsops.web.ui import theme
from pwsops.web.ui.markup import render

_log = structlog.get_logger(__name__)
_HERE = re.compile(r"/(?:account(?:/second-factor)?|(?:\?[\x21-\x5b\x5d-\x7e]{0,2000})?)")
"""The dashboard's own page, with a query, or the account's: no other host, no backslash, no control character."""
ENROL = "/account/second-factor"
_DEVICE_DAYS = 90
_EXPIRED = "This form was made for another visit, or too long ago."
T = TypeVar("T")


def own_address(text: str) -> str:
    """Return where to go after signing in: an address of ours, or the start page."""
    return text if _HERE.fullmatch(text) else "/"


class Handler(RequestHandler):
    """What our pages share."""

    gate: SignInGate

    def initialize(self, gate: SignInGate) -> None:
        """Keep the gate."""
        self.gate = gate

    @property
    def session(self) -> Session | None:
        """Whose browser it is."""
        return self.gate.session(self.request)

    @property
    def next(self) -> str:
        """Where to go afterwards."""
        return own_address(self.get_argument("next", "/", strip=False))

    def attempt(self, name: str = "") -> Attempt:
        """Return who tries, for what slows failures down."""
        return Attempt(name=name, peer=self.request.remote_ip or "", device=cookies.read(self.request, Cookie.DEVICE))

    def show(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> None:
        """Answer with a page."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(render(template, light=theme.variables(theme.LIGHT), dark=theme.variables(theme.DARK), **values))

    def go_on(self, there: str) -> None:
        """Lead on by a page of ours: a browser that comes from elsewhere sends our cookies only from here on."""
        self.show("signin_continue.html", there=there)

    def lead_in(self, session: Session) -> None:
        """Lead somebody who is signed in to where they wanted to go, or to what they must do first."""
        self.redirect(ENROL if session.enrols else self.next, status=HTTPStatus.SEE_OTHER)

    def come_in(self, entry: Entry) -> None:
        """Have the browser keep a new session. One that it had ends now, or with it where it is the same person's."""
        entry.session.place = Place(
            address=self.request.remote_ip or "", browser=self.request.headers.get("User-Agent", "")[:500]
        )
        former, sign_out = self.session, self.gate.authentication.sign_out
        if former is not None and former.whose == entry.session.whose:
            # Pages in other tabs go on.
            entry.session.on_end(lambda: sign_out(former))
        elif former is not None:
            sign_out(former)
        cookies.keep(self, Cookie.SESSION, entry.id)
        cookies.forget(self, Cookie.FORM)

    def remember(self, name: str) -> None:
        """Have the browser keep that somebody has signed in from it: others' failures do not hinder them any more."""
        cookies.keep(self, Cookie.DEVICE, self.gate.authentication.throttle.mark(name), days=_DEVICE_DAYS)

    async def soon(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Do what may take its time elsewhere. Raises `Refused` where too many wait already."""
        if pool._work_queue.qsize() >= WAITING:
            raise PublicError("Too many are signing in just now.", hint="Try again in a few seconds.")
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def form_token(self) -> str:
        """Return the token of a form for somebody who is not signed in; the browser keeps its other half."""
        kept = cookies.read(self.request, Cookie.FORM)
        if len(kept) != 43:
            kept = secrets.token_urlsafe(32)
            cookies.keep(self, Cookie.FORM, kept)
        return self.gate.form_token(kept)

    def is_own_form(self, session: Session | None) -> bool:
        """Whether what was posted comes from a form that was made for this browser."""
        kept = cookies.read(self.request, Cookie.FORM)
        expected = session.csrf if session is not None else self.gate.form_token(kept) if kept else ""
        posted = self.get_body_argument("csrf", "")
        return bool(expected) and hmac.compare_digest(expected.encode(), posted.encode("utf-8", "surrogatepass"))

    def status_of(self, error: PwsopsError) -> HTTPStatus:
        """Return what an error is in HTTP."""
        if isinstance(error, TooManyTries):
            self.set_header("Retry-After", str(error.wait_s))
            return HTTPStatus.TOO_MANY_REQUESTS
        return HTTPStatus.FORBIDDEN if isinstance(error, Denied) else HTTPStatus.SERVICE_UNAVAILABLE

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer without the insides of an error."""
        del kwargs
        self.finish(f"{status_code}\n")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what kind of error it was; its insides and the request may hold secrets."""
        del value, tb
        _log.error("a page of the sign-in failed", page=self.request.path, error=getattr(typ, "__name__", str(typ)))

    def _request_summary(self) -> str:
        # The toolkit logs requests with their query, which may hold a token.
        return f"{self.request.method} {self.request.path}"


class SignIn(Handler):
    """Name and password, a one-time link, or the way to a provider."""

    async def get(self) -> None:
        """Show the form; exchange a link's token for a session."""
        token = self.get_query_argument(PARAMETER, "")
        if token:
            await self._enter(lambda: self.gate.authentication.by_link(token, self.attempt()), by_link=True)
        elif self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            self.go_on(self.next)
        elif (session := self.session) is not None:
            self.lead_in(session)
        else:
            self._form()

    async def post(self) -> None:
        """Judge what was given."""
        token = self.get_body_argument(PARAMETER, "")
        name, password = self.get_body_argument("name", ""), self.get_body_argument("password", "", strip=False)
        if not self.is_own_form(None):
            self._form(expired_form(), HTTPStatus.FORBIDDEN)
        elif token:
            await self._enter(lambda: self.gate.authentication.by_link(token, self.attempt()))
        else:
            await self._enter(lambda: self.gate.authentication.by_password(password, self.attempt(name)), name)

    async def _enter(self, work: Callable[[], Entry | Half], name: str = "", *, by_link: bool = False) -> None:
        try:
            entry = await self.soon(self.gate.passwords, work)
        except PwsopsError as error:
            if by_link and isinstance(error, Denied) and self.session is not None:
                # The link was kept, or opened twice: whoever is in already stays in, as who they are.
                self.go_on(self.next)
            else:
                self._form(error, self.status_of(error))
            return
        if isinstance(entry, Half):
            cookies.keep(self, Cookie.HALF, entry.sealed)
            self.redirect(f"/signin/code?{urlencode({'next': self.next})}", status=HTTPStatus.SEE_OTHER)
            return
        self.come_in(entry)
        if name:
            self.remember(name)
        if by_link:
            self.go_on(self.next)
        else:
            self.lead_in(entry.session)

    def _form(self, error: PwsopsError | None = None, status: HTTPStatus = HTTPStatus.OK) -> None:
        try:
            others = self.gate.authentication.ways_for_others()
            providers = list(self.gate.authentication.providers.providers().values())
            users = bool(self.gate.authentication.users.list())
        except Refused as broken:
            # A person at the machine comes in by a link all the same.
            others, providers, users, error, status = False, [], False, error or broken, self.status_of(broken)
        self.show(
            "signin.html",
            status,
            error=None if error is None else public(error),
            signed_out=error is None and "signed-out" in self.request.query_arguments,
            ended=self.session is None and bool(cookies.read(self.request, Cookie.SESSION)),
            others=others,
            users=users,
            providers=providers,
            next=self.next,
            csrf=self.form_token(),
        )


class SignOut(Handler):
    """The end of a session."""

    def get(self) -> None:
        """Do nothing: a link ends no session."""
        self.redirect("/", status=HTTPStatus.SEE_OTHER)

    def post(self) -> None:
        """End it, and all its pages."""
        session = self.session
        if session is not None:
            if not self.is_own_form(session):
                self.show("signin_message.html", HTTPStatus.FORBIDDEN, title="Not signed out", message=_EXPIRED,
                          hint="Load the dashboard again, and sign out there.")  # fmt: skip
                return
            self.gate.authentication.sign_out(session)
        cookies.forget(self, Cookie.SESSION)
        self.redirect("/signin?signed-out=1", status=HTTPStatus.SEE_OTHER)


class Anew(Handler):
    """The password once more, for somebody who is signed in."""

    def get(self) -> None:
        """Show the form, or that it was done."""
        if (session := self._signed_in()) is not None:
            self._form(session, done="done" in self.request.query_arguments)

    async def post(self) -> None:
        """Judge what was given."""
        session = self._signed_in()
        if session is None:
            return
        secret = self.get_body_argument("password", "", strip=False)
        if not self.is_own_form(session):
            self._form(session, expired_form(), HTTPStatus.FORBIDDEN)
            return
        attempt, code = self.attempt(), self.get_body_argument("code", "")
        try:
            await self.soon(
                self.gate.passwords, lambda: self.gate.authentication.anew_by_secret(session, secret, attempt, code)
            )
        except PwsopsError as error:
            self._form(session, error, self.status_of(error))
            return
        self.redirect(_done(self.next), status=HTTPStatus.SEE_OTHER)

    def _wants_code(self, session: Session) -> bool:
        user = self.gate.authentication.users.find(session.person.name) if session.person.way == PASSWORD else None
        return user is not None and user.second_factor is not None

    def _signed_in(self) -> Session | None:
        session = self.session
        if session is None:
            self.redirect("/signin", status=HTTPStatus.SEE_OTHER)
        return session

    def _form(
        self,
        session: Session,
        error: PwsopsError | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        done: bool = False,
    ) -> None:
        self.show(
            "signin_anew.html",
            status,
            error=None if error is None else public(error),
            done=done,
            name=session.person.name,
            next=self.next,
            wants_code=self._wants_code(session),
            by_link=session.person.way == LINK,
            provider="" if session.person.way in (LINK, PASSWORD) else session.person.way,
            csrf=session.csrf,
        )


class ToProvider(Handler):
    """The way to a provider."""

    async def get(self) -> None:
        """Lead there; somebody who is signed in proves themselves anew."""
        session = self.session if "anew" in self.request.query_arguments else None
        name = self.get_query_argument("name", "")
        there = self.next
        try:
            url, kept = await self.soon(
                self.gate.providers,
                lambda: self.gate.authentication.providers.begin(
                    name, next_=there, session="" if session is None else session.id
                ),
            )
        except PwsopsError as error:
            _show_failure(self, error)
            return
        cookies.keep(self, Cookie.PROVIDER, kept)
        self.redirect(url, status=HTTPStatus.SEE_OTHER)


class Callback(Handler):
    """Where a provider sends people back to."""

    async def get(self) -> None:
        """Believe what can be proved."""
        kept, code = cookies.read(self.request, Cookie.PROVIDER), self.get_query_argument("code", "")
        state = self.get_query_argument("state", "")
        cookies.forget(self, Cookie.PROVIDER)
        try:
            there = await self.soon(self.gate.providers, lambda: self._believed(kept, state, code))
        except PwsopsError as error:
            _show_failure(self, error)
            return
        if isinstance(there, tuple):
            self.come_in(there[0])
            self.go_on(own_address(there[1]))
        else:
            self.go_on(there)

    def _believed(self, kept: str, state: str, code: str) -> tuple[Entry, str] | str:
        authentication = self.gate.authentication
        identity = authentication.identity(kept, state=state, code=code, peer=self.request.remote_ip or "")
        if not identity.session:
            return authentication.by_provider(identity), identity.next
        # The cookie of the session does not come along from elsewhere; what the browser kept names it.
        session = authentication.sessions.known(identity.session)
        if session is None:
            raise Denied("The session has ended meanwhile.", hint="Sign in again.")
        authentication.anew_by_provider(session, identity)
        return _done(own_address(identity.next))


def expired_form() -> PwsopsError:
    """Return the error for a form that was made for another visit."""
    return PwsopsError(_EXPIRED, hint="Try again.")


def _done(there: str) -> str:
    """Return where somebody goes who has signed in anew: back to their account, or to a page that says so."""
    return there if there.startswith("/account") else f"/signin/anew?{urlencode({'done': 1})}"


def _show_failure(handler: Handler, error: PwsopsError) -> None:
    status, error = handler.status_of(error), public(error)
    handler.show("signin_message.html", status, title="Not signed in", message=error.message, hint=error.hint)
