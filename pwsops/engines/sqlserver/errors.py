"""From what the driver raised and the server said to one error with a cause and a next step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from pwsops.engines.sqlserver.cause import Cause
from pwsops.engines.sqlserver.causes import CAUSES, NEW_IS_DAMAGED, SYSTEM_ERRORS, WHILE_BACKING_UP, WRAPPERS
from pwsops.errors import CertificateNeeded, EngineError, MediaError, PwsopsError
from pwsops.messages import Message

TIMEOUT_STATES = ("HYT00", "HYT01")
LOST_STATES = (*TIMEOUT_STATES, "08001", "08003", "08004", "08007", "08S01", "08S02", "01002", "24000")
FREETDS_LOST = frozenset({20002, 20003, 20004, 20006, 20009, 20017, 20047})
"""FreeTDS's own numbers for a connection that was not made, or is no more."""

FREETDS_VAGUE = ("[HY000] Unknown error", "[24000] Invalid cursor state")
"""All that FreeTDS says of a connection that was reset, and of the next use of one that is no more."""

_NOT_TRUSTED = {
    "subject name does not match": "Use the name that is in the server's certificate for its address.",
    "certificate verify failed": "Give the server a certificate whose issuer this machine trusts; or trust any "
    "certificate in the instance's settings, where the network is your own.",
    "Encryption not supported": "The server does not encrypt: mend that there, or switch encryption off, where the "
    "network is your own.",
}
"""What Microsoft's driver says of a connection that it refuses to trust, and the cure."""

_SYSTEM_ERROR = re.compile(r"(?:error '?|failed: |\" |: \")(\d+)\(", re.IGNORECASE)
_PLACE = re.compile(r"""(['"])(.+?):?\1(?=\. Operating| failed| \d+\()""", re.DOTALL)
"""The file that the operating system had something against: one stripe of several, or one of the database's."""
_SYSTEM_TEXT = re.compile(r"\d+\((.*?)\.?\)\.?$|\d+\((.*?)\.?\)", re.IGNORECASE | re.DOTALL)
_THUMBPRINT = re.compile(r"0x([0-9A-F]+)", re.IGNORECASE)


class Doing(Enum):
    """What an operation does to a media file: one number of the server means something else for each."""

    READING = auto()
    READING_NEW = auto()
    """Reading back what was written a moment ago."""
    WRITING = auto()
    OTHER = auto()

    @property
    def reads(self) -> bool:
        """Whether a media file is read."""
        return self in (Doing.READING, Doing.READING_NEW)


@dataclass(frozen=True, kw_only=True)
class ErrorContext:
    """What an operation was about: what its errors are told with.

    Parameters
    ----------
    operation
        What was done, as the beginning of a sentence: ``Backing up vault``.
    server
        The instance's name.
    database, path, login, account
        Where known. `account` is what the server runs as.
    doing
        What it does to the media file.
    """

    operation: str
    server: str
    database: str = "the database"
    path: str = ""
    login: str | None = None
    account: str | None = None
    doing: Doing = Doing.OTHER

    @property
    def words(self) -> dict[str, str]:
        """What fills the texts of causes."""
        return {
            "server": self.server,
            "database": self.database,
            "path": self.path or "the file",
            "login": f"the login {self.login}" if self.login else "the service user's login",
            "account": f"the SQL Server service account {self.account}"
            if self.account
            else "the account of SQL Server",
        }

    def failed(
        self,
        why: str,
        *,
        hint: str,
        kind: type[PwsopsError] = EngineError,
        transient: bool = False,
        number: int | None = None,
        severity: int | None = None,
        messages: Sequence[Message] = (),
        path: str = "",
        thumbprint: str = "",
    ) -> PwsopsError:
        """Return the error that the operation failed, with why; `number` and `severity` are the server's."""
        return kind(
            f"{self.operation} on {self.server} failed: {why}",
            hint=hint,
            transient=transient,
            number=number,
            severity=severity,
            messages=messages,
            path=path,
            cause=why.rstrip("."),
            thumbprint=thumbprint,
        )


def reason(error: PwsopsError) -> str:
    """Return why something failed, to stand after "because": without the operation, and without the full stop."""
    return error.cause or error.message.rstrip(".")


