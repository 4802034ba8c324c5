"""Reads what stands behind FROM: tables, views, functions, queries in brackets, and joins of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.standin.events import Column
from tests.standin.server.evaluate import Evaluator
from tests.standin.server.expressions import Binary, ColumnName, Derived, Expression, Join, Query, Source, Table
from tests.standin.server.objects import open_function, open_table
from tests.standin.server.rows import Relation, Scope, Shape, Values
from tests.standin.server.values import sort_key, type_of

if TYPE_CHECKING:
    from tests.standin.server.context import Context

Joined = tuple[Shape, list[Values]]
NOTHING: Joined = (Shape([]), [()])


class SourceReader:
    """Reads sources for one query."""

    def __init__(
        self,
        context: Context,
        evaluator: Evaluator,
        run: Callable[[Query, Scope], Relation],
        named: Mapping[str, Relation],
    ) -> None:
        self._context = context
        self._evaluator = evaluator
        self._run = run
        self._named = named

    def read(self, source: Source | None, outer: Scope) -> Joined:
        """Return the rows of a source; one empty row where there is none."""
        if source is None:
            return NOTHING
        if isinstance(source, Join):
            return self._join(source, outer)
        relation = self._relation(source, outer)
        return Shape.of(source.alias, relation.columns), list(relation.rows)

    def _relation(self, source: Table | Derived, outer: Scope) -> Relation:
        if isinstance(source, Derived):
            return self._derived(source, outer)
        if source.arguments is not None:
            values = [self._evaluator.value(one, outer) for one in source.arguments]
            return open_function(self._context, source.parts, values)
        if len(source.parts) == 1 and source.parts[0].lower() in self._named:
            return self._named[source.parts[0].lower()]
        return open_table(self._context, source.parts)

    def _derived(self, source: Derived, outer: Scope) -> Relation:
        if source.query is not None:
            relation = self._run(source.query, outer)
        else:
            rows = [tuple(self._evaluator.value(one, outer) for one in row) for row in source.rows]
            columns = [Column(name="", type=type_of(value)) for value in rows[0]]
            relation = Relation(columns=columns, rows=rows)
        if not source.columns:
            return relation
        renamed = [replace(one, name=name) for one, name in zip(relation.columns, source.columns, strict=True)]
        return Relation(columns=renamed, rows=relation.rows)

    def _join(self, join: Join, outer: Scope) -> Joined:
        if join.lateral:
            return self._apply(join, outer)
        left_shape, left = self.read(join.left, outer)
        right_shape, right = self.read(join.right, outer)
        shape = left_shape + right_shape
        candidates = self._candidates(join.on, left_shape, right_shape, right)
        rows: list[Values] = []
        matched: set[int] = set()
        for row in left:
            fitting = [
                place
                for place in candidates(row)
                if self._evaluator.holds(join.on, Scope(shape=shape, values=row + right[place], outer=outer))
            ]
            matched.update(fitting)
            rows.extend(row + right[place] for place in fitting)
            if not fitting and join.kind in ("LEFT", "FULL"):
                rows.append(row + (None,) * len(right_shape.columns))
        if join.kind in ("RIGHT", "FULL"):
            empty = (None,) * len(left_shape.columns)
            rows.extend(empty + row for place, row in enumerate(right) if place not in matched)
        return shape, rows

    def _apply(self, join: Join, outer: Scope) -> Joined:
        left_shape, left = self.read(join.left, outer)
        shape: Shape | None = None
        rows: list[Values] = []
        for row in left:
            right_shape, right = self.read(join.right, Scope(shape=left_shape, values=row, outer=outer))
            shape = left_shape + right_shape
            rows.extend(row + other for other in right)
            if not right and join.kind == "LEFT":
                rows.append(row + (None,) * len(right_shape.columns))
        if shape is None:
            empty = Scope(shape=left_shape, values=(None,) * len(left_shape.columns), outer=outer)
            shape = left_shape + self.read(join.right, empty)[0]
        return shape, rows

    def _candidates(
        self, on: Expression | None, left_shape: Shape, right_shape: Shape, right: Sequence[Values]
    ) -> Callable[[Values], Sequence[int]]:
        """Return a way to find the rows that may fit: by a hash where an equation of two columns allows it."""
        equation = _equation(on, left_shape, right_shape)
        if equation is None:
            everything = range(len(right))
            return lambda row: everything
        left_place, right_place = equation
        by_key: dict[object, list[int]] = {}
        for place, values in enumerate(right):
            if values[right_place] is not None:
                by_key.setdefault(sort_key(values[right_place]), []).append(place)
        return lambda row: by_key.get(sort_key(row[left_place]), ())


def _equation(on: Expression | None, left: Shape, right: Shape) -> tuple[int, int] | None:
    """Return the places of two columns of one type that a condition wants to be equal."""
    if not isinstance(on, Binary):
        return None
    if on.operator == "AND":
        return _equation(on.left, left, right) or _equation(on.right, left, right)
    if on.operator != "=" or not isinstance(on.left, ColumnName) or not isinstance(on.right, ColumnName):
        return None
    for first, second in ((on.left, on.right), (on.right, on.left)):
        one, other = left.find(first.parts), right.find(second.parts)
        if one is not None and other is not None and left.columns[one][1].type is right.columns[other][1].type:
            return one, other
    return None
