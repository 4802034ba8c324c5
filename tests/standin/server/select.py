"""Runs queries: sources, joins, groups, windows, order."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.standin.events import Column, Value
from tests.standin.server.evaluate import Evaluator
from tests.standin.server.expressions import ColumnName, Expression, Literal, Ordering, Query, Select, Star
from tests.standin.server.messages import refuse
from tests.standin.server.rows import NO_ROW, Relation, Scope, Shape, Values
from tests.standin.server.source import SourceReader
from tests.standin.server.typing_rules import column_of
from tests.standin.server.values import sort_key
from tests.standin.server.windows import aggregates_in, nodes_in, window_values

if TYPE_CHECKING:
    from tests.standin.server.context import Context

Named = Mapping[str, Relation]


def run_query(context: Context, query: Query, outer: Scope = NO_ROW, named: Named | None = None) -> Relation:
    """Return the result of a query.

    Parameters
    ----------
    context
        Where it is asked.
    query
        What is asked.
    outer
        The row of the query around it.
    named
        Common table expressions that are in force.
    """
    return _Runner(context, dict(named or {})).run(query, outer)


@dataclass(frozen=True, kw_only=True)
class _Produced:
    """A row of a SELECT list, and the row it was made from."""

    values: Values
    scope: Scope


class _Runner:
    """Runs one query; the queries inside of it run in the same names."""

    def __init__(self, context: Context, named: dict[str, Relation]) -> None:
        self._context = context
        self._named = named
        self._evaluator = Evaluator(context, self._inner)
        self._sources = SourceReader(context, self._evaluator, self._inner, self._named)

    def _inner(self, query: Query, scope: Scope) -> Relation:
        return run_query(self._context, query, scope, self._named)

    def run(self, query: Query, outer: Scope) -> Relation:
        for cte in query.ctes:
            assert cte.query is not None
            relation = run_query(self._context, cte.query, outer, self._named)
            self._named[cte.alias.lower()] = _renamed(relation, cte.columns)
        if len(query.selects) == 1:
            return self._single(query, outer)
        return self._united(query, outer)

    def _single(self, query: Query, outer: Scope) -> Relation:
        select = query.selects[0]
        columns, produced = self._select(select, query.order_by, outer)
        if query.order_by:
            keys = self._order_keys(select, columns, query.order_by)
            produced = _ordered(produced, keys)
        rows = self._page([one.values for one in produced], query, select, outer)
        return Relation(columns=columns, rows=rows)

    def _page(self, rows: list[Values], query: Query, select: Select | None, outer: Scope) -> list[Values]:
        if query.offset is not None:
            rows = rows[self._count(query.offset, outer) :]
        for limit in (query.fetch, select.top if select else None):
            if limit is not None:
                rows = rows[: self._count(limit, outer)]
        return rows

    def _count(self, expression: Expression, outer: Scope) -> int:
        return int(str(self._evaluator.value(expression, outer)))

    def _united(self, query: Query, outer: Scope) -> Relation:
        parts = [self._single(Query(selects=(one,)), outer) for one in query.selects]
        rows = [row for part in parts for row in part.rows]
        if not query.all:
            rows = _distinct(rows)
        shape = Shape.of("", parts[0].columns)
        produced = [_Produced(values=row, scope=Scope(shape=shape, values=row)) for row in rows]
        if query.order_by:
            keys = self._order_keys(None, parts[0].columns, query.order_by)
            produced = _ordered(produced, keys)
        return Relation(columns=parts[0].columns, rows=self._page([one.values for one in produced], query, None, outer))

    def _select(
        self, select: Select, order_by: Sequence[Ordering], outer: Scope
    ) -> tuple[list[Column], list[_Produced]]:
        shape, rows = self._sources.read(select.source, outer)
        scopes = [Scope(shape=shape, values=row, outer=outer) for row in rows]
        kept = [scope for scope in scopes if self._evaluator.holds(select.where, scope)]
        empty = Scope(shape=shape, values=(None,) * len(shape.columns), outer=outer)
        items = self._items(select, shape)
        expressions = [value for _, value in items] + [one.key for one in order_by]
        if select.group_by or aggregates_in([*expressions, *([select.having] if select.having else [])]):
            kept = self._grouped(select, kept, empty)
        kept = window_values(self._evaluator, expressions, kept)
        produced = [
            _Produced(values=tuple(self._evaluator.value(value, scope) for _, value in items), scope=scope)
            for scope in kept
        ]
        _check_names([*expressions, select.where, *select.group_by], empty, {name.lower() for name, _ in items})
        if select.distinct:
            produced = list({_identity(one.values): one for one in reversed(produced)}.values())[::-1]
        columns = [
            column_of(self._context, name, value, empty, [one.values[place] for one in produced])
            for place, (name, value) in enumerate(items)
        ]
        return columns, produced

    def _items(self, select: Select, shape: Shape) -> list[tuple[str, Expression]]:
        found: list[tuple[str, Expression]] = []
        for item in select.items:
            if isinstance(item.value, Star):
                found.extend(_expanded(item.value, shape))
            else:
                own = item.value.parts[-1] if isinstance(item.value, ColumnName) else ""
                found.append((item.alias or own, item.value))
        return found

    def _grouped(self, select: Select, scopes: Sequence[Scope], empty: Scope) -> list[Scope]:
        groups: dict[object, list[Scope]] = {}
        for scope in scopes:
            key = tuple(sort_key(self._evaluator.value(one, scope)) for one in select.group_by)
            groups.setdefault(key, []).append(scope)
        if not select.group_by and not groups:
            groups[()] = []
        grouped = [
            replace(members[0] if members else empty, group=[one.values for one in members])
            for members in groups.values()
        ]
        return [scope for scope in grouped if self._evaluator.holds(select.having, scope)]

    def _order_keys(
        self, select: Select | None, columns: Sequence[Column], order_by: Sequence[Ordering]
    ) -> list[tuple[Callable[[_Produced], Value], bool]]:
        return [(self._order_key(select, columns, one.key), one.descending) for one in order_by]

    def _order_key(
        self, select: Select | None, columns: Sequence[Column], key: Expression
    ) -> Callable[[_Produced], Value]:
        names = [column.name.lower() for column in columns]
        aliases = {item.alias.lower() for item in select.items if item.alias} if select else set(names)
        if isinstance(key, Literal) and isinstance(key.value, int):
            place = key.value - 1
            return lambda one: one.values[place]
        if isinstance(key, ColumnName) and len(key.parts) == 1 and key.parts[0].lower() in aliases:
            place = names.index(key.parts[0].lower())
            return lambda one: one.values[place]
        return lambda one: self._evaluator.value(key, one.scope)


def _ordered(produced: list[_Produced], keys: Sequence[tuple[Callable[[_Produced], Value], bool]]) -> list[_Produced]:
    for key, descending in reversed(keys):
        produced = sorted(produced, key=lambda one: sort_key(key(one)), reverse=descending)
    return produced


def _check_names(expressions: Iterable[object], empty: Scope, aliases: Container[str]) -> None:
    """Find names that no column has, even where there is no row to look them up in."""
    for one in nodes_in(tuple(expressions)):
        if isinstance(one, ColumnName) and not (len(one.parts) == 1 and one.parts[0].lower() in aliases):
            empty.value(one)


def _identity(values: Values) -> tuple[object, ...]:
    return tuple(sort_key(value) for value in values)


def _distinct(rows: Iterable[Values]) -> list[Values]:
    found: dict[object, Values] = {}
    for row in rows:
        found.setdefault(_identity(row), row)
    return list(found.values())


def _expanded(star: Star, shape: Shape) -> list[tuple[str, Expression]]:
    found: list[tuple[str, Expression]] = [
        (column.name, ColumnName(parts=(alias, column.name)))
        for alias, column in shape.columns
        if star.qualifier.lower() in ("", alias)
    ]
    if not found:
        raise refuse(4104, f"{star.qualifier}.*")
    return found


def _renamed(relation: Relation, names: Sequence[str]) -> Relation:
    if not names:
        return relation
    columns = [replace(column, name=name) for column, name in zip(relation.columns, names, strict=True)]
    return Relation(columns=columns, rows=relation.rows)
