"""SELECT, INSERT, UPDATE, DELETE and CREATE TABLE."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from tests.standin.events import Columns, Done, Event, Row, Value
from tests.standin.server.context import Context
from tests.standin.server.database import Database
from tests.standin.server.evaluate import Evaluator
from tests.standin.server.expressions import Expression
from tests.standin.server.messages import refuse
from tests.standin.server.objects import USER_COLUMNS, find_table
from tests.standin.server.rows import NO_ROW, Scope, Shape, Values
from tests.standin.server.select import run_query
from tests.standin.server.statements import Assign, CreateTable, DeleteRows, InsertRows, SelectRows, UpdateRows
from tests.standin.server.values import as_text, cast


def evaluator(context: Context) -> Evaluator:
    """Return what evaluates expressions outside of a query."""
    return Evaluator(context, lambda query, scope: run_query(context, query, scope))


def select(context: Context, statement: SelectRows) -> Generator[Event]:
    """Answer a query, or fill variables with its last row."""
    relation = run_query(context, statement.query)
    context.session.row_count = len(relation.rows)
    if statement.into:
        for row in relation.rows[-1:]:
            context.variables.update(zip((one.lower() for one in statement.into), row, strict=True))
        yield Done(rows=len(relation.rows))
        return
    yield Columns(columns=relation.columns)
    for row in relation.rows:
        yield Row(values=tuple(_shown(value) for value in row))
    yield Done(rows=len(relation.rows))


def _shown(value: Value) -> Value:
    """Return a cell as it can be sent: an instant with its zone only as text."""
    return as_text(value) if isinstance(value, datetime) and value.tzinfo else value


def assign(context: Context, statement: Assign) -> Generator[Event]:
    """Declare a variable, or set it."""
    if statement.type is None:
        context.variable(statement.variable)
    value = evaluator(context).value(statement.value) if statement.value is not None else None
    if statement.type is not None and value is not None:
        value = cast(value, statement.type, -1)
    context.variables[statement.variable.lower()] = value
    yield from ()


def create_table(context: Context, statement: CreateTable) -> Generator[Event]:
    """Create a table of rows."""
    database, _ = _target(context, statement.table, "ALTER", new=True)
    name = statement.table[-1]
    if any(one.lower() == name.lower() for one in database.content.tables):
        raise refuse(2714, name)
    database.create_table(name)
    yield Done()


def insert(context: Context, statement: InsertRows) -> Generator[Event]:
    """Insert rows."""
    database, table = _target(context, statement.table, "INSERT")
    evaluate = evaluator(context)
    for expressions in statement.rows:
        row = dict(zip(statement.columns, (evaluate.value(one) for one in expressions), strict=True))
        key = int(str(cast(row.get("id"), "int")))
        if key in database.content.tables[table]:
            raise refuse(2627, f"PK_{table}", f"dbo.{table}")
        database.write_rows([(key, as_text(row.get("text")))], table)
    yield _counted(context, len(statement.rows))


def update(context: Context, statement: UpdateRows) -> Generator[Event]:
    """Change the texts of rows."""
    database, table = _target(context, statement.table, "UPDATE")
    evaluate = evaluator(context)
    hit = _hit(context, database, table, statement.where)
    for values in hit:
        scope = Scope(shape=Shape.of(table, USER_COLUMNS), values=values)
        text = evaluate.value(statement.values["text"], scope)
        database.write_rows([(int(str(values[0])), as_text(text))], table)
    yield _counted(context, len(hit))


def delete(context: Context, statement: DeleteRows) -> Generator[Event]:
    """Delete rows."""
    database, table = _target(context, statement.table, "DELETE")
    hit = _hit(context, database, table, statement.where)
    database.delete_rows([int(str(values[0])) for values in hit], table)
    yield _counted(context, len(hit))


def _counted(context: Context, count: int) -> Done:
    context.session.row_count = count
    return Done(rows=count)


def _hit(context: Context, database: Database, table: str, where: Expression | None) -> list[Values]:
    evaluate = evaluator(context)
    shape = Shape.of(table, USER_COLUMNS)
    return [
        values
        for values in database.read_rows(table)
        if evaluate.holds(where, Scope(shape=shape, values=values, outer=NO_ROW))
    ]


def _target(context: Context, parts: tuple[str, ...], right: str, *, new: bool = False) -> tuple[Database, str]:
    """Return the database and the table that is written."""
    database = context.database(parts[-3]) if len(parts) > 2 else context.current
    context.query(database)
    table = parts[-1] if new else find_table(database, parts)
    if not context.account.may_in("ALTER", database.name, database.owner):
        raise refuse(229, right, table, database.name, "dbo", state=5)
    if database.read_only:
        raise refuse(3906, database.name)
    return database, table
