"""The way to one server as one login: connections, questions and what the server is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from pwsops.clock import Clock
from pwsops.engines.records import Instance
from pwsops.engines.sqlserver import connect, queries, server, stream
from pwsops.engines.sqlserver.drivers import Driver, find, pyodbc
from pwsops.engines.sqlserver.errors import Doing, ErrorContext, is_lost, is_stale, reason, translate
from pwsops.engines.sqlserver.pool import Pool
from pwsops.engines.sqlserver.server import Server
from pwsops.errors import LoginRefused, PwsopsError
from pwsops.messages import Message

Guard = Callable[[Any], AbstractContextManager[object]]
"""Is around what a cursor does, given the cursor."""
QUERY_TIMEOUT_S = 30
NO_RIGHT = (229, 230, 262, 297, 300, 371, 916, 15247)
"""Numbers of a question that this login may not ask; asked again, it is refused again."""
ALIVE_TIMEOUT_S = 5
FACTS_LAST_S = 600
"""Little changes while a server runs, but its clock may be put forward or back."""
_POOL = Pool()
_SERVERS: dict[str, tuple[float, Server]] = {}
_SEVERITIES: dict[int, int] = {}
"""By number; the same on every server."""
_SERVERS_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class NotAsked:
    """A question that the server did not answer: what was asked may be so, or not.

    Parameters
    ----------
    why
        The reason, to stand behind "could not be looked up, because".
    error
        What was raised, for those who cannot go on without the answer.
    """

    why: str
    error: PwsopsError

    @property
    def is_denied(self) -> bool:
        """Whether the login lacks the right to ask, so that no other moment brings an answer."""
        return self.error.number in NO_RIGHT


class Link:
    """Made for each engine; connections and facts are shared by all links of the same login to the same server."""

    def __init__(self, instance: Instance, clock: Clock) -> None:
        self.instance = instance
        self.clock = clock
        self._refused: LoginRefused | None = None
        """A login that was refused is not tried again by this link: each attempt counts towards locking the account."""

    @cached_property
    def driver(self) -> Driver:
        """The driver in use."""
        return find(self.instance.options.get("driver"))

    def context(
        self, operation: str, *, database: str | None = None, path: str | None = None, doing: Doing = Doing.OTHER
    ) -> ErrorContext:
        """Return what an operation is about, for its errors."""
        _, known = _SERVERS.get(self._key, (0.0, None))
        return ErrorContext(
            operation=operation,
            server=self.instance.name or self.instance.address,
            database=database or "the database",
            path=path or "",
            login=self.instance.login or (known.login if known else None),
            account=known.account if known else None,
            doing=doing,
        )

    @contextmanager
    def connection(self, context: ErrorContext, *, fresh: bool = False, timeout_s: int = 0) -> Iterator[Any]:
        """Lend a connection to master in autocommit mode; it is closed after any error."""
        make = partial(self._connect, context)
        with _POOL.borrow(self._key, make, fresh=fresh) as connection:
            connection.timeout = timeout_s
            yield connection

    @contextmanager
    def session(self, context: ErrorContext) -> Iterator[Any]:
        """Lend a connection that answered a moment ago, for a statement that must not be repeated."""
        make = partial(self._connect, context)
        with _POOL.borrow(self._key, make, is_alive=_is_alive) as connection:
            connection.timeout = 0
            yield connection

    def session_id(self, connection: Any, context: ErrorContext) -> int:
        """Return the server's number for a connection."""
        try:
            return int(_rows(connection, queries.SESSION, ())[0][0])
        except pyodbc().Error as error:
            raise translate([stream.raised(error, self.clock)], context) from error

    def query(
        self,
        context: ErrorContext,
        text: str,
        *parameters: object,
        timeout_s: int = QUERY_TIMEOUT_S,
        guard: Guard = nullcontext,
    ) -> list[Any]:
        """Ask something, and give the rows of the first result; raises the translated error."""
        try:
            return self._ask(context, text, parameters, timeout_s, guard)
        except _Failed as failed:
            raise translate(self.graded([failed.message]), context) from failed.__cause__

    def _ask(
        self, context: ErrorContext, text: str, parameters: Sequence[object], timeout_s: int, guard: Guard = nullcontext
    ) -> list[Any]:
        try:
            return self._ask_once(context, text, parameters, timeout_s, guard, fresh=False)
        except _Failed as failed:
            if not is_stale(failed.message):
                raise
        # It may only be that a connection which waited for its use was dropped meanwhile: a question can be repeated.
        self.forget()
        return self._ask_once(context, text, parameters, timeout_s, guard, fresh=True)

    def _ask_once(
        self,
        context: ErrorContext,
        text: str,
        parameters: Sequence[object],
        timeout_s: int,
        guard: Guard,
        *,
        fresh: bool,
    ) -> list[Any]:
        try:
            with self.connection(context, fresh=fresh, timeout_s=timeout_s) as connection:
                return _rows(connection, text, parameters, guard)
        except pyodbc().Error as error:
            raise _Failed(stream.raised(error, self.clock)) from error

    def attempt(self, context: ErrorContext, text: str, *parameters: object) -> list[Any] | NotAsked:
        """Ask something that may be refused; once more where the server says that it is busy (a deadlock, a lock).

        Raises
        ------
        LoginRefused
            The next question would be refused as well, and count towards locking the account.
        """
        try:
            return self._insist(context, text, parameters)
        except LoginRefused:
            raise
        except PwsopsError as error:
            return NotAsked(why=reason(error), error=error)

    def _insist(self, context: ErrorContext, text: str, parameters: Sequence[object]) -> list[Any]:
        try:
            return self.query(context, text, *parameters)
        except PwsopsError as error:
            # A number is the server's: it answered. One that is away was asked again already, by `_ask`.
            if not error.transient or error.number is None:
                raise
        return self.query(context, text, *parameters)

    def run(
        self, context: ErrorContext, statement: str, *, secrets: Sequence[str] = (), timeout_s: int = QUERY_TIMEOUT_S
    ) -> list[Message]:
        """Do a short statement and return its messages, without `secrets`; raises the translated error."""
        messages: list[Message] = []

        def hear(message: Message) -> None:
            messages.append(replace(message, text=scrubbed(message.text, secrets)))

        with self.connection(context, timeout_s=timeout_s) as connection:
            cursor = connection.cursor()
            stream.run(cursor, statement, clock=self.clock, hear=hear)
            cursor.close()
            if any(message.is_error for message in messages):
                raise translate(self.graded(messages), context)
        return messages

    def graded(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages with their severities. The drivers pass on none; the server has a list of them by number."""
        numbers = {message.number for message in messages if message.number is not None}
        unknown = sorted(numbers - _SEVERITIES.keys())
        if unknown and not any(is_lost(message) for message in messages):
            context = self.context("Asking for severities")
            with suppress(PwsopsError, _Failed):
                rows = self._ask(context, queries.severities(len(unknown)), unknown, QUERY_TIMEOUT_S)
                _SEVERITIES.update({row.message_id: row.severity for row in rows})
        return [replace(message, severity=_SEVERITIES.get(message.number or 0)) for message in messages]

    def server(self, *, again: bool = False) -> Server:
        """Return what the server is; `again` asks anew, also after a refused login."""
        if again:
            self._refused = None
        now = self.clock.monotonic()
        since, known = _SERVERS.get(self._key, (now, None))
        if known is None or again or now - since > FACTS_LAST_S:
            known = self._look()
            with _SERVERS_LOCK:
                # The keys hold passwords: none stays for longer than it is of use.
                for key in [key for key, (asked_at, _) in _SERVERS.items() if now - asked_at > FACTS_LAST_S]:
                    del _SERVERS[key]
                _SERVERS[self._key] = (now, known)
        return known

    def forget(self) -> None:
        """Forget what was known of the server and close what waits: it went away, or another stands there now."""
        _POOL.forget(self._key)
        with _SERVERS_LOCK:
            _SERVERS.pop(self._key, None)

    def _look(self) -> Server:
        context = self.context("Connecting")
        row = self.query(context, queries.SERVER)[0]
        services = self.attempt(context, queries.SERVICES)
        if isinstance(services, NotAsked):
            return server.from_row(row, None, unknown="" if services.is_denied else services.why)
        account = next((each.service_account for each in services if _is_engine(each.servicename)), None)
        return server.from_row(row, account)

    @cached_property
    def _key(self) -> str:
        """What connections are told apart by. Secret, as it holds the password."""
        return connect.connection_string(self.instance, self.driver)

    def _connect(self, context: ErrorContext) -> Any:
        if self._refused is not None:
            raise copy(self._refused)
        try:
            return connect.connect(self.instance, self._key)
        except pyodbc().Error as error:
            self.forget()
            failure = translate([stream.raised(error, self.clock)], context)
            self._refused = failure if isinstance(failure, LoginRefused) else None
            raise failure from error


class _Failed(Exception):
    """A question that the driver or the server refused."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text)
        self.message = message


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """Return a text without these, plain and quoted: a server may repeat what it did not understand."""
    for secret in secrets:
        for form in (secret.replace("'", "''"), secret):
            text = text.replace(form, "***") if form else text
    return text


def _is_alive(connection: Any) -> bool:
    try:
        # Whatever its last user had: a connection that nobody answers must not be waited for without end.
        connection.timeout = ALIVE_TIMEOUT_S
        return bool(_rows(connection, queries.SESSION, ()))
    except pyodbc().Error:
        return False


def _rows(connection: Any, text: str, parameters: Sequence[object], guard: Guard = nullcontext) -> list[Any]:
    cursor = connection.cursor()
    try:
        with guard(cursor):
            cursor.execute(text, *parameters)
            while cursor.description is None and cursor.nextset():
                pass
            rows: list[Any] = cursor.fetchall() if cursor.description is not None else []
            while cursor.nextset():
                pass
        return rows
    finally:
        cursor.close()


def _is_engine(service: str) -> bool:
    """Whether a service is the database engine: ``SQL Server (NAME)``, and not the agent or another one."""
    return service.startswith("SQL Server (")
