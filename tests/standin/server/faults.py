"""Faults that a test injects: what to say instead, when to cut the connection, what to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.standin.events import Cut, Event, Said
from tests.standin.server.messages import ServerError, os_error, said

WAIT_S = 0.005
LIMIT_S = 240.0
"""How long anything is waited for: less than a test may take."""


class Stopped(Exception):
    """The statement is not to go on: cancelled, killed, or its client is gone."""


@dataclass(kw_only=True)
class Fault:
    """One fault. It strikes a statement whose title begins with `statement`, in `database` if that is given.

    Parameters
    ----------
    raise_
        What is said instead of going on; the statement fails.
    after_messages
        How many messages of the statement pass before. At 0, an error is raised before the statement begins.
    cut_after
        The connection is cut after so many messages.
    finishes
        Whether the statement goes on after a cut: at once, or with `finishes_when` once that event is set.
    hold
        The statement waits, after `after_messages`, until this event is set; `reached` tells that it waits.
    messages
        So many messages a backup or restore says in all.
    delay_s
        Time that passes before the statement begins.
    times
        How often it strikes; None: always.
    containing
        Only statements in a batch that contains this text.
    """

    statement: str
    database: str | None = None
    raise_: Sequence[Said] = ()
    after_messages: int = 0
    cut_after: int | None = None
    finishes: bool = False
    finishes_when: threading.Event | None = None
    hold: threading.Event | None = None
    messages: int | None = None
    delay_s: float = 0
    times: int | None = 1
    containing: str = ""
    reached: threading.Event = field(default_factory=threading.Event)

    def fits(self, title: str, database: str, batch: str) -> bool:
        return (
            self.times != 0
            and f"{title.upper()} ".startswith(f"{self.statement.upper()} ")
            and (self.database is None or self.database.lower() == database.lower())
            and self.containing.lower() in batch.lower()
        )

    @property
    def strikes_first(self) -> bool:
        return bool(self.raise_) and self.after_messages == 0 and self.hold is None

    @property
    def point(self) -> int:
        return self.after_messages if self.cut_after is None else self.cut_after


class Faults:
    """All faults of a server."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def on(self, statement: str, **options: object) -> Fault:
        """Inject a fault; the options are those of `Fault`."""
        fault = Fault(statement=statement, **options)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._faults.clear()

    def take(self, title: str, database: str, batch: str) -> Fault | None:
        """Return the fault that strikes a statement, counting it."""
        with self._lock:
            fault = next((one for one in self._faults if one.fits(title, database, batch)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
            return fault

    # What happens often, by name. Each takes the options of `Fault` as well.

    def error(self, statement: str, number: int, *blanks: object, **options: object) -> Fault:
        """Let a statement fail with one message of the server, and the wrapper where it is a backup or restore."""
        return self.on(statement, raise_=_wrapped(statement, said(number, *blanks)), **options)

    def disk_full(self, path: str, statement: str = "BACKUP DATABASE", **options: object) -> Fault:
        """Let the disk be full in the middle of a backup."""
        options.setdefault("after_messages", 1)
        return self.on(statement, raise_=_wrapped(statement, said(3202, path, os_error(112))), **options)

    def access_denied(self, path: str, statement: str = "BACKUP DATABASE", **options: object) -> Fault:
        """Let the service account have no right to a path."""
        return self.on(statement, raise_=_wrapped(statement, said(3201, path, os_error(5))), **options)

    def deadlock(self, statement: str = "BACKUP DATABASE", **options: object) -> Fault:
        """Let the session be chosen as the victim of a deadlock."""
        return self.on(statement, raise_=[said(1205, 55, "lock")], **options)

    def offline(self, database: str, statement: str = "BACKUP DATABASE", **options: object) -> Fault:
        """Let a database be offline as far as one statement can tell."""
        return self.on(statement, raise_=_wrapped(statement, said(942, database)), database=database, **options)

    def cut(self, statement: str = "BACKUP DATABASE", *, after: int, **options: object) -> Fault:
        """Cut the connection after so many messages."""
        return self.on(statement, cut_after=after, **options)


def _wrapped(statement: str, cause: Said) -> list[Said]:
    if not statement.upper().startswith(("BACKUP", "RESTORE")):
        return [cause]
    title = f"{statement.upper()} DATABASE" if " " not in statement else statement.upper()
    return [cause, said(3013, title)]


def suffer(fault: Fault, events: Generator[Event], stopped: Callable[[], bool]) -> Generator[Event]:
    """Return the events of a statement as they are under a fault.

    Raises
    ------
    ServerError, Stopped
        The statement has been broken off before, and left behind what a broken one leaves.
    """
    if fault.delay_s:
        wait(threading.Event(), stopped, limit_s=fault.delay_s)
    if fault.strikes_first:
        fault.reached.set()
        raise ServerError(*fault.raise_)
    count = 0
    struck = not (fault.raise_ or fault.hold or fault.cut_after is not None)
    with ExitStack() as undo:
        undo.callback(events.close)
        for event in events:
            if not struck and count >= fault.point:
                struck = True
                _strike(fault, stopped)
                if fault.cut_after is not None:
                    undo.pop_all()
                    _leave(fault, events)
                    yield Cut()
                    return
            yield event
            count += isinstance(event, Said)


def _strike(fault: Fault, stopped: Callable[[], bool]) -> None:
    fault.reached.set()
    if fault.hold is not None and not wait(fault.hold, stopped):
        raise Stopped
    if fault.raise_:
        raise ServerError(*fault.raise_)


def _leave(fault: Fault, events: Generator[Event]) -> None:
    """Let a statement whose client is cut off go on by itself, or break."""
    if fault.finishes_when is not None:
        threading.Thread(target=_finish, args=(fault.finishes_when, events), daemon=True).start()
    elif fault.finishes:
        _drain(events)
    else:
        events.close()


def _finish(when: threading.Event, events: Generator[Event]) -> None:
    if when.wait(LIMIT_S):
        _drain(events)


def _drain(events: Generator[Event]) -> None:
    for _ in events:
        pass


def wait(event: threading.Event, stopped: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """Wait for an event; False where the statement was stopped meanwhile."""
    waited = 0.0
    while waited < limit_s:
        if event.wait(WAIT_S):
            return True
        if stopped():
            return False
        waited += WAIT_S
    return True
