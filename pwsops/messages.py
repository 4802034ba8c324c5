"""What a server or an engine said, word for word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, as the server or the engine gave it.

    Parameters
    ----------
    text
        Its words, unchanged.
    at
        When it was heard, aware UTC.
    number, severity, state
        The server's own, where it gave any and the driver passed it on.
    is_error
        Whether it tells of a failure.
    """

    text: str
    at: datetime
    number: int | None = None
    severity: int | None = None
    state: int | None = None
    is_error: bool = False


_TWO_STOPS = re.compile(r"(?<![./\\])\.\.(?=\s|$)")


def single_stops(text: str) -> str:
    """Return a text in which a sentence that was quoted with its full stop ends with one; paths and "..." stay."""
    return _TWO_STOPS.sub(".", text)


def is_text(name: str) -> bool:
    """Whether a name can be written down; one that came from the system may hold bytes that are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(name: str) -> str:
    r"""Return a name with those bytes written as ``\xe9``, for people only."""
    try:
        return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:
        return name.encode(errors="backslashreplace").decode()
