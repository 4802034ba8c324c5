"""What the server says: numbers, severities and texts as in its `sys.messages`; only texts known from there."""

from __future__ import annotations

from pathlib import Path

from tests.standin.events import Said


def _read() -> dict[int, tuple[int, str]]:
    """Read the table beside: number, severity, text. Severity 10 is 0 there, as clients get to see it."""
    lines = (line.split("\t") for line in Path(__file__).with_suffix(".tsv").read_text().splitlines())
    return {int(number): (int(severity), text) for number, severity, text in lines}


TEXTS = _read()
"""By number: the severity, and the text with its blanks."""

OS_TEXTS = {
    2: "The system cannot find the file specified.",
    3: "The system cannot find the path specified.",
    5: "Access is denied.",
    32: "The process cannot access the file because it is being used by another process.",
    38: "Reached the end of the file.",
    53: "The network path was not found.",
    64: "The specified network name is no longer available.",
    67: "The network name cannot be found.",
    80: "The file exists.",
    112: "There is not enough space on the disk.",
    123: "The filename, directory name, or volume label syntax is incorrect.",
    1117: "The request could not be performed because of an I/O device error.",
    1326: "The user name or password is incorrect.",
}
"""Errors of the operating system. The server words them like this on Linux too."""


def said(number: int, *blanks: object, state: int = 1) -> Said:
    """Return a message of the server with its blanks filled."""
    severity, text = TEXTS[number]
    return Said(number=number, text=text.format(*blanks), severity=severity, state=state)


def os_error(code: int) -> str:
    """Return an error of the operating system as the server quotes it: `5(Access is denied.)`."""
    return f"{code}({OS_TEXTS.get(code, 'error not found')})"


class ServerError(Exception):
    """A statement has failed; the server says `said`, in this order."""

    def __init__(self, *said: Said) -> None:
        super().__init__(said[0].text)
        self.said = said


def refuse(number: int, *blanks: object, state: int = 1) -> ServerError:
    """Return the error of one message, to be raised."""
    return ServerError(said(number, *blanks, state=state))
