"""What in the catalogue cannot be read, for whoever examines it: the file as a whole, and its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    func,
    select,
    type_coerce,
)

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import Instant, metadata
from pwsops.rules.certificates import Purpose
from pwsops.rules.model import BackupKind, ProfileState, RunStatus, Trigger

LISTED = 5
"""So many bad rows of a table are named."""
_READ_WHOLE = 20_000
"""Of more rows than this a table is only asked for the types that it holds, which takes a second a million."""

_KINDS: Mapping[str, type[RunStatus | BackupKind | Trigger | ProfileState | Purpose]] = {
    "runs.status": RunStatus,
    "runs.kind": BackupKind,
    "runs.trigger": Trigger,
    "run_items.status": RunStatus,
    "run_items.kind": BackupKind,
    "profiles.state": ProfileState,
    "backup_sets.kind": BackupKind,
    "restores.status": RunStatus,
    "restores.kind": BackupKind,
    "certificates.purpose": Purpose,
}


class Amiss(NamedTuple):
    """One row that cannot be read, and why."""

    table: str
    row: str
    reason: str


def file_damage(connection: Connection) -> str:
    """Return what SQLite finds wrong with the file; empty: nothing."""
    found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "" if found == "ok" else found


def bad_rows(connection: Connection) -> Iterator[Amiss]:
    """Find the rows that cannot be read, the first few of each table."""
    for table in metadata.sorted_tables:
        found = {amiss.row: amiss for amiss in _wrong_types(connection, table)}
        found |= {amiss.row: amiss for amiss in _unreadable(connection, table)}
        yield from [*found.values()][:LISTED]


def _wrong_types(connection: Connection, table: Table) -> Iterator[Amiss]:
    for name, statement in _questions(table):
        for (row,) in connection.execute(statement):
            yield Amiss(table.name, str(row), f"`{name}` cannot be read")


@cache
def _questions(table: Table) -> Sequence[tuple[str, Select[Any]]]:
    """Return by column what selects the rows in which it holds what cannot be. Made once: there are hundreds."""
    return list(_made(table))


def _made(table: Table) -> Iterator[tuple[str, Select[Any]]]:
    key = next(iter(table.primary_key.columns))
    for column in table.columns:
        if column.computed is not None:
            continue
        stored = type_coerce(column, Text)
        fits: ColumnElement[bool] = func.typeof(column).in_(_stored_as(column))
        if isinstance(column.type, JSON):
            fits = fits & (func.json_valid(column) | column.is_(None))
        kind = _KINDS.get(f"{table.name}.{column.name}")
        if kind is not None:
            fits = fits & (stored.in_(list(map(str, kind))) | column.is_(None))
        if table.primary_key.contains_column(column) and not isinstance(column.type, Text):
            continue
        yield column.name, select(key).where(~fits).limit(LISTED)


def _stored_as(column: Column[object]) -> list[str]:
    if isinstance(column.type, Integer | BigInteger | Instant):
        return ["integer", "null"]
    return ["text", "null"] if isinstance(column.type, Text) else ["integer", "real", "text", "blob", "null"]


def _unreadable(connection: Connection, table: Table) -> Iterator[Amiss]:
    if "id" not in table.columns:
        return
    if connection.execute(select(func.count()).select_from(table)).scalar_one() <= _READ_WHOLE:
        for row in rows.read(connection, table, select(table)):
            if isinstance(row, Unreadable):
                yield Amiss(table.name, str(row.id), row.reason)
