"""The page "Account": one's own password, second factor and sessions. Plain forms, so that no script sees a secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import segno
from markupsafe import Markup

from pwsops.errors import Denied, InvalidInput, NotFound, PwsopsError, SignInAnew
from pwsops.rules.rights import Right
from pwsops.signin.authentication import LINK, PASSWORD
from pwsops.signin.passwords import LONGEST, SHORTEST
from pwsops.signin.sessions import Session
from pwsops.web.signin import browsers
from pwsops.web.signin.handlers import ENROL, Handler, expired_form

if TYPE_CHECKING:
    from pwsops.operations.account import Account

HERE = "/account"
DONE = {
    "password": "You have a new password. All your other sessions have ended.",
    "removed": "You have no second factor any more. All your other sessions have ended.",
    "ended": "The session has ended.",
    "others": "All your other sessions have ended.",
    "theirs": "Their sessions have ended.",
}
T = TypeVar("T")


class AccountHandler(Handler):
    """What these pages share: somebody is signed in, and what fails is said on the page."""

    here = HERE

    async def prepare(self) -> None:
        """Let nobody in who is not signed in, and no form that was not made for them."""
        session = self.session
        if session is None:
            self.redirect(f"/signin?{urlencode({'next': self.here})}", status=HTTPStatus.SEE_OTHER)
            return
        session.active()
        self.mine = session
        if self.request.method == "POST" and not self.is_own_form(session):
            await self.overview(expired_form(), HTTPStatus.FORBIDDEN)

    def get(self) -> None:
        """Lead to the page: what was posted elsewhere is not asked for."""
        self.redirect(HERE, status=HTTPStatus.SEE_OTHER)

    async def do(self, work: Callable[[Account], T]) -> T:
        """Have something done in the name of who is signed in. Raises what it raises."""
        account = self.gate.account(self.mine)
        return await self.soon(self.gate.passwords, lambda: work(account))

    async def attempted(self, work: Callable[[Account], T]) -> T | None:
        """Do something; where it fails, answer with the page and say why, and return None."""
        try:
            return await self.do(work)
        except SignInAnew:
            self.redirect(f"/signin/anew?{urlencode({'next': self.here})}", status=HTTPStatus.SEE_OTHER)
        except PwsopsError as error:
            await self.failed(error)
        return None

    async def failed(self, error: PwsopsError) -> None:
        """Answer with the page, and why something was not done."""
        await self.overview(error, self.status_of(error))

    def status_of(self, error: PwsopsError) -> HTTPStatus:
        """Return what an error is in HTTP: here what was typed may be what is wrong, or what was chosen be gone."""
        if isinstance(error, NotFound):
            return HTTPStatus.NOT_FOUND
        return HTTPStatus.BAD_REQUEST if isinstance(error, InvalidInput) else super().status_of(error)

    async def overview(self, error: PwsopsError | None = None, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with the whole page."""
        session = self.mine
        if session.enrols:
            await self.enrolment(error, status)
            return
        try:
            view = await self.do(lambda account: account.view(session.id))
            others = await self.do(lambda account: account.everybody(session.id)) if _may_end(session) else []
        except Denied:
            self.redirect("/signin", status=HTTPStatus.SEE_OTHER)
            return
        except PwsopsError as broken:
            self.show("signin_message.html", self.status_of(broken), title="Account", message=broken.message,
                      hint=broken.hint)  # fmt: skip
            return
        done = "" if error is not None else DONE.get(self.get_query_argument("done", ""), "")
        self.fill("account.html", status, error=error, done=done, view=view, others=others, shortest=SHORTEST,
                  longest=LONGEST, link=LINK, password=PASSWORD)  # fmt: skip

    async def enrolment(self, error: PwsopsError | None = None, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with the secret for an app, as a picture and as text."""
        offer = await self.attempted(lambda account: account.offer_second_factor(self.mine.id))
        if offer is not None:
            self.fill("account_second_factor.html", status, error=error, secret=_grouped(offer.secret),
                      picture=_picture(offer.address), required=self.mine.enrols)  # fmt: skip

    def fill(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> None:
        """Answer with a page of somebody who is signed in."""
        session = self.mine
        self.show(template, status, name=session.person.name, csrf=session.csrf, moment=_moment, browser=browsers.named,
                  **values)  # fmt: skip

    def go(self, done: str) -> None:
        """Lead to the page, where it says what was done."""
        self.redirect(f"{HERE}?{urlencode({'done': done})}", status=HTTPStatus.SEE_OTHER)


class Overview(AccountHandler):
    """The page itself."""

    async def get(self) -> None:  # type: ignore[override]  # the toolkit awaits what is to be awaited
        """Show it."""
        await self.overview()


class Password(AccountHandler):
    """Another password."""

    async def post(self) -> None:
        """Take it, where the present one is right."""
        old, new, again = (self.get_body_argument(name, "", strip=False) for name in ("old", "new", "again"))
        code, attempt = self.get_body_argument("code", ""), self.attempt()
        if new != again:
            await self.overview(_NOT_THE_SAME, HTTPStatus.BAD_REQUEST)
            return
        entry = await self.attempted(
            lambda account: account.change_password(self.mine.id, old=old, new=new, code=code, attempt=attempt)
        )
        if entry is not None:
            self.come_in(entry)
            self.go("password")


class SecondFactor(AccountHandler):
    """A second factor: the secret, and the code that proves that an app has it."""

    here = ENROL

    async def get(self) -> None:  # type: ignore[override]  # the toolkit awaits what is to be awaited
        """Show the secret."""
        await self.enrolment()

    async def post(self) -> None:
        """Take it, where the code fits; then the recovery codes are shown, this once."""
        code = self.get_body_argument("code", "")
        added = await self.attempted(lambda account: account.add_second_factor(self.mine.id, code))
        if added is not None:
            entry, codes = added
            self.come_in(entry)
            self.fill("account_codes.html", codes=codes, added=True)

    async def failed(self, error: PwsopsError) -> None:
        """Show the secret again, and why the code was not taken."""
        if isinstance(error, InvalidInput):
            await self.enrolment(error, HTTPStatus.BAD_REQUEST)
        elif self.mine.enrols:
            self.show("signin_message.html", self.status_of(error), title="Not set up", message=error.message,
                      hint=error.hint)  # fmt: skip
        else:
            await super().failed(error)


class RemoveSecondFactor(AccountHandler):
    """No second factor any more."""

    async def post(self) -> None:
        """Remove it."""
        entry = await self.attempted(lambda account: account.remove_second_factor(self.mine.id))
        if entry is not None:
            self.come_in(entry)
            self.go("removed")


class RecoveryCodes(AccountHandler):
    """Other recovery codes."""

    async def post(self) -> None:
        """Show them, this once."""
        codes = await self.attempted(lambda account: account.renew_recovery_codes(self.mine.id))
        if codes is not None:
            self.fill("account_codes.html", codes=codes, added=False)


class EndSessions(AccountHandler):
    """The end of one's own sessions."""

    async def post(self) -> None:
        """End one, or all others."""
        which = self.get_body_argument("session", "")

        def end(account: Account) -> str:
            if which:
                account.end_session(self.mine.id, which)
                return "ended"
            account.end_others(self.mine.id)
            return "others"

        done = await self.attempted(end)
        if done is not None:
            self.go(done)


class EndSessionsOf(AccountHandler):
    """The end of somebody else's sessions, by an administrator."""

    async def post(self) -> None:
        """End them."""
        whose = self.get_body_argument("name", "")
        done = await self.attempted(lambda account: account.end_sessions_of(whose) or "theirs")
        if done is not None:
            self.go(done)


_NOT_THE_SAME = InvalidInput(
    "The password was not changed: the new one was typed in two ways.", hint="Type it twice alike."
)


def _may_end(session: Session) -> bool:
    principal = session.principal()
    return principal.has(Right.SESSIONS) and principal.instances is None


def _moment(instant: datetime) -> str:
    return f"{instant.day} {instant:%b %Y %H:%M} UTC"


def _grouped(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _picture(address: str) -> Markup:
    """Return a QR code as an element of the page: dark on light in either palette, or a camera does not see it."""
    drawn = segno.make(address, micro=False).svg_inline(scale=4, border=4, dark="#000", light="#fff")
    # The library writes numbers and colours, and nothing of the address.
    return Markup(drawn.replace("<svg ", '<svg role="img" aria-label="The secret as a QR code" ', 1))
