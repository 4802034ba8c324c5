"""Rows on their way through a query: which columns they have, and from which row outside they may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.standin.events import Column, Value
from tests.standin.server.expressions import ColumnName
from tests.standin.server.messages import refuse

Values = tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table with its rows."""

    columns: Sequence[Column]
    rows: Sequence[Values]


class Shape:
    """The columns of joined tables, each with the alias of its table."""

    def __init__(self, columns: Sequence[tuple[str, Column]]) -> None:
        self.columns = list(columns)
        self._found: dict[tuple[str, ...], int | None] = {}

    def __add__(self, other: Shape) -> Shape:
        return Shape(self.columns + other.columns)

    @classmethod
    def of(cls, alias: str, columns: Sequence[Column]) -> Shape:
        return cls([(alias.lower(), column) for column in columns])

    def find(self, parts: tuple[str, ...]) -> int | None:
        """Return the place of a column, None where it is not among these."""
        if parts not in self._found:
            self._found[parts] = self._look_up(parts)
        return self._found[parts]

    def _look_up(self, parts: tuple[str, ...]) -> int | None:
        name = parts[-1].lower()
        alias = parts[-2].lower() if len(parts) > 1 else None
        places = [
            place
            for place, (table, column) in enumerate(self.columns)
            if column.name.lower() == name and alias in (None, table)
        ]
        if len(places) > 1:
            raise refuse(209, parts[-1])
        return places[0] if places else None

    def knows(self, alias: str) -> bool:
        return any(table == alias.lower() for table, _ in self.columns)


@dataclass
class Scope:
    """One row in the light of which an expression is evaluated.

    Parameters
    ----------
    shape, values
        The row.
    outer
        The row of the query around this one.
    group
        All rows of the group, where the query groups: what aggregates go over.
    windows
        What window functions give for this row, by the identity of their call.
    """

    shape: Shape
    values: Values
    outer: Scope | None = None
    group: Sequence[Values] | None = None
    windows: Mapping[int, Value] = field(default_factory=dict)

    def value(self, name: ColumnName) -> Value:
        """Return a column of this row, or of one outside."""
        scope: Scope | None = self
        while scope is not None:
            place = scope.shape.find(name.parts)
            if place is not None:
                return scope.values[place]
            if len(name.parts) > 1 and scope.shape.knows(name.parts[-2]):
                raise refuse(207, name.parts[-1])
            scope = scope.outer
        if len(name.parts) > 1:
            raise refuse(4104, ".".join(name.parts))
        raise refuse(207, name.parts[-1])

    def column(self, name: ColumnName) -> Column | None:
        scope: Scope | None = self
        while scope is not None:
            place = scope.shape.find(name.parts)
            if place is not None:
                return scope.shape.columns[place][1]
            scope = scope.outer
        return None


NO_ROW = Scope(shape=Shape([]), values=())
