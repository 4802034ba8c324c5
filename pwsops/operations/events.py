"""Entries of the audit log for what leaves nothing else in the catalogue: sign-ins, denials, exports, the use of keys.

What strangers can repeat at will is written once, and then counted: a log that fills the disk guards nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pwsops.catalogue import Catalogue, audit
from pwsops.clock import Clock
from pwsops.errors import Denied, PwsopsError

WINDOW_S = 60.0
"""What is said again within so long is counted, and written down once."""
MOST_DETAILS = 5
"""So many different details are written within that time of one action, actor and subject; more are counted."""
MOST_SUBJECTS = 20
"""So many subjects of one action and actor are told apart within that time; more are counted together."""
MOST_ACTORS = 200
"""So many pairs of actor and subject of one action are told apart within that time; more are counted together."""
DENIED = "denied"
MOST_TEXT = 500
"""Longer texts of strangers are cut."""
_WITHOUT_SUCCESS = ("failed", "refused", DENIED, "begun")
_SEVERAL = "several"
_WHOLE = 3
"""The parts of a key that has an actor and a subject."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """What an entry tells, without its time."""

    actor: str
    action: str
    subject: str
    detail: str


_Key = tuple[str, ...]
"""What is counted together: an action, an actor and a subject; or an action and an actor; or an action alone."""


@dataclass(kw_only=True)
class _Window:
    began_s: float
    written: set[Act] = field(default_factory=set)
    more: int = 0
    actors: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    last_at: datetime | None = None


class Repeats:
    """Lets each act through once a minute, few different ones of a kind, and counts the rest.

    Each actor and subject has a window of its own: nobody's flood makes what another did part of a count. Those who
    make up subjects or actors are counted apart from those who do not.
    """

    def __init__(self) -> None:
        self._windows: dict[_Key, _Window] = {}
        self._subjects: Counter[_Key] = Counter()

    def take(self, act: Act, *, now: datetime, moment_s: float) -> Sequence[Act]:
        """Return what is to be written now: the counts of what is over, then this act unless it is counted."""
        due = self.over(moment_s)
        key = self._key(act)
        if key not in self._windows:
            self._open(key, moment_s)
        window = self._windows[key]
        if len(key) == _WHOLE and act not in window.written and len(window.written) < MOST_DETAILS:
            window.written.add(act)
            return [*due, act]
        window.more, window.last_at = window.more + 1, now
        for names, name in ((window.actors, act.actor), (window.subjects, act.subject)):
            if len(names) < 2:
                names.add(name)
        return due

    def over(self, moment_s: float) -> Sequence[Act]:
        """Return the counts of what began longer than a window ago."""
        ended = [key for key, window in self._windows.items() if moment_s - window.began_s >= WINDOW_S]
        return [act for key in ended if (act := _counted(key[0], self._close(key))) is not None]

    def _key(self, act: Act) -> _Key:
        """Return the narrowest window that has room for an act."""
        key = (act.action, act.actor, act.subject)
        if key in self._windows:
            return key
        if self._subjects[key[:1]] >= MOST_ACTORS:
            return key[:1]
        return key[:2] if self._subjects[key[:2]] >= MOST_SUBJECTS else key

    def _open(self, key: _Key, moment_s: float) -> None:
        self._windows[key] = _Window(began_s=moment_s)
        if len(key) == _WHOLE:
            self._subjects.update([key[:1], key[:2]])

    def _close(self, key: _Key) -> _Window:
        if len(key) == _WHOLE:
            self._subjects.subtract([key[:1], key[:2]])
            self._subjects = +self._subjects
        return self._windows.pop(key)


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
        """Add an entry. One of what came to no end (failed, refused, denied, begun) is counted if repeated."""
        if action.endswith(_WITHOUT_SUCCESS):
            self.record_repeated(actor, action, subject, detail)
        else:
            self._write([Act(actor=actor, action=action, subject=subject, detail=detail)])

    def record_repeated(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        """Add an entry; the same again within a minute, and many of one actor, are counted and written as one."""
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
