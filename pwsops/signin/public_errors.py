"""What those are told of errors who may not know where the home is, what its files hold, and what is behind it."""

from __future__ import annotations

from pwsops.errors import Denied, PwsopsError, Refused
from pwsops.signin.private_file import Unusable


class PublicError(Refused):
    """A refusal that is worded for anybody."""


class NotKnown(PublicError):
    """Whether somebody is signed in cannot be known now. That ends nothing, and lets nothing be done."""

    def __init__(self) -> None:
        super().__init__(
            "It cannot be known just now who is signed in: a file of the home cannot be used. Nothing was done.",
            hint="Try again once it is mended. At the machine, `pwsops access check` and `pwsops user list` say which "
            "file it is, and why.",
        )


def public(error: PwsopsError) -> PwsopsError:
    """Return an error as anybody may be told it. Only what is worded for that passes."""
    if isinstance(error, (Denied, PublicError)):
        return error
    if isinstance(error, Unusable):
        return PublicError(
            "Nobody can sign in just now but by a link: a file of the home cannot be used.",
            hint="At the machine, `pwsops access check` and `pwsops user list` say which, and why.",
        )
    return PublicError(
        "Nobody can sign in just now.", hint="Try again. At the machine, `pwsops doctor` and the log say why."
    )
