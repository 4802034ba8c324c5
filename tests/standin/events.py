"""What the two halves of the stand-in say to each other: `wire` carries it, `server` means it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol
from uuid import UUID

Value = None | bool | int | float | str | bytes | Decimal | UUID | datetime
"""A cell or a parameter. `datetime` is naive: `datetime` and `datetime2` know no zone."""


class ColumnType(Enum):
    """The types of SQL Server that a result can have here."""

    BIT = "bit"
    TINYINT = "tinyint"
    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    FLOAT = "float"
    NUMERIC = "numeric"
    DATETIME = "datetime"
    DATETIME2 = "datetime2"
    UNIQUEIDENTIFIER = "uniqueidentifier"
    NVARCHAR = "nvarchar"
    VARBINARY = "varbinary"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a result. `size` is the longest value in characters or bytes, None for `(max)`.

    NUMERIC is always (25, 0), the type in which SQL Server gives log sequence numbers.
    """

    name: str
    type: ColumnType
    size: int | None = 4000


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message of the server. From severity 11 on it is an error (the ERROR token), below it is an INFO token."""

    number: int
    text: str
    severity: int = 0
    state: int = 1
    procedure: str = ""
    line: int = 1


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A result begins."""

    columns: Sequence[Column]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the result that began last."""

    values: Sequence[Value]


@dataclass(frozen=True, kw_only=True)
class Done:
    """A statement has ended. `rows` is its count, None where there is none."""

    rows: int | None = None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class DatabaseChanged:
    """The session's database is another one now, as after `USE`: the client's driver keeps account of it."""

    name: str
    before: str = ""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The connection is cut here, without a word, in the middle of the reply."""


Event = Said | Columns | Row | Done | DatabaseChanged | Cut


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a client says of itself when it connects."""

    user: str
    password: str = field(repr=False)
    database: str
    application: str
    host: str
    integrated: bool = False
    encrypted: bool = False
    """Whether the connection stays encrypted after the login."""


class LoginRefused(Exception):
    """The server lets nobody in; `said` is sent as the error (18456 and its kin)."""

    def __init__(self, *said: Said) -> None:
        super().__init__(said[0].text)
        self.said = said


class Session(Protocol):
    """One connection, as the server's state knows it. Used by one thread at a time."""

    def run(self, batch: str, parameters: Mapping[str, Value], cancelled: threading.Event) -> Iterator[Event]:
        """Do a batch of statements.

        Parameters
        ----------
        batch
            T-SQL. Parameters appear in it as `@P1`, `@P2`, ... or whatever name the driver gave them.
        parameters
            Their values by name, the `@` included.
        cancelled
            Set when the client sends an attention; the server then stops at the next event.
        """

    def close(self) -> None:
        """The client is gone; what it held (locks, a running statement) is let go."""


class Server(Protocol):
    """What listens behind the wire."""

    def connect(self, login: Login) -> Session:
        """Let a client in; raises `LoginRefused`."""
