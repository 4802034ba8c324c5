"""What can go wrong, by what the caller can do about it.

A message names the operation, the object and the cause; the hint names the next step. Both are written for the
administrator who reads them on a page or a terminal, never for the log alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pwsops.messages import Message, readable, single_stops

SEE_LOG = "The log in the home's logs directory has the details; please report it."


class PwsopsError(Exception):
    """Base of every error this product raises on purpose.

    Parameters
    ----------
    message
        Operation, object and cause, in one or two sentences.
    hint
        The next step. Never empty: an error that leaves its reader without one is half an error.
    transient
        True where the same call may succeed a little later; only these are retried.
    number, severity
        The server's own, where it gave any.
    messages
        All that the server said on the way to this error, in order and word for word.
    path
        The media file that it is about, as the system names it; empty where it is about none, or several.
    cause
        Why, alone: to stand after "because", without what was attempted and without a full stop; empty: the message
        is not made of two parts.
    field
        What was entered wrongly, by its name in the record; empty: no one field.
    thumbprint
        The certificate that it is about, as 40 hexadecimal digits; empty where it is about none.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        transient: bool = False,
        number: int | None = None,
        severity: int | None = None,
        messages: Sequence[Message] = (),
        path: str = "",
        cause: str = "",
        field: str = "",
        thumbprint: str = "",
    ) -> None:
        # A path of the system's may hold what is no text; everybody stores and shows errors.
        self.message = single_stops(readable(message))
        super().__init__(self.message)
        self.hint = single_stops(hint)
        self.transient = transient
        self.number = number
        self.severity = severity
        self.messages = tuple(messages)
        self.path = path
        self.cause = single_stops(readable(cause))
        self.field = field
        self.thumbprint = thumbprint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        keywords = {
            "hint": self.hint,
            "transient": self.transient,
            "number": self.number,
            "severity": self.severity,
            "messages": self.messages,
            "path": self.path,
            "cause": self.cause,
            "field": self.field,
            "thumbprint": self.thumbprint,
        }
        return _rebuild, (type(self), self.message, keywords)


def _rebuild(kind: type[PwsopsError], message: str, keywords: dict[str, Any]) -> PwsopsError:
    return kind(message, **keywords)


class InvalidInput(PwsopsError):
    """What was entered cannot be used; entering something else helps."""


class NotFound(PwsopsError):
    """The named thing does not exist (any more)."""


class Conflict(PwsopsError):
    """The name is taken, or somebody else changed the same thing first."""


class Refused(PwsopsError):
    """Understood, and not done in the present state (a tripped profile, a stopped service, a missing confirmation)."""


class Denied(PwsopsError):
    """The signed-in person's role does not allow it, or they are signed in no more."""


class SignInAnew(Denied):
    """Their role allows it shortly after they gave their password; they have to give it once more."""


class CatalogueDamaged(PwsopsError):
    """The catalogue's file is no catalogue any more; moving it away and beginning anew helps."""


class EngineError(PwsopsError):
    """The engine, its server or its files said no."""


class NoSpace(EngineError):
    """There is no room where something is to be written; freeing some helps."""


class LoginRefused(EngineError):
    """The server does not accept the login or its password; each further try counts against the login there."""


class DatabaseDamaged(EngineError):
    """The database itself was found damaged while it was backed up; what was read is no backup."""


class DatabaseUnreadable(EngineError):
    """What has a database's name cannot be read as one: not even a copy of what it holds can be taken."""


class MediaError(EngineError):
    """A media file is missing, damaged, incomplete or not one of ours."""


class CertificateNeeded(EngineError):
    """An encrypted backup needs a private key that is not at hand; importing its certificate helps."""


class BaseUnusable(EngineError):
    """A differential is not possible on this base; a full is."""


class EndUnknown(EngineError):
    """It was broken off while it did what cannot be taken back: it may have been done, or not."""


class Cancelled(PwsopsError):
    """Somebody stopped it on purpose; it counts as neither success nor failure."""


class Unanswered(EngineError):
    """There was no answer in time. It is still waited for, by a thread that nobody can stop."""


def unforeseen(what: str, error: BaseException) -> PwsopsError:
    """Return the error for one that nobody foresaw, which is in the log; `what` says what failed, in past tense."""
    return PwsopsError(f"{what} in a way that was not foreseen: {type(error).__name__}: {error}", hint=SEE_LOG)
