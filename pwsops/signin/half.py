"""Half a sign-in: the password was right, and a code is wanted yet. The browser carries that, sealed, for minutes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken

from pwsops.clock import Clock
from pwsops.errors import Denied
from pwsops.signin.users import User

LASTS_S = 300


@dataclass(frozen=True, kw_only=True)
class Half:
    """What the browser is to keep of it, sealed."""

    sealed: str


class Halves:
    """Seals and opens them; of no use after a restart.

    Parameters
    ----------
    clock
        The time.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._cipher = Fernet(Fernet.generate_key())
        self._clock = clock

    def of(self, user: User) -> Half:
        """Return half a sign-in of somebody, as they are now."""
        content = json.dumps([user.name, user.proof]).encode()
        return Half(sealed=self._cipher.encrypt_at_time(content, self._now_s()).decode())

    def opened(self, sealed: str) -> tuple[str, str]:
        """Return whose it is, and their proof then (`User.proof`). Raises `Denied` where it is none, or too old."""
        try:
            content = self._cipher.decrypt_at_time(sealed, ttl=LASTS_S, current_time=self._now_s())
        except (InvalidToken, ValueError):
            raise expired() from None
        name, proof = json.loads(content)
        return str(name), str(proof)

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())


def expired() -> Denied:
    """Return the error for a code that comes without a password before it."""
    return Denied("The code was not looked at: the password was given too long ago.", hint="Begin again.")
