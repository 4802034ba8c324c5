"""Rows as they were read, and a stand-in for each that cannot be: one bad row hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    Table,
    Text,
    literal_column,
    select,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import TypeEngine

AT_ONCE = 10_000
"""So many ids fit into one statement."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A row of which at least one column holds what cannot be: text where a number belongs, damaged JSON.

    Parameters
    ----------
    id
        Its number.
    values
        Its columns by name, as far as they can be read; the others are None.
    reason
        Which those are, and why.
    """

    id: int
    values: Mapping[str, Any]
    reason: str


def read(connection: Connection, table: Table, statement: Select[Any]) -> list[RowMapping | Unreadable]:
    """Return what a statement selects of a table, in its order; a row that cannot be read as `Unreadable`.

    Costs little where all of them can be; otherwise the bad ones are found by halving.
    """
    whole = _whole(connection, table, statement)
    if whole is not None:
        return list(whole)
    ids = list(connection.execute(statement.with_only_columns(_rowid(table), maintain_column_froms=True)).scalars())
    found: list[RowMapping | Unreadable] = []
    for at in range(0, len(ids), AT_ONCE):
        found += _halved(connection, table, statement, ids[at : at + AT_ONCE])
    return found


def values_of(row: RowMapping | Unreadable) -> Mapping[str, Any]:
    """Return the values of a row by name, as far as they can be read; the others are None."""
    return row.values if isinstance(row, Unreadable) else {str(key): value for key, value in row.items()}


def _whole(connection: Connection, table: Table, statement: Select[Any]) -> Sequence[RowMapping] | None:
    """Return the rows of a statement; None where one of them cannot be read."""
    try:
        found = connection.execute(statement).mappings().all()
    except Exception as error:
        if not is_about_a_value(error):
            raise
        return None
    kinds = _kinds(table, statement)
    return None if any(_is_odd(row[key], kind) for row in found for key, kind in kinds.items()) else found


def _kinds(table: Table, statement: Select[Any]) -> Mapping[str, type]:
    """Return of which type the value of a column has to be, by its name. SQLite takes any in any column."""
    own = [column for column in statement.selected_columns if getattr(column, "table", None) is table]
    kinds = {str(column.key): _kind(column.type) for column in own}
    return {key: kind for key, kind in kinds.items() if kind is not None}


def _kind(column_type: TypeEngine[Any]) -> type | None:
    known = ((Text, str), (Boolean, bool), (Integer, int), (LargeBinary, bytes))
    return next((kind for one, kind in known if isinstance(column_type, one)), None)


def _is_odd(value: object, kind: type) -> bool:
    return value is not None and not isinstance(value, kind)


def _rowid(table: Table) -> ColumnElement[int]:
    """Return a row's number, which no text in a key can spoil."""
    return literal_column(f"{table.name}.rowid", Integer)


def _halved(
    connection: Connection, table: Table, statement: Select[Any], ids: Sequence[int]
) -> Iterator[RowMapping | Unreadable]:
    whole = _whole(connection, table, statement.where(_rowid(table).in_(ids)))
    if whole is not None:
        yield from whole
        return
    if len(ids) == 1:
        yield _piecewise(connection, table, statement, ids[0])
        return
    middle = len(ids) // 2
    yield from _halved(connection, table, statement, ids[:middle])
    yield from _halved(connection, table, statement, ids[middle:])


def _piecewise(connection: Connection, table: Table, statement: Select[Any], row_id: int) -> Unreadable:
    kinds = _kinds(table, statement)
    values: dict[str, Any] = {}
    reasons = []
    for column in statement.selected_columns:
        key = str(column.key)
        try:
            value = connection.execute(select(column).where(_rowid(table) == row_id)).scalar()
            odd = _is_odd(value, kinds.get(key, object))
        except Exception as error:
            if not is_about_a_value(error):
                raise
            value, odd = None, True
        values[key] = None if odd else value
        reasons += [f"`{key}` cannot be read"] if odd else []
    return Unreadable(id=row_id, values=values, reason=", ".join(reasons))


def is_about_a_value(error: Exception) -> bool:
    """Whether a column's content is at fault, and not the file or the statement."""
    if isinstance(error, OperationalError):
        return "Could not decode" in str(error.orig)
    return isinstance(error, ValueError | TypeError | OverflowError)
