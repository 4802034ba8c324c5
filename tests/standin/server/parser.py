"""Reads a batch into its statements."""

from __future__ import annotations

from collections.abc import Iterator

from tests.standin.server.expressions import Call, Expression, Literal, Parameter
from tests.standin.server.parse_backup import read_backup, read_restore
from tests.standin.server.parse_certificate import (
    read_create_certificate,
    read_create_master_key,
    read_drop_certificate,
)
from tests.standin.server.parse_expression import read_type
from tests.standin.server.parse_query import expressions, read_query
from tests.standin.server.parse_rights import read_alter_role, read_create_login, read_create_user, read_grant
from tests.standin.server.security_statements import ChangeRole
from tests.standin.server.statements import (
    AlterDatabase,
    Assign,
    CheckDatabase,
    CreateDatabase,
    CreateTable,
    DeleteRows,
    DropDatabase,
    Execute,
    ExecuteText,
    If,
    InsertRows,
    Kill,
    SelectRows,
    SetOption,
    Statement,
    Throw,
    Transaction,
    UpdateRows,
    Use,
)
from tests.standin.server.token_stream import Tokens
from tests.standin.server.tokenizer import Kind


def parse(batch: str) -> list[Statement]:
    """Read all statements of a batch.

    Raises
    ------
    ServerError
        102, 156 and their kin: nothing of the batch is done then.
    """
    tokens = Tokens(batch)
    statements: list[Statement] = []
    while not tokens.ended:
        if not tokens.accept_operator(";"):
            statements.extend(_statement(tokens))
    return statements


def _statement(tokens: Tokens) -> Iterator[Statement]:
    word = tokens.peek().word
    if word in ("SELECT", "WITH"):
        query = read_query(tokens)
        yield SelectRows(query=query, into=tuple(item.variable for item in query.selects[0].items if item.variable))
        return
    if word == "DECLARE":
        yield from _declare(tokens)
        return
    readers = {
        "BACKUP": read_backup, "RESTORE": read_restore, "ALTER": _alter, "CREATE": _create, "DROP": _drop,
        "EXEC": _execute, "EXECUTE": _execute, "USE": _use, "SET": _set, "INSERT": _insert, "UPDATE": _update,
        "DELETE": _delete, "BEGIN": _transaction, "COMMIT": _transaction, "ROLLBACK": _transaction, "KILL": _kill,
        "GRANT": read_grant, "IF": _if, "THROW": _throw, "DBCC": _dbcc,
    }  # fmt: skip
    if word not in readers:
        raise tokens.refused()
    if readers[word] is not _transaction:
        tokens.next()
    yield readers[word](tokens)


def _alter(tokens: Tokens) -> AlterDatabase | ChangeRole:
    if tokens.accept("SERVER", "ROLE"):
        return read_alter_role(tokens, server=True)
    if tokens.accept("ROLE"):
        return read_alter_role(tokens, server=False)
    return _alter_database(tokens)


def _alter_database(tokens: Tokens) -> AlterDatabase:
    tokens.expect("DATABASE")
    database = tokens.database()
    tokens.expect("SET")
    options = ("SINGLE_USER", "MULTI_USER", "RESTRICTED_USER", "ONLINE", "OFFLINE", "READ_ONLY", "READ_WRITE")
    option = tokens.choose(*options, "RECOVERY", "AUTO_CLOSE", "PAGE_VERIFY")
    value = ""
    if option not in options:
        tokens.accept_operator("=")
        value = tokens.next().word
    rollback = False
    if tokens.accept("WITH"):
        rollback = tokens.choose("ROLLBACK", "NO_WAIT") == "ROLLBACK"
        if rollback and not tokens.accept("IMMEDIATE"):
            tokens.expect("AFTER")
            tokens.integer()
            tokens.accept("SECONDS")
    return AlterDatabase(database=database, option=option, value=value, rollback=rollback)


def _create(tokens: Tokens) -> Statement:
    kind = tokens.choose("DATABASE", "MASTER", "CERTIFICATE", "TABLE", "LOGIN", "USER")
    if kind == "DATABASE":
        return CreateDatabase(database=tokens.name())
    if kind == "MASTER":
        tokens.expect("KEY")
        return read_create_master_key(tokens)
    if kind == "CERTIFICATE":
        return read_create_certificate(tokens)
    if kind == "LOGIN":
        return read_create_login(tokens)
    return read_create_user(tokens) if kind == "USER" else _create_table(tokens)


def _create_table(tokens: Tokens) -> CreateTable:
    parts = tokens.name_parts()
    tokens.expect_operator("(")
    depth = 1
    while depth:
        token = tokens.next()
        if token.kind is Kind.END:
            raise tokens.refused()
        depth += {"(": 1, ")": -1}.get(token.text if token.kind is Kind.OPERATOR else "", 0)
    return CreateTable(table=parts)


def _drop(tokens: Tokens) -> Statement:
    if tokens.choose("DATABASE", "CERTIFICATE") == "CERTIFICATE":
        return read_drop_certificate(tokens)
    if_exists = tokens.accept("IF", "EXISTS")
    return DropDatabase(database=tokens.name(), if_exists=if_exists)


def _use(tokens: Tokens) -> Use:
    return Use(database=tokens.name())


