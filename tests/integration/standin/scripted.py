"""A server that says what it is told to, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import pyodbc

from tests.standin.drivers import Driver
from tests.standin.events import (
    Column,
    Columns,
    ColumnType,
    Done,
    Event,
    Login,
    LoginRefused,
    Row,
    Said,
    Session,
    Value,
)
from tests.standin.wire import StandIn

Script = Callable[[threading.Event], Iterable[Event]]
Asked = tuple[str, Mapping[str, Value]]
Found = TypeVar("Found")


class Scripted:
    """Answers each batch with what stands in `scripts` under its text, and any other with a plain DONE."""

    def __init__(self, scripts: Mapping[str, Sequence[Event] | Script] | None = None) -> None:
        self.scripts = dict(scripts or {})
        self.refuses: tuple[Said, ...] = ()
        self.logins: list[Login] = []
        self.asked: list[Asked] = []
        self.closed = threading.Semaphore(0)

    def connect(self, login: Login) -> Session:
        self.logins.append(login)
        if self.refuses:
            raise LoginRefused(*self.refuses)
        return ScriptedSession(self)

    @property
    def statements(self) -> list[str]:
        """What was asked for."""
        return [batch for batch, _ in self.asked]


class ScriptedSession:
    """One connection to it."""

    def __init__(self, server: Scripted) -> None:
        self._server = server

    def run(self, batch: str, parameters: Mapping[str, Value], cancelled: threading.Event) -> Iterator[Event]:
        self._server.asked.append((batch, parameters))
        script = self._server.scripts.get(batch, [Done()])
        yield from script(cancelled) if callable(script) else script

    def close(self) -> None:
        self._server.closed.release()


def percent(number: int) -> Said:
    return Said(number=3211, text=f"{number} percent processed.")


def one_column(kind: ColumnType, *values: Value, size: int | None = 4000) -> list[Event]:
    """Write a result of one column."""
    column = Column(name="value", type=kind, size=size)
    return [Columns(columns=[column]), *(Row(values=[value]) for value in values), Done(rows=len(values))]


def connect(driver: Driver, stand_in: StandIn, *, autocommit: bool = True, **options: str) -> pyodbc.Connection:
    return pyodbc.connect(driver.string(stand_in, **options), autocommit=autocommit, timeout=10)


def texts(cursor: pyodbc.Cursor) -> list[str]:
    """Return the texts of a cursor's messages, without what the driver says of itself."""
    return [text.rpartition("]")[2] for _, text in cursor.messages or []]
