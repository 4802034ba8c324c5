"""Which backups may protect databases: the newest of each, with the fulls that they need. Many databases at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, String, column, func, select

from pwsops.catalogue import sets
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import backup_sets
from pwsops.catalogue.sightings import Known, may_be_there, of_row, of_unreadable
from pwsops.rules.model import MediaState
from pwsops.rules.protection import SetFacts

NEWEST = 6
"""So many of a database's newest backups are known to a verdict, whatever is known of them."""
OLDER = 4
"""Where none of those is there, so many more that may be."""

_Row = RowMapping | Unreadable


def candidates(
    connection: Connection, instance: str, databases: Collection[str], *, older: int = OLDER
) -> dict[str, list[Known]]:
    """Return by database the backups that may protect it, with the fulls they need, newest first. Quick.

    A database of which no backup is recorded is not among them; one of which none can be read is, with none.

    `older`: how many more there are of those that may be there, where none of the newest is.
    """
    found = _found(connection, instance, databases, older)
    return {name: [of_row(row) for row in rows if not isinstance(row, Unreadable)] for name, rows in found.items()}


def with_unreadable(
    connection: Connection, instance: str, databases: Collection[str]
) -> dict[str, tuple[list[Known], list[SetFacts]]]:
    """Return the same backups, and beside them the facts, as far as known, of those whose row cannot be read."""
    return {
        name: (
            [of_row(row) for row in rows if not isinstance(row, Unreadable)],
            [of_unreadable(row) for row in rows if isinstance(row, Unreadable)],
        )
        for name, rows in _found(connection, instance, databases, OLDER).items()
    }


def _found(connection: Connection, instance: str, databases: Collection[str], older: int) -> dict[str, list[_Row]]:
    newest = _newest(connection, instance, databases)
    found = _with_bases(connection, instance, newest)
    for name, rows in found.items():
        if len(newest[name]) == NEWEST and not _any_chain_is_there(rows):
            more = _older(connection, instance, name, older, than=newest[name][-1])
            known = {_id(row) for row in rows}
            further = {name: [*rows, *(row for row in more if _id(row) not in known)]}
            found |= _with_bases(connection, instance, further)
    return found


def _newest(connection: Connection, instance: str, databases: Collection[str]) -> dict[str, list[_Row]]:
    """Return the newest rows of each database, found by one statement for all of them."""
    if not databases:
        return {}
    names = func.json_each(json.dumps(list(databases), ensure_ascii=False)).table_valued(column("value", String))
    one = backup_sets.alias()
    of_one = (
        select(one.c.id)
        .where(
            sets.taken_of(instance, names.c.value, among=one),
            one.c.replaced_at.is_(None),
            sets.is_no_safety_copy(among=one),
        )
        .order_by(one.c.id.desc())
        .limit(NEWEST)
        .correlate(names)
    )
    statement = select(backup_sets).join_from(names, backup_sets, backup_sets.c.id.in_(of_one))
    return _by_database(_rows(connection, statement))


def _older(connection: Connection, instance: str, database: str, count: int, *, than: _Row) -> list[_Row]:
    here = [sets.taken_of(instance, database), backup_sets.c.replaced_at.is_(None), sets.is_no_safety_copy()]
    may_be = [may_be_there(), _base_may_be_there(here), backup_sets.c.id < _id(than)]
    return _rows(connection, select(backup_sets).where(*here, *may_be), count)


def _with_bases(connection: Connection, instance: str, found: Mapping[str, list[_Row]]) -> dict[str, list[_Row]]:
    """Return rows with those of the fulls that they need behind them."""
    needed = {name: _missing_bases(rows) for name, rows in found.items()}
    every = set().union(*needed.values())
    if not every:
        return dict(found)
    here = [sets.taken_of(instance), backup_sets.c.replaced_at.is_(None), sets.is_no_safety_copy()]
    here.append(backup_sets.c.set_id.in_(every))
    bases = _by_database(_rows(connection, select(backup_sets).where(*here)))
    return {
        name: [*rows, *(base for base in bases.get(name, ()) if _values(base)["set_id"] in needed[name])]
        for name, rows in found.items()
    }


def _missing_bases(rows: Iterable[_Row]) -> set[str]:
    return {_values(row)["base_id"] for row in rows} - {None} - {_values(row)["set_id"] for row in rows}


def _by_database(rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for row in rows:
        found.setdefault(_values(row)["database"], []).append(row)
    return found


def _rows(connection: Connection, statement: Select[Any], limit: int | None = None) -> list[_Row]:
    return sets.read(connection, statement.order_by(backup_sets.c.id.desc()).limit(limit))


def _id(row: _Row) -> int:
    return row.id if isinstance(row, Unreadable) else int(row["id"])


def _values(row: _Row) -> Mapping[Any, Any]:
    return row.values if isinstance(row, Unreadable) else row


def _any_chain_is_there(found: Iterable[_Row]) -> bool:
    there = {row["set_id"]: row["base_id"] for row in found if not isinstance(row, Unreadable) and _is_there(row)}
    return any(base_id is None or base_id in there for base_id in there.values())


def _is_there(row: RowMapping) -> bool:
    present = row["seen_state"] == MediaState.PRESENT.value
    return present and row["disproven_at"] is None and not row["details"].get("is_damaged")


def _base_may_be_there(here: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether an incremental's full may be there still; a full needs none."""
    bases = select(backup_sets.c.set_id).where(*here, may_be_there()).scalar_subquery()
    return backup_sets.c.base_id.is_(None) | backup_sets.c.base_id.in_(bases)
