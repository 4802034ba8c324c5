"""Where views and functions that give rows are registered, each with its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.standin.events import Column, Value
from tests.standin.server.database import Database
from tests.standin.server.messages import ServerError, refuse, said
from tests.standin.server.rows import Relation
from tests.standin.server.values import columns

if TYPE_CHECKING:
    from tests.standin.server.context import Context

Record = Mapping[str, Value]
ViewRows = Callable[["Context", Database], Iterable[Record]]
FunctionRows = Callable[..., Iterable[Record]]


@dataclass(frozen=True, kw_only=True)
class View:
    """A view: its columns, who may read it, and what gives its rows. A column that a row lacks is NULL."""

    columns: Sequence[Column]
    rows: FunctionRows
    server_state: bool

    def read(self, context: Context, *arguments: object) -> Relation:
        if self.server_state and not context.account.may("VIEW SERVER STATE"):
            raise denied(context)
        rows = [tuple(row.get(one.name) for one in self.columns) for row in self.rows(context, *arguments)]
        return Relation(columns=self.columns, rows=rows)


VIEWS: dict[str, View] = {}
TABLE_FUNCTIONS: dict[str, View] = {}


def view(name: str, specification: str, *, server_state: bool = False) -> Callable[[ViewRows], ViewRows]:
    """Register a view; `server_state`: it needs VIEW SERVER STATE."""

    def register(rows: ViewRows) -> ViewRows:
        VIEWS[name] = View(columns=columns(specification), rows=rows, server_state=server_state)
        return rows

    return register


def table_function(name: str, specification: str, *, server_state: bool = False) -> Callable[..., FunctionRows]:
    """Register a function that gives rows."""

    def register(rows: FunctionRows) -> FunctionRows:
        TABLE_FUNCTIONS[name] = View(columns=columns(specification), rows=rows, server_state=server_state)
        return rows

    return register


def denied(context: Context) -> ServerError:
    """Return the error of one who may not see the state of the server; 2022 calls the right by another name."""
    newer = int(context.server.version.split(".")[0]) >= 16
    right = "VIEW SERVER PERFORMANCE STATE" if newer else "VIEW SERVER STATE"
    return ServerError(said(300, right, "server", "master"), said(297))


def unknown(parts: Sequence[str]) -> ServerError:
    """Return the error of a name that no object has."""
    return refuse(208, ".".join(parts))
