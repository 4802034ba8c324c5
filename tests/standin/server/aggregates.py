"""Functions over many rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tests.standin.events import Value
from tests.standin.server.expressions import Call
from tests.standin.server.values import as_text, sort_key

AGGREGATES = ("COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG", "STRING_AGG")


def aggregate(one: Call, rows: Sequence[tuple[Value, ...]]) -> Value:
    """Return the value of an aggregate; `rows` holds its arguments for every row."""
    values = [row[0] for row in rows if row[0] is not None]
    if one.distinct:
        values = list({sort_key(value): value for value in values}.values())
    if one.name.startswith("COUNT"):
        return len(values)
    if not values:
        return None
    if one.name == "STRING_AGG":
        return as_text(rows[0][1]).join(as_text(value) for value in values)
    if one.name in ("MIN", "MAX"):
        return (min if one.name == "MIN" else max)(values, key=sort_key)
    total = sum(_number(value) for value in values)
    if one.name == "SUM":
        return total
    return int(total / len(values)) if isinstance(total, int) else total / len(values)


def _number(value: Value) -> int | Decimal:
    if isinstance(value, (int, Decimal)):
        return value
    return Decimal(str(value))
