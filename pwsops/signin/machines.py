"""Requests by machines' tokens. Each token is asked for with every message, and its pages end with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import date

from pwsops.clock import Clock
from pwsops.errors import Denied, Refused
from pwsops.rules.rights import Principal, Way, with_way
from pwsops.signin.ending import Ending
from pwsops.signin.public_errors import NotKnown
from pwsops.signin.tokens import Token, Tokens

_OVER = "The token is not good any more."


class MachineVisit(Ending):
    """All that comes by one token. It lasts as long as the token does."""

    def __init__(self, tokens: Tokens, token: Token, system_user: str) -> None:
        super().__init__()
        self.id = f"token {token.digest}"
        self.whose = with_way(Way.TOKEN.value, token.name)
        self.token = token
        self._tokens = tokens
        self._system_user = system_user

    def principal(self) -> Principal:
        """Return who it is, as of now.

        Raises
        ------
        Denied
            The token was revoked, replaced or has ended.
        NotKnown
            That cannot be known.
        """
        try:
            lasts = self.lasts()
        except Refused:
            raise NotKnown from None
        if not lasts:
            raise Denied(
                f"The token {self.token.name} is not good any more.", hint="Create another: `pwsops token create`."
            )
        return Principal(
            name=self.token.name,
            role=self.token.role,
            way=Way.TOKEN,
            instances=self.token.instances,
            system_user=self._system_user,
        )

    def touch(self) -> None:
        """Raise as `principal` does where the token is not good any more."""
        self.principal()

    def lasts(self) -> bool:
        """Whether the token is still good. Raises `Refused` where that cannot be known."""
        return not self.ended and self._tokens.valid(self.token.digest) == self.token


class Machines:
    """The visits by tokens in this process.

    Parameters
    ----------
    tokens, clock
        The tokens, and the time.
    system_user
        Whose process this is.
    on_first
        Called with a token that is used for the first time on a day (UTC), or in this process.
    """

    def __init__(
        self, tokens: Tokens, *, clock: Clock, system_user: str, on_first: Callable[[Token], None] = lambda token: None
    ) -> None:
        self._tokens, self._clock = tokens, clock
        self._system_user, self._on_first = system_user, on_first
        self._visits: dict[str, MachineVisit] = {}
        self._days: dict[str, date] = {}
        self._lock = threading.Lock()

    def find(self, text: str) -> MachineVisit | None:
        """Return the visit of a token; None where it is not good. Raises `NotKnown` where that cannot be known."""
        try:
            token = self._tokens.find(text)
        except Refused:
            raise NotKnown from None
        if token is None:
            return None
        with self._lock:
            visit = self._visits.get(token.digest)
            former = visit if visit is not None and visit.token != token else None
            if visit is None or former is not None:
                visit = self._visits[token.digest] = MachineVisit(self._tokens, token, self._system_user)
            today = self._clock.now().date()
            is_first = self._days.get(token.digest) != today
            self._days[token.digest] = today
        if former is not None:
            former.end(_OVER)
        if is_first:
            self._on_first(token)
        return visit

    def sweep(self) -> None:
        """End the visits whose tokens are good no more. What cannot be known now ends nothing, and nothing is done."""
        with suppress(Refused), self._lock:
            ended = [visit for visit in self._visits.values() if not visit.lasts()]
            for visit in ended:
                del self._visits[visit.token.digest], self._days[visit.token.digest]
                visit.end(_OVER)
