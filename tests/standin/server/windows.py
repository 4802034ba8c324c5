"""Window functions, and where aggregates hide in expressions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace

from tests.standin.events import Value
from tests.standin.server.aggregates import AGGREGATES, aggregate
from tests.standin.server.evaluate import Evaluator
from tests.standin.server.expressions import Call, Expression, Query, Window
from tests.standin.server.messages import refuse
from tests.standin.server.rows import Scope
from tests.standin.server.values import sort_key

RANKINGS = ("ROW_NUMBER", "RANK", "DENSE_RANK")


def nodes_in(node: object) -> Iterator[object]:
    """Return all parts of an expression, those in queries inside of it left out."""
    if isinstance(node, Query):
        return
    yield node
    if isinstance(node, tuple):
        for one in node:
            yield from nodes_in(one)
    elif is_dataclass(node):
        for field in fields(node):
            yield from nodes_in(getattr(node, field.name))


def calls_in(node: object) -> Iterator[Call]:
    """Return all calls of an expression."""
    return (one for one in nodes_in(node) if isinstance(one, Call))


def aggregates_in(expressions: Iterable[Expression]) -> bool:
    """Whether a query groups because of what it selects."""
    return any(
        one.name in AGGREGATES and (one.window is None or one.name == "STRING_AGG")
        for expression in expressions
        for one in calls_in(expression)
    )


def window_values(evaluator: Evaluator, expressions: Iterable[Expression], scopes: list[Scope]) -> list[Scope]:
    """Return the rows with what the window functions of the expressions say for each."""
    calls = [
        one
        for expression in expressions
        for one in calls_in(expression)
        if one.window is not None and one.name != "STRING_AGG"
    ]
    if not calls:
        return scopes
    found: list[dict[int, Value]] = [{} for _ in scopes]
    for one in calls:
        for place, value in _values(evaluator, one, scopes):
            found[place][id(one)] = value
    return [replace(scope, windows=values) for scope, values in zip(scopes, found, strict=True)]


def _values(evaluator: Evaluator, one: Call, scopes: Sequence[Scope]) -> Iterator[tuple[int, Value]]:
    assert one.window is not None
    for places in _partitions(evaluator, one.window, scopes):
        if one.name in RANKINGS:
            yield from _ranks(evaluator, one, scopes, places)
        elif one.name in AGGREGATES:
            rows = [evaluator.over(replace(one, window=None), scopes[place])[0] for place in places]
            value = aggregate(one, rows)
            yield from ((place, value) for place in places)
        else:
            raise refuse(195, one.name.lower())


def _partitions(evaluator: Evaluator, window: Window, scopes: Sequence[Scope]) -> list[list[int]]:
    found: dict[object, list[int]] = {}
    for place, scope in enumerate(scopes):
        key = tuple(sort_key(evaluator.value(one, scope)) for one in window.partition)
        found.setdefault(key, []).append(place)
    for places in found.values():
        for ordering in reversed(window.order):
            places.sort(
                key=lambda place: sort_key(evaluator.value(ordering.key, scopes[place])),
                reverse=ordering.descending,
            )
    return list(found.values())


def _ranks(
    evaluator: Evaluator, one: Call, scopes: Sequence[Scope], places: Sequence[int]
) -> Iterator[tuple[int, Value]]:
    assert one.window is not None
    previous: object = None
    rank = dense = 0
    for number, place in enumerate(places, start=1):
        key = tuple(sort_key(evaluator.value(ordering.key, scopes[place])) for ordering in one.window.order)
        if key != previous:
            previous, rank, dense = key, number, dense + 1
        yield place, {"ROW_NUMBER": number, "RANK": rank, "DENSE_RANK": dense}[one.name]
