"""Finds what a name behind FROM stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.standin.events import Value
from tests.standin.server import database_views, file_views, msdb_views, server_views, state_views  # noqa: F401  # they register
from tests.standin.server.database import Database
from tests.standin.server.messages import refuse
from tests.standin.server.rows import Relation
from tests.standin.server.values import columns
from tests.standin.server.views import TABLE_FUNCTIONS, VIEWS, unknown

if TYPE_CHECKING:
    from tests.standin.server.context import Context

USER_COLUMNS = columns("id int, text nvarchar(max)")


def open_table(context: Context, parts: tuple[str, ...]) -> Relation:
    """Return the rows of a table or view as they are at one moment; 208 where there is none, 229 if unreadable."""
    with context.server.lock:
        return _table(context, parts)


def _table(context: Context, parts: tuple[str, ...]) -> Relation:
    database = _database(context, parts)
    schema = (parts[-2] or "dbo").lower() if len(parts) > 1 else "dbo"
    name = parts[-1].lower()
    if schema == "sys":
        if f"sys.{name}" not in VIEWS:
            raise unknown(parts)
        return VIEWS[f"sys.{name}"].read(context, database)
    if (key := f"{database.name.lower()}.{schema}.{name}") in VIEWS:
        if not context.account.may_in("SELECT", database.name, database.owner):
            raise refuse(229, "SELECT", name, database.name, schema, state=5)
        return VIEWS[key].read(context, database)
    return _user_table(context, database, parts)


def _database(context: Context, parts: tuple[str, ...]) -> Database:
    if len(parts) < 3:
        return context.current
    database = context.server.databases.get(parts[-3])
    if database is None:
        raise unknown(parts)
    if database.name != context.session.database:
        context.query(database)
    return database


def find_table(database: Database, parts: Sequence[str]) -> str:
    """Return the name of a table of the users as the database spells it."""
    for table in database.content.tables:
        if table.lower() == parts[-1].lower():
            return table
    raise unknown(parts)


def _user_table(context: Context, database: Database, parts: tuple[str, ...]) -> Relation:
    table = find_table(database, parts)
    if not context.account.may_in("SELECT", database.name, database.owner):
        raise refuse(229, "SELECT", table, database.name, "dbo", state=5)
    return Relation(columns=USER_COLUMNS, rows=database.read_rows(table))


def open_function(context: Context, parts: tuple[str, ...], arguments: Sequence[Value]) -> Relation:
    """Return the rows of a function."""
    key = f"sys.{parts[-1].lower()}"
    if key not in TABLE_FUNCTIONS:
        raise unknown(parts)
    with context.server.lock:
        return TABLE_FUNCTIONS[key].read(context, *arguments)