def translate(messages: Sequence[Message], context: ErrorContext) -> PwsopsError:
    """Find the cause among all that was said, and say it in plain words; the raw messages stay below it."""
    message = cause_of(messages)
    if message is None:
        return unexplained(messages, context)
    if is_lost(message):
        return lost(messages, context, message)
    cause, system = _look_up(message, context)
    if cause is None:
        return _unknown(messages, context, message)
    place = _PLACE.search(message.text) if system_error([message]) is not None else None
    thumbprint = _thumbprint(message.text) if cause.kind is CertificateNeeded else ""
    words = context.words | {"system": system, "thumbprint": thumbprint or "unknown"}
    words |= {} if place is None else {"path": place[2]}
    return context.failed(
        f"{cause.text.format(**words)}.",
        hint=cause.step.format(**words),
        kind=cause.kind,
        transient=cause.transient,
        number=message.number,
        severity=message.severity,
        messages=messages,
        path=context.path,
        thumbprint=thumbprint,
    )


def cause_of(messages: Sequence[Message]) -> Message | None:
    """Return the message that says what went wrong: the first error that is no wrapper, else a wrapper."""
    failures = [message for message in messages if message.is_error]
    causes = [message for message in failures if message.number not in WRAPPERS]
    known = [message for message in causes if message.number in CAUSES]
    return next(iter(known or causes or failures), None)


def is_lost(message: Message) -> bool:
    """Whether the connection was not made or went away; what ran on it has to be looked for."""
    signs = (*(f"[{state}]" for state in LOST_STATES), *FREETDS_VAGUE)
    return message.number in FREETDS_LOST or message.text.startswith(signs)


def is_stale(message: Message) -> bool:
    """Whether a connection may simply have waited too long: a question can then be asked again on another one."""
    return is_lost(message) and not message.text.startswith(tuple(f"[{state}]" for state in TIMEOUT_STATES))


def lost(messages: Sequence[Message], context: ErrorContext, message: Message) -> PwsopsError:
    """Return the error that there is no connection (any more); trying again may help, but not against a certificate."""
    for words, step in _NOT_TRUSTED.items():
        if words in message.text:
            return context.failed(f"the connection is not safe: {message.text}", hint=step, messages=messages)
    return context.failed(
        f"the server cannot be reached, or stopped answering: {message.text}",
        hint="Check that the server runs, that its address and port are right, and that no firewall is between.",
        transient=True,
        number=message.number,
        messages=messages,
    )


def unexplained(messages: Sequence[Message], context: ErrorContext) -> PwsopsError:
    """Return the error that the server said nothing: neither an error nor the proof of success."""
    return context.failed(
        "the server neither reported success nor said what was wrong.",
        hint="Look into the server's error log at this time; the messages below are all that it sent.",
        messages=messages,
    )


def _unknown(messages: Sequence[Message], context: ErrorContext, message: Message) -> PwsopsError:
    number = f" (error {message.number})" if message.number is not None else ""
    wrapped = message.number in WRAPPERS
    why = "the driver passed on no cause" if wrapped else message.text
    return context.failed(
        f"{why}{number}",
        hint="Look into the server's error log at this time for the cause; the messages below are all that came here.",
        number=message.number,
        severity=message.severity,
        messages=messages,
    )


def system_error(messages: Sequence[Message]) -> int | None:
    """Return the operating system's number in what went wrong; None where it had no part in it."""
    message = cause_of(messages)
    match = None if message is None else _SYSTEM_ERROR.search(message.text)
    return None if match is None else int(match[1])


def _look_up(message: Message, context: ErrorContext) -> tuple[Cause | None, str]:
    cause = None if message.number is None else CAUSES.get(message.number)
    if context.doing is Doing.WRITING:
        cause = WHILE_BACKING_UP.get(message.number or 0, cause)
    if cause is not None and cause.kind is MediaError and context.doing is Doing.READING_NEW:
        cause = replace(cause, step=NEW_IS_DAMAGED)
    system = _SYSTEM_ERROR.search(message.text)
    if cause is None or system is None:
        return cause, message.text
    exact = SYSTEM_ERRORS.get(int(system[1]))
    if exact is None:
        kind = MediaError if context.doing.reads else cause.kind
        return replace(cause, kind=kind), _system_text(message.text[system.start() :])
    return replace(exact, kind=MediaError if context.doing.reads else exact.kind), ""


def _thumbprint(text: str) -> str:
    match = _THUMBPRINT.search(text)
    return match[1].upper() if match else ""


def _system_text(text: str) -> str:
    match = _SYSTEM_TEXT.search(text)
    return next((group for group in match.groups() if group), text) if match else text
