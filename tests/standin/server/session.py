"""One connection: its batches run here, statement by statement."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.standin.events import Cut, DatabaseChanged, Done, Event, Login, Said, Value
from tests.standin.server import administration, backup, granting, inspect_media, procedures, restore, rows_statements
from tests.standin.server.accounts import Account
from tests.standin.server.context import Context
from tests.standin.server.database import Database
from tests.standin.server.faults import Stopped, suffer
from tests.standin.server.messages import ServerError, refuse, said
from tests.standin.server.parser import parse
from tests.standin.server.rows import NO_ROW
from tests.standin.server.security_statements import (
    BackupCertificate,
    ChangeRole,
    CreateCertificate,
    CreateLogin,
    CreateMasterKey,
    CreateUser,
    DropCertificate,
    Grant,
)
from tests.standin.server.statements import (
    AlterDatabase,
    Assign,
    Backup,
    CheckDatabase,
    CreateDatabase,
    CreateTable,
    DeleteRows,
    DropDatabase,
    Execute,
    ExecuteText,
    If,
    InsertRows,
    Inspect,
    Kill,
    Restore,
    SelectRows,
    SetOption,
    Statement,
    Throw,
    Transaction,
    UpdateRows,
    Use,
)

if TYPE_CHECKING:
    from tests.standin.server.server import ScriptedServer

Performer = Callable[[Context, Any], Generator[Event]]
# After these a batch goes on with its next statement; any other error ends it.
CONTINUING = ("BACKUP", "RESTORE", "ALTER", "KILL")


class ScriptedSession:
    """A `tests.standin.events.Session` on a `ScriptedServer`."""

    def __init__(self, server: ScriptedServer, login: Login, account: Account, session_id: int, database: str) -> None:
        self._server = server
        self.login = login
        self.account = account
        self.session_id = session_id
        self.database = database
        self.since = server.clock.now()
        self.transactions = 0
        self.row_count = 0
        self.last_error = 0
        self._implicit = False
        self._killed = threading.Event()

    def is_in(self, database: Database) -> bool:
        """Whether a database is the session's current one."""
        return self.database.lower() == database.name.lower() and not self._killed.is_set()

    def kill(self) -> None:
        """End the session from outside: the next it hears is nothing."""
        self._killed.set()

    def close(self) -> None:
        """The client is gone."""
        self._killed.set()
        self._server.leave(self)

    def run(self, batch: str, parameters: Mapping[str, Value], cancelled: threading.Event) -> Generator[Event]:
        """Do a batch; see `tests.standin.events.Session`."""
        self._server.log.append(batch)
        context = Context(
            server=self._server,
            session=self,
            variables={name.lower(): value for name, value in parameters.items()},
            stopped=lambda: cancelled.is_set() or self._killed.is_set(),
            batch=batch,
        )
        if self._killed.is_set():
            yield Cut()
            return
        try:
            statements = parse(batch)
        except ServerError as error:
            yield from self._failed(error)
            return
        yield from self._all(context, statements, batch)

    def _all(self, context: Context, statements: Sequence[Statement], batch: str) -> Generator[Event, None, bool]:
        """Do statements in order; return whether what stands behind them is done as well."""
        for statement in statements:
            try:
                inner = self._inner(context, statement)
                if inner is None:
                    yield from self._perform(context, statement, batch)
                elif not (yield from self._all(context, inner, batch)):
                    return False
            except ServerError as error:
                yield from self._failed(error)
                if not statement.title.startswith(CONTINUING):
                    return False
            except Stopped:
                if self._killed.is_set():
                    yield Cut()
                return False
            if self._killed.is_set():
                return False
        return True

    def _inner(self, context: Context, statement: Statement) -> Sequence[Statement] | None:
        """Return the statements that one of these stands for; None for any other. Raises what a THROW says."""
        if isinstance(statement, If):
            holds = rows_statements.evaluator(context).holds(statement.condition, NO_ROW)
            self.last_error = 0
            return statement.then if holds else ()
        if isinstance(statement, ExecuteText):
            return parse(str(rows_statements.evaluator(context).value(statement.text)))
        if isinstance(statement, Throw):
            raise ServerError(Said(number=statement.number, text=statement.text, severity=16, state=statement.state))
        return None

    def _failed(self, error: ServerError) -> Generator[Event]:
        self.last_error = error.said[-1].number
        yield from error.said
        yield Done(failed=True)

    def _perform(self, context: Context, statement: Statement, batch: str) -> Generator[Event]:
        if self._implicit and not isinstance(statement, (SetOption, Use, Transaction)):
            self.transactions = max(self.transactions, 1)
        fault = self._server.faults.take(statement.title, _database_of(context, statement), batch)
        context.messages = fault.messages if fault else None
        events = _PERFORMERS[type(statement)](context, statement)
        if fault is not None:
            events = suffer(fault, events, context.stopped)
        with closing(events):
            for event in events:
                if isinstance(event, Cut):
                    self._killed.set()
                elif context.stopped():
                    raise Stopped
                yield event
        self.last_error = 0

    def begin(self, implicit: bool) -> None:
        """Open transactions by themselves from now on, or no longer."""
        self._implicit = implicit


def _database_of(context: Context, statement: Statement) -> str:
    name = getattr(statement, "database", "")
    return context.text(name) if name else context.session.database


def _use(context: Context, statement: Use) -> Generator[Event]:
    database = context.database(statement.database)
    context.query(database)
    if database.user_access == "SINGLE_USER" and any(
        one.is_in(database) for one in context.server.sessions() if one is not context.session
    ):
        raise refuse(924, database.name)
    before = context.session.database
    context.session.database = database.name
    yield DatabaseChanged(name=database.name, before=before)
    yield said(5701, database.name, state=2)
    yield Done()


def _set_option(context: Context, statement: SetOption) -> Generator[Event]:
    if statement.option == "IMPLICIT_TRANSACTIONS":
        context.session.begin(statement.value == "ON")
    yield Done()


def _transaction(context: Context, statement: Transaction) -> Generator[Event]:
    session = context.session
    session.transactions = {
        "BEGIN": session.transactions + 1,
        "COMMIT": max(session.transactions - 1, 0),
        "ROLLBACK": 0,
    }[statement.what]
    yield Done()


_PERFORMERS: dict[type, Performer] = {
    Backup: backup.perform,
    Restore: restore.perform,
    Inspect: inspect_media.perform,
    AlterDatabase: administration.alter_database,
    CreateDatabase: administration.create_database,
    DropDatabase: administration.drop_database,
    CheckDatabase: administration.check_database,
    CreateMasterKey: administration.create_master_key,
    CreateCertificate: administration.create_certificate,
    BackupCertificate: administration.backup_certificate,
    DropCertificate: administration.drop_certificate,
    Kill: administration.kill,
    CreateLogin: granting.create_login,
    CreateUser: granting.create_user,
    ChangeRole: granting.change_role,
    Grant: granting.grant,
    Execute: procedures.execute,
    SelectRows: rows_statements.select,
    Assign: rows_statements.assign,
    CreateTable: rows_statements.create_table,
    InsertRows: rows_statements.insert,
    UpdateRows: rows_statements.update,
    DeleteRows: rows_statements.delete,
    Use: _use,
    SetOption: _set_option,
    Transaction: _transaction,
}
