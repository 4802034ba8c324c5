"""Asks a scripted server without a socket, and sorts what it answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.standin.events import Column, Columns, Cut, Login, Row, Said, Value
from tests.standin.server.server import SA_PASSWORD, ScriptedServer


@dataclass
class Reply:
    """All that came back for one batch."""

    said: list[Said] = field(default_factory=list)
    columns: Sequence[Column] = ()
    values: list[tuple[Value, ...]] = field(default_factory=list)
    """The rows of all results."""
    rows: list[dict[str, Value]] = field(default_factory=list)
    """The same, each by the names of its columns."""
    cut: bool = False

    @property
    def numbers(self) -> list[int]:
        """The numbers of the messages, percentages left out."""
        return [one.number for one in self.said if one.number != 3211]

    @property
    def errors(self) -> list[int]:
        return [one.number for one in self.said if one.severity > 10]


class Client:
    """One connection."""

    def __init__(
        self, server: ScriptedServer, user: str = "sa", password: str = SA_PASSWORD, database: str = ""
    ) -> None:
        login = Login(user=user, password=password, database=database, application="test", host="here")
        self.session = server.connect(login)
        self.cancelled = threading.Event()

    def ask(self, batch: str, *parameters: Value) -> Reply:
        """Send a batch with its parameters `@P1`, `@P2` and so on."""
        named = {f"@P{number}": value for number, value in enumerate(parameters, start=1)}
        reply = Reply()
        for event in self.session.run(batch, named, self.cancelled):
            if isinstance(event, Said):
                reply.said.append(event)
            elif isinstance(event, Columns):
                reply.columns = event.columns
            elif isinstance(event, Row):
                reply.values.append(tuple(event.values))
                names = [column.name for column in reply.columns]
                reply.rows.append(dict(zip(names, event.values, strict=True)))
            elif isinstance(event, Cut):
                reply.cut = True
        return reply

    def close(self) -> None:
        """Go away."""
        self.session.close()

    def done(self, batch: str, *parameters: Value) -> Reply:
        """Send a batch that is to succeed."""
        reply = self.ask(batch, *parameters)
        assert not reply.errors, [one.text for one in reply.said]
        return reply
