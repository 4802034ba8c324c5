"""Expressions and queries, as read."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.standin.events import Value


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A constant."""

    value: Value


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A variable or parameter, with its `@`, or a global with `@@`."""

    name: str


@dataclass(frozen=True, kw_only=True)
class ColumnName:
    """A column, perhaps with the table it belongs to in front."""

    parts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Star:
    """`*` or `alias.*`."""

    qualifier: str = ""


@dataclass(frozen=True, kw_only=True)
class Negation:
    """`-x`, `NOT x` or `~x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, kw_only=True)
class Binary:
    """Two operands and what stands between them, AND and OR too."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, kw_only=True)
class Between:
    """`x BETWEEN low AND high`."""

    operand: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, kw_only=True)
class InList:
    """`x IN (...)`, of values or of a query."""

    operand: Expression
    values: tuple[Expression, ...] | Query


@dataclass(frozen=True, kw_only=True)
class Like:
    """`x LIKE pattern ESCAPE mark`."""

    operand: Expression
    pattern: Expression
    escape: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class IsNull:
    """`x IS NULL`."""

    operand: Expression


@dataclass(frozen=True, kw_only=True)
class Exists:
    """`EXISTS (SELECT ...)`."""

    query: Query


@dataclass(frozen=True, kw_only=True)
class Subquery:
    """A query that stands for its one value."""

    query: Query


@dataclass(frozen=True, kw_only=True)
class Case:
    """`CASE`: pairs of condition and value. The simple form is read into comparisons."""

    whens: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@dataclass(frozen=True, kw_only=True)
class Cast:
    """`CAST`, `CONVERT`, and their `TRY_` forms. `size` is what stands in brackets behind the type, -1 for max."""

    operand: Expression
    type: str
    size: int | None = None
    lenient: bool = False
    style: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Window:
    """`OVER (PARTITION BY ... ORDER BY ...)`."""

    partition: tuple[Expression, ...] = ()
    order: tuple[Ordering, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...] = ()
    distinct: bool = False
    window: Window | None = None


Expression = (
    Literal | Parameter | ColumnName | Star | Negation | Binary | Between | InList | Like | IsNull | Exists | Subquery
    | Case | Cast | Call
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """One key of an ORDER BY."""

    key: Expression
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class Item:
    """One column of a SELECT list; with `variable` it is assigned instead of given."""

    value: Expression
    alias: str = ""
    variable: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, a view, a common table expression, or with `arguments` a function that gives rows."""

    parts: tuple[str, ...]
    alias: str
    arguments: tuple[Expression, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A query in brackets, or with `rows` a table of values."""

    alias: str
    query: Query | None = None
    rows: tuple[tuple[Expression, ...], ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Join:
    """Two sources. The kinds are INNER, LEFT, RIGHT, FULL and CROSS; a lateral one is an APPLY."""

    kind: str
    left: Source
    right: Source
    on: Expression | None = None
    lateral: bool = False


Source = Table | Derived | Join


@dataclass(frozen=True, kw_only=True)
class Select:
    """One SELECT without its ORDER BY."""

    items: tuple[Item, ...]
    distinct: bool = False
    top: Expression | None = None
    source: Source | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    having: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Query:
    """A SELECT, or several that are united, in an order. `ctes` are what WITH named before it."""

    selects: tuple[Select, ...]
    all: bool = True
    order_by: tuple[Ordering, ...] = ()
    offset: Expression | None = None
    fetch: Expression | None = None
    ctes: tuple[Derived, ...] = field(default=())
