"""Evaluates expressions. Conditions are True, False or None, which is what SQL calls unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.standin.events import Value
from tests.standin.server.aggregates import AGGREGATES, aggregate
from tests.standin.server.expressions import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    ColumnName,
    Exists,
    Expression,
    InList,
    IsNull,
    Like,
    Literal,
    Negation,
    Parameter,
    Query,
    Star,
    Subquery,
)
from tests.standin.server.functions import call, global_variable
from tests.standin.server.messages import ServerError, refuse
from tests.standin.server.rows import NO_ROW, Relation, Scope
from tests.standin.server.values import as_text, cast, compare

if TYPE_CHECKING:
    from tests.standin.server.context import Context

COMPARISONS: dict[str, Callable[[int], bool]] = {
    "=": lambda sign: sign == 0,
    "<>": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    ">": lambda sign: sign > 0,
    "<=": lambda sign: sign <= 0,
    ">=": lambda sign: sign >= 0,
}
QueryRunner = Callable[[Query, Scope], Relation]


class Evaluator:
    """Evaluates expressions in a context; `run` runs the queries inside of them."""

    def __init__(self, context: Context, run: QueryRunner) -> None:
        self._context = context
        self._run = run
        self._kinds: dict[type, Callable[..., Value]] = {
            Literal: lambda one, scope: one.value,
            Parameter: self._parameter,
            ColumnName: lambda one, scope: scope.value(one),
            Negation: self._negation,
            Binary: self._binary,
            Between: self._between,
            InList: self._in_list,
            Like: self._like,
            IsNull: lambda one, scope: self.value(one.operand, scope) is None,
            Exists: lambda one, scope: bool(self._run(one.query, scope).rows),
            Subquery: self._subquery,
            Case: self._case,
            Cast: self._cast,
            Call: self._call,
        }

    def value(self, expression: Expression, scope: Scope = NO_ROW) -> Value:
        """Return the value of an expression for one row."""
        return self._kinds[type(expression)](expression, scope)

    def holds(self, condition: Expression | None, scope: Scope) -> bool:
        """Whether a condition is true; unknown is not."""
        return condition is None or self.value(condition, scope) is True

    def _parameter(self, parameter: Parameter, scope: Scope) -> Value:
        if parameter.name.startswith("@@"):
            return global_variable(self._context, parameter.name)
        return self._context.variable(parameter.name)

    def _negation(self, negation: Negation, scope: Scope) -> Value:
        value = self.value(negation.operand, scope)
        if value is None:
            return None
        if negation.operator == "NOT":
            return not value
        number = value if isinstance(value, (int, float, Decimal)) else int(str(value))
        return ~int(number) if negation.operator == "~" else -number

    def _binary(self, binary: Binary, scope: Scope) -> Value:
        if binary.operator in ("AND", "OR"):
            return self._logical(binary, scope)
        left = self.value(binary.left, scope)
        right = self.value(binary.right, scope)
        if binary.operator in COMPARISONS:
            sign = compare(left, right)
            return None if sign is None else COMPARISONS[binary.operator](sign)
        return None if left is None or right is None else _arithmetic(binary.operator, left, right)

    def _logical(self, binary: Binary, scope: Scope) -> Value:
        decided = binary.operator == "OR"
        left = self.value(binary.left, scope)
        if left is decided:
            return decided
        right = self.value(binary.right, scope)
        if right is decided:
            return decided
        return None if left is None or right is None else not decided

    def _between(self, between: Between, scope: Scope) -> Value:
        value = self.value(between.operand, scope)
        low = compare(value, self.value(between.low, scope))
        high = compare(value, self.value(between.high, scope))
        if low is None or high is None:
            return None
        return low >= 0 >= high

    def _in_list(self, listed: InList, scope: Scope) -> Value:
        value = self.value(listed.operand, scope)
        if isinstance(listed.values, Query):
            candidates = [row[0] for row in self._run(listed.values, scope).rows]
        else:
            candidates = [self.value(one, scope) for one in listed.values]
        signs = [compare(value, one) for one in candidates]
        if 0 in signs:
            return True
        return None if None in signs else False

    def _like(self, like: Like, scope: Scope) -> Value:
        value = self.value(like.operand, scope)
        pattern = self.value(like.pattern, scope)
        escape = self.value(like.escape, scope) if like.escape is not None else ""
        if value is None or pattern is None:
            return None
        return _pattern(as_text(pattern), str(escape)).fullmatch(as_text(value)) is not None

    def _subquery(self, subquery: Subquery, scope: Scope) -> Value:
        rows = self._run(subquery.query, scope).rows
        if len(rows) > 1:
            raise refuse(512)
        return rows[0][0] if rows else None

    def _case(self, case: Case, scope: Scope) -> Value:
        for condition, value in case.whens:
            if self.holds(condition, scope):
                return self.value(value, scope)
        return self.value(case.otherwise, scope)

    def _cast(self, one: Cast, scope: Scope) -> Value:
        value = self.value(one.operand, scope)
        style = int(str(self.value(one.style, scope))) if one.style is not None else 0
        try:
            return cast(value, one.type, one.size, style)
        except ServerError:
            if one.lenient:
                return None
            raise

    def _call(self, one: Call, scope: Scope) -> Value:
        if id(one) in scope.windows:
            return scope.windows[id(one)]
        if one.name in AGGREGATES:
            return aggregate(one, self.over(one, scope))
        if one.name in ("COALESCE", "ISNULL"):
            return self._first(one.arguments, scope)
        if one.name == "IIF":
            chosen = one.arguments[1 if self.holds(one.arguments[0], scope) else 2]
            return self.value(chosen, scope)
        return call(self._context, one.name, [self.value(argument, scope) for argument in one.arguments])

    def _first(self, arguments: Sequence[Expression], scope: Scope) -> Value:
        for argument in arguments:
            value = self.value(argument, scope)
            if value is not None:
                return value
        return None

    def over(self, one: Call, scope: Scope) -> list[tuple[Value, ...]]:
        """Return the arguments of an aggregate for every row of the group, in the order that WITHIN GROUP asks for."""
        group = scope.group if scope.group is not None else [scope.values]
        scopes = [Scope(shape=scope.shape, values=values, outer=scope.outer) for values in group]
        return [
            tuple(1 if isinstance(argument, Star) else self.value(argument, inner) for argument in one.arguments)
            for inner in scopes
        ]


def _arithmetic(operator: str, left: Value, right: Value) -> Value:
    if operator == "+" and (isinstance(left, str) and isinstance(right, str)):
        return left + right
    if operator == "+" and isinstance(left, bytes) and isinstance(right, bytes):
        return left + right
    if isinstance(left, datetime) or isinstance(right, datetime):
        raise refuse(206)
    first, second = _number(left), _number(right)
    if isinstance(first, float) or isinstance(second, float):
        first, second = float(first), float(second)
    result: Value = _calculate(operator, first, second)
    return result


def _number(value: Value) -> int | float | Decimal:
    if isinstance(value, str):
        return int(str(cast(value, "bigint")))
    return value if isinstance(value, (int, float, Decimal)) else int(str(value))


def _calculate(operator: str, left: Any, right: Any) -> Any:
    if operator in "/%" and right == 0:
        raise refuse(8134)
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            whole = isinstance(left, int) and isinstance(right, int)
            return int(Decimal(left) / Decimal(right)) if whole else left / right
        case "%":
            return left - right * int(left / right)
        case "&":
            return int(left) & int(right)
        case "|":
            return int(left) | int(right)
        case _:
            return int(left) ^ int(right)


@lru_cache
def _pattern(pattern: str, escape: str) -> re.Pattern[str]:
    """Turn a LIKE pattern into a regular expression."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        one = pattern[position]
        position += 1
        if one == escape and position < len(pattern):
            parts.append(re.escape(pattern[position]))
            position += 1
        elif one == "[" and (end := pattern.find("]", position + 1)) > 0:
            inside = pattern[position:end].replace("\\", r"\\")
            parts.append(f"[{inside}]" if inside != "^" else r"\^")
            position = end + 1
        else:
            parts.append({"%": ".*", "_": "."}.get(one, re.escape(one)))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
