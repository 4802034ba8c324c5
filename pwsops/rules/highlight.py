"""Which rows stand out, and in which colour: one answer for pages, terminals, notebooks, workbooks and documents."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from pwsops.rules.model import RunStatus


class Tone(StrEnum):
    """How a row stands out."""

    ERROR = "red"
    WARNING = "orange"
    NONE = ""


class Ink(NamedTuple):
    """The colours of a tone on a light ground."""

    text: str
    ground: str


INKS = {
    Tone.ERROR: Ink(text="#bd1f1f", ground="#fae0df"),
    Tone.WARNING: Ink(text="#a84b00", ground="#fdebd8"),
}
_TONES = {
    RunStatus.FAILED: Tone.ERROR,
    RunStatus.MISSED: Tone.WARNING,
    RunStatus.SKIPPED: Tone.WARNING,
}


class HasStatus(Protocol):
    """A row of a history: a run, a database of one, or a restore, as a record or as a row of a frame."""

    @property
    def status(self) -> str:
        """Its state, one of `RunStatus`."""


def highlight(row: HasStatus) -> Tone:
    """Return how a row stands out: errors red, warnings orange, all else as plain text."""
    return tone_of(row.status)


def tone_of(status: str) -> Tone:
    """Return how what is in this state stands out; what is no state does not."""
    return _TONES.get(RunStatus(status), Tone.NONE) if status in set(RunStatus) else Tone.NONE


def statuses(tone: Tone) -> list[RunStatus]:
    """Return the states that have a tone."""
    return [status for status in RunStatus if tone_of(status) is tone]