def _dbcc(tokens: Tokens) -> CheckDatabase:
    tokens.expect("CHECKDB")
    tokens.expect_operator("(")
    database = tokens.name()
    tokens.expect_operator(")")
    options = []
    if tokens.accept("WITH"):
        options.append(tokens.choose("ALL_ERRORMSGS", "NO_INFOMSGS"))
        while tokens.accept_operator(","):
            options.append(tokens.choose("ALL_ERRORMSGS", "NO_INFOMSGS"))
    return CheckDatabase(database=database, quiet="NO_INFOMSGS" in options)


def _kill(tokens: Tokens) -> Kill:
    return Kill(session=tokens.integer())


def _transaction(tokens: Tokens) -> Transaction:
    what = tokens.choose("BEGIN", "COMMIT", "ROLLBACK")
    if not (tokens.accept("TRANSACTION") or tokens.accept("TRAN")) and what == "BEGIN":
        raise tokens.refused()
    return Transaction(what=what)


def _declare(tokens: Tokens) -> Iterator[Assign]:
    tokens.expect("DECLARE")
    while True:
        if tokens.peek().kind is not Kind.VARIABLE:
            raise tokens.refused()
        variable = tokens.next().text
        tokens.accept("AS")
        kind, _ = read_type(tokens)
        value = expressions(tokens).read() if tokens.accept_operator("=") else None
        yield Assign(variable=variable, value=value, type=kind)
        if not tokens.accept_operator(","):
            return


def _set(tokens: Tokens) -> Statement:
    if tokens.peek().kind is Kind.VARIABLE:
        variable = tokens.next().text
        tokens.expect_operator("=")
        return Assign(variable=variable, value=expressions(tokens).read())
    if tokens.accept("LOCK_TIMEOUT"):
        sign = "-" if tokens.accept_operator("-") else ""
        return SetOption(option="LOCK_TIMEOUT", value=f"{sign}{tokens.integer()}")
    words = []
    while not tokens.ended and not tokens.at_operator(";") and tokens.peek().word not in ("SELECT", "SET", "USE"):
        words.append(str(tokens.next().value))
        if words[-1].upper() in ("ON", "OFF"):
            break
        if len(words) > 1 and words[0].upper() in ("TEXTSIZE", "LANGUAGE", "DATEFORMAT", "DATEFIRST"):
            break
    return SetOption(option=" ".join(words[:-1]).upper(), value=words[-1].upper() if words else "")


def _if(tokens: Tokens) -> If:
    condition = expressions(tokens).read()
    return If(condition=condition, then=tuple(_statement(tokens)))


def _throw(tokens: Tokens) -> Throw:
    number = tokens.integer()
    tokens.expect_operator(",")
    text = tokens.string()
    tokens.expect_operator(",")
    return Throw(number=number, text=text, state=tokens.integer())


def _execute(tokens: Tokens) -> Execute | ExecuteText:
    if tokens.accept_operator("("):
        text = expressions(tokens).read()
        tokens.expect_operator(")")
        return ExecuteText(text=text)
    procedure = tokens.name_parts()[-1]
    arguments: list[Expression] = []
    outputs: dict[int, str] = {}
    while not tokens.ended and not tokens.at_operator(";"):
        if tokens.peek().kind is Kind.VARIABLE and tokens.peek(1).is_operator("="):
            tokens.next()
            tokens.next()
        argument = _argument(tokens)
        if (tokens.accept("OUTPUT") or tokens.accept("OUT")) and isinstance(argument, Parameter):
            outputs[len(arguments)] = argument.name
        arguments.append(argument)
        if not tokens.accept_operator(","):
            break
    return Execute(procedure=procedure.lower(), arguments=tuple(arguments), outputs=outputs)


def _argument(tokens: Tokens) -> Expression:
    """Read an argument: a constant, a variable, or a bare word, which is a string there."""
    if tokens.at_name() and tokens.peek().kind is Kind.WORD:
        return Literal(value=tokens.name())
    value = expressions(tokens).read()
    if isinstance(value, Call):
        raise tokens.refused()
    return value


def _insert(tokens: Tokens) -> InsertRows:
    tokens.accept("INTO")
    table = tokens.name_parts()
    columns: list[str] = []
    if tokens.accept_operator("("):
        columns.append(tokens.name().lower())
        while tokens.accept_operator(","):
            columns.append(tokens.name().lower())
        tokens.expect_operator(")")
    tokens.expect("VALUES")
    rows: list[tuple[Expression, ...]] = []
    while True:
        tokens.expect_operator("(")
        rows.append(expressions(tokens).list())
        tokens.expect_operator(")")
        if not tokens.accept_operator(","):
            return InsertRows(table=table, columns=tuple(columns) or ("id", "text"), rows=tuple(rows))


def _update(tokens: Tokens) -> UpdateRows:
    table = tokens.name_parts()
    tokens.expect("SET")
    values: dict[str, Expression] = {}
    while True:
        column = tokens.name().lower()
        tokens.expect_operator("=")
        values[column] = expressions(tokens).read()
        if not tokens.accept_operator(","):
            break
    where = expressions(tokens).read() if tokens.accept("WHERE") else None
    return UpdateRows(table=table, values=values, where=where)


def _delete(tokens: Tokens) -> DeleteRows:
    tokens.accept("FROM")
    table = tokens.name_parts()
    return DeleteRows(table=table, where=expressions(tokens).read() if tokens.accept("WHERE") else None)
