"""What a login may look like, wherever one is given: for an instance, a profile or a single restore."""

from __future__ import annotations

from pwsops.engines.records import Capabilities
from pwsops.errors import InvalidInput

LONGEST = 128


def check_login(whose: str, login: str | None, password: str | None, *, able: Capabilities) -> None:
    """Raise `InvalidInput` unless login and password fit together, and the engine.

    Parameters
    ----------
    whose
        Begins the message: ``The instance 'x'``.
    login, password
        Both None: the service user. An empty password is none that a server takes.
    able
        What the engine can do.
    """
    if login is None and password is None:
        return
    if not able.login:
        raise InvalidInput(
            f"{whose} cannot have a login: its databases know none.", hint="Leave login and password away."
        )
    if not login:
        raise InvalidInput(f"{whose} has a password but no login.", hint="Give the login as well, or neither.")
    if login != login.strip() or len(login) > LONGEST or not login.isprintable():
        raise InvalidInput(
            f"{whose} cannot have the login {login!r}.",
            hint=f"Give at most {LONGEST} printable characters, without spaces at the ends.",
        )
    if not password:
        raise InvalidInput(
            f"The login {login!r} has no password.",
            hint="Give its password as well; it is kept encrypted and shown nowhere.",
        )
