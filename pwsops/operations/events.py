"""Entries of the audit log for what leaves nothing else in the catalogue: sign-ins, denials, exports, the use of keys.

What strangers can repeat at will is written once, and then counted: a log that fills the disk guards nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pwsops.catalogue import Catalogue, audit
from pwsops.clock import Clock
from pwsops.errors import Denied, PwsopsError

WINDOW_S = 60.0
"""What is said again within so long is counted, and written down once."""
MOST_DIFFERENT = 20
"""So many different ones of one action are written within that time; more are counted."""
DENIED = "denied"
MOST_TEXT = 500
"""Longer texts of strangers are cut."""
_REFUSALS = ("failed", "refused", DENIED)
_SEVERAL = "several"


@dataclass(frozen=True, kw_only=True)
class Act:
    """What an entry tells, without its time."""

    actor: str
    action: str
    subject: str
    detail: str


@dataclass(kw_only=True)
class _Window:
    began_s: float
    written: set[Act] = field(default_factory=set)
    more: int = 0
    actors: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    last_at: datetime | None = None


class Repeats:
    """Lets each act through once a minute, few different ones of a kind, and counts the rest."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def take(self, act: Act, *, now: datetime, moment_s: float) -> Sequence[Act]:
        """Return what is to be written now: the counts of what is over, then this act unless it is counted."""
        due = self.over(moment_s)
        window = self._windows.setdefault(act.action, _Window(began_s=moment_s))
        if act not in window.written and len(window.written) < MOST_DIFFERENT:
            window.written.add(act)
            return [*due, act]
        window.more, window.last_at = window.more + 1, now
        for names, name in ((window.actors, act.actor), (window.subjects, act.subject)):
            if len(names) < 2:
                names.add(name)
        return due

    def over(self, moment_s: float) -> Sequence[Act]:
        """Return the counts of what began longer than a window ago."""
        ended = [action for action, window in self._windows.items() if moment_s - window.began_s >= WINDOW_S]
        return [act for action in ended if (act := _counted(action, self._windows.pop(action))) is not None]


class Events:
    """Writes such entries for one process.

    Parameters
    ----------
    catalogue, clock
        Where they go, and the time.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._repeats = Repeats()
        self._lock = threading.Lock()

    def record(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        """Add an entry. One for what did not happen (failed, refused, denied) is counted where it is repeated."""
        if action.endswith(_REFUSALS):
            self.record_repeated(actor, action, subject, detail)
        else:
            self._write([Act(actor=actor, action=action, subject=subject, detail=detail)])

    def record_repeated(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        """Add an entry; the same again within a minute, and many of one action, are counted and written as one."""
        act = Act(actor=_cut(actor), action=action, subject=_cut(subject), detail=_cut(detail))
        with self._lock:
            due = self._repeats.take(act, now=self._clock.now(), moment_s=self._clock.monotonic())
        self._write(due)

    def denied(self, actor: str, action: str, error: Denied) -> None:
        """Add an entry for what somebody was not allowed to do. What keeps it from being written is not theirs."""
        with suppress(PwsopsError):
            self.record(actor, DENIED, action, error.message)

    def flush(self) -> None:
        """Write the counts of what is over."""
        with self._lock:
            due = self._repeats.over(self._clock.monotonic())
        self._write(due)

    def close(self) -> None:
        """Write all counts: this process ends."""
        with self._lock:
            due = self._repeats.over(float("inf"))
        with suppress(PwsopsError):
            self._write(due)

    def _write(self, acts: Sequence[Act]) -> None:
        if not acts:
            return
        with self._catalogue.write() as connection:
            for act in acts:
                audit.append(connection, at=self._clock.now(), **vars(act))


def _counted(action: str, window: _Window) -> Act | None:
    if not window.more:
        return None
    actor = next(iter(window.actors)) if len(window.actors) == 1 else _SEVERAL
    subject = next(iter(window.subjects)) if len(window.subjects) == 1 else _SEVERAL
    detail = f"{window.more:,} more within a minute, the last at {window.last_at:%Y-%m-%d %H:%M:%S} UTC"
    return Act(actor=actor, action=action, subject=subject, detail=detail)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"
