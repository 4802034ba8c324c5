"""What is asked after the password of somebody who has a second factor."""

from __future__ import annotations

from http import HTTPStatus

from pwsops.errors import PwsopsError
from pwsops.signin.public_errors import public
from pwsops.web.signin import cookies
from pwsops.web.signin.cookies import Cookie
from pwsops.web.signin.handlers import Handler, expired_form


class Code(Handler):
    """A code of the app, or a recovery code."""

    def get(self) -> None:
        """Show the form to somebody who has just given their password."""
        try:
            self.gate.authentication.half_of(cookies.read(self.request, Cookie.HALF))
        except PwsopsError:
            self.redirect("/signin", status=HTTPStatus.SEE_OTHER)
            return
        self._form()

    async def post(self) -> None:
        """Judge the code."""
        half, code = cookies.read(self.request, Cookie.HALF), self.get_body_argument("code", "")
        if not self.is_own_form(None):
            self._form(expired_form(), HTTPStatus.FORBIDDEN)
            return
        authentication, attempt = self.gate.authentication, self.attempt()
        try:
            entry = await self.soon(self.gate.passwords, lambda: authentication.by_code(half, code, attempt))
        except PwsopsError as error:
            self._form(error, self.status_of(error))
            return
        self.come_in(entry)
        cookies.forget(self, Cookie.HALF)
        self.remember(entry.session.person.name)
        self.lead_in(entry.session)

    def _form(self, error: PwsopsError | None = None, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.show(
            "signin_code.html",
            status,
            error=None if error is None else public(error),
            next=self.next,
            csrf=self.form_token(),
        )
