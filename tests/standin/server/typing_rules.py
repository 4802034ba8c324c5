"""Says of which type a column of a result is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tests.standin.events import Column, ColumnType, Value
from tests.standin.server.expressions import (
    Binary,
    Call,
    Case,
    Cast,
    ColumnName,
    Expression,
    Literal,
    Negation,
    Parameter,
    Subquery,
)
from tests.standin.server.functions import result_type
from tests.standin.server.rows import Scope
from tests.standin.server.values import TEXT_SIZE, TYPES, as_text, type_of, wider

if TYPE_CHECKING:
    from tests.standin.server.context import Context


def column_of(context: Context, name: str, value: Expression, scope: Scope, values: Sequence[Value]) -> Column:
    """Return a column of a result: typed by its expression, else by the values in it."""
    if isinstance(value, ColumnName) and (known := scope.column(value)):
        return Column(name=name, type=known.type, size=known.size)
    kind = type_in(context, value, scope)
    if kind is None:
        kind = wider([type_of(one) for one in values if one is not None])
    if any(isinstance(one, datetime) and one.tzinfo for one in values):
        kind = ColumnType.NVARCHAR
    return Column(name=name, type=kind, size=_size(value, values))


def _size(value: Expression, values: Sequence[Value]) -> int | None:
    if isinstance(value, Cast) and value.size is not None:
        return None if value.size < 0 else value.size
    longest = max((len(one) if isinstance(one, bytes) else len(as_text(one)) for one in values if one is not None),
                  default=0)  # fmt: skip
    return TEXT_SIZE if longest <= TEXT_SIZE else None


def type_in(context: Context, value: Expression, scope: Scope) -> ColumnType | None:
    """Return the type of an expression, None where only its values tell."""
    match value:
        case ColumnName():
            column = scope.column(value)
            return column.type if column else None
        case Cast():
            return TYPES.get(value.type, ColumnType.NVARCHAR)
        case Literal():
            return None if value.value is None else type_of(value.value)
        case Parameter():
            return None
        case Negation():
            return type_in(context, value.operand, scope)
        case Binary():
            return _widest(context, (value.left, value.right), scope)
        case Case():
            return _widest(context, [*(one for _, one in value.whens), value.otherwise], scope)
        case Call():
            return _call(context, value, scope)
        case Subquery():
            return None
    return None


def _widest(context: Context, values: Sequence[Expression], scope: Scope) -> ColumnType | None:
    kinds = [kind for one in values if (kind := type_in(context, one, scope)) is not None]
    return wider(kinds) if kinds else None


def _call(context: Context, value: Call, scope: Scope) -> ColumnType | None:
    if value.name == "COUNT":
        return ColumnType.INT
    if value.name in ("COUNT_BIG", "ROW_NUMBER", "RANK", "DENSE_RANK"):
        return ColumnType.BIGINT
    if value.name == "COALESCE":
        return _widest(context, value.arguments, scope)
    if value.name == "IIF":
        return _widest(context, value.arguments[1:], scope)
    if value.name == "STRING_AGG":
        return ColumnType.NVARCHAR
    known = result_type(value.name)
    if known is None and value.arguments:
        return type_in(context, value.arguments[0], scope)
    return known
