"""Who reads the files and does the restore: whoever the instance is asked as, or a login given for this once."""

from __future__ import annotations

from collections.abc import Callable

from pwsops.engines.records import Credentials
from pwsops.rules.rights import Right
from pwsops.web.live.session import Session
from pwsops.web.ui.markup import Markup


class LoginPart:
    """The part of the page Restore that takes login data. It holds them until a restore has begun, and shows none.

    Parameters
    ----------
    session
        Whose page it is.
    on_use
        Called when somebody else is to ask the server from now on.
    """

    def __init__(self, session: Session, on_use: Callable[[], None]) -> None:
        self._session = session
        self._on_use = on_use
        self.piece = Markup(self._act, self._typed)
        self.credentials: Credentials | None = None
        self._instance = ""
        self._close()

    def show(self, instance: str) -> bool:
        """Show what there is to say, and say whether there is anything: some engines know no login."""
        if instance != self._instance:
            self._instance = instance
            self.forget()
        able, asked_as = self._session.able(instance)
        self.piece.show(
            "restore/login.html",
            open=self._open,
            asked_as=asked_as or "the service user",
            used=self.credentials.login if self.credentials else "",
            login=self._login,
            password=self._password,
            errors=self._problems() if self._pressed else {},
        )
        return able.login and not self._session.why_not(Right.RESTORE)

    def forget(self) -> None:
        """Let go of the login data: the restore that they were given for has begun, or was given up."""
        self.credentials = None
        self._close()

    def _close(self) -> None:
        self._open = self._pressed = False
        self._login = self._password = ""

    def _problems(self) -> dict[str, str]:
        found = {}
        if not self._login.strip():
            found["login"] = "Say who is to restore."
        if not self._password:
            found["password"] = "Give the password of this login."
        return found

    def _typed(self, field: str, _key: str, value: str | bool) -> None:
        if field == "login":
            self._login = str(value)
        elif field == "password":
            self._password = str(value)
        self._session.changed()

    def _act(self, action: str, key: str) -> None:
        if action == "give-login":
            self._open = not self._open
        elif action == "use-login":
            self._use()
        elif action == "drop-login":
            self.forget()
            self._on_use()
            self._session.changed()
            self._session.attention.focus_on('[data-action="give-login"]')
        else:
            self._session.act(action, key)
        self._session.changed()

    def _use(self) -> None:
        self._pressed = True
        if not self._problems():
            self.credentials = Credentials(login=self._login.strip(), password=self._password)
            self._close()
            self._on_use()
            self._session.attention.focus_on('[data-action="drop-login"]')
