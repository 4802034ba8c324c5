"""Rows as they were read, and a stand-in for each that cannot be: one bad row hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select
from sqlalchemy.exc import OperationalError

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

    Costs nothing where all of them can be; otherwise the bad ones are found by halving.
    """
    try:
        return list(connection.execute(statement).mappings())
    except Exception as error:
        if not _is_about_a_value(error):
            raise
    ids = list(connection.execute(statement.with_only_columns(table.c.id, maintain_column_froms=True)).scalars())
    found: list[RowMapping | Unreadable] = []
    for at in range(0, len(ids), AT_ONCE):
        found += _halved(connection, table, statement, ids[at : at + AT_ONCE])
    return found


def _halved(
    connection: Connection, table: Table, statement: Select[Any], ids: Sequence[int]
) -> Iterator[RowMapping | Unreadable]:
    try:
        yield from list(connection.execute(statement.where(table.c.id.in_(ids))).mappings())
        return
    except Exception as error:
        if not _is_about_a_value(error):
            raise
    if len(ids) == 1:
        yield _piecewise(connection, table, statement, ids[0])
        return
    middle = len(ids) // 2
    yield from _halved(connection, table, statement, ids[:middle])
    yield from _halved(connection, table, statement, ids[middle:])


def _piecewise(connection: Connection, table: Table, statement: Select[Any], row_id: int) -> Unreadable:
    values: dict[str, Any] = {}
    reasons = []
    for column in statement.selected_columns:
        key = str(column.key)
        try:
            values[key] = connection.execute(select(column).where(table.c.id == row_id)).scalar()
        except Exception as error:
            if not _is_about_a_value(error):
                raise
            values[key] = None
            reasons.append(f"`{key}` cannot be read")
    return Unreadable(id=row_id, values=values, reason=", ".join(reasons))


def _is_about_a_value(error: Exception) -> bool:
    """Whether a column's content is at fault, and not the file or the statement."""
    if isinstance(error, OperationalError):
        return "Could not decode" in str(error.orig)
    return isinstance(error, ValueError | TypeError | OverflowError)
