"""Logins that a server refused. They are not tried again before something about them was changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, select
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import instances, rows
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.schema import BEGINNING, refused_logins
from pwsops.errors import LoginRefused

SERVICE_USER = ""
"""Stands for the user that pwsops runs as."""


@dataclass(frozen=True, kw_only=True)
class RefusedLogin:
    """One of them, with what the server said and the next step. An empty `login` is the service user."""

    instance: str
    login: str
    since: datetime
    message: str
    hint: str

    def error(self, operation: str) -> LoginRefused:
        """Return what is told instead of trying; `operation` is what was asked for, as a sentence without its end."""
        who = f"the login {self.login}" if self.login else "the service user's login"
        return LoginRefused(
            f"{operation}: {self.instance} was not asked, because it refused {who} at {self.since:%Y-%m-%d %H:%M} UTC, "
            f"and each further try counts against it. {self.message}",
            hint=self.hint,
        )


def add(connection: Connection, instance: str, login: str | None, error: LoginRefused, *, now: datetime) -> None:
    """Remember that a server refused a login; where that is known already, since when stays."""
    values = {"instance": instance, "login": login or SERVICE_USER, "since": now}
    text = {"message": error.message, "hint": error.hint}
    statement = insert(refused_logins).values(values | text)
    connection.execute(statement.on_conflict_do_update(index_elements=["instance", "login"], set_=text))


def note(connection: Connection, profile: ProfileRow, error: LoginRefused, *, now: datetime) -> None:
    """Remember that a server refused the login that a profile uses: its own, or that of its instance."""
    instance = profile.fields["instance"]
    row = None if profile.fields["login"] else instances.find(connection, instance)
    add(connection, instance, profile.fields["login"] or (None if row is None else row.login), error, now=now)


def find(connection: Connection, instance: str, login: str | None) -> RefusedLogin | None:
    """Return what is known of a login's refusal; None: it may be tried."""
    there = (refused_logins.c.instance == instance) & (refused_logins.c.login == (login or SERVICE_USER))
    return next(iter(_read(connection, select(refused_logins).where(there))), None)


def every(connection: Connection) -> list[RefusedLogin]:
    """Return all of them."""
    return _read(connection, select(refused_logins).order_by(refused_logins.c.id))


def _read(connection: Connection, statement: Select[Any]) -> list[RefusedLogin]:
    found = [rows.values_of(row) for row in rows.read(connection, refused_logins, statement)]
    # What cannot be read of one does not let its login be tried again.
    return [
        RefusedLogin(
            since=row["since"] or BEGINNING,
            **{key: row[key] or "" for key in ("instance", "login", "message", "hint")},
        )
        for row in found
    ]


def forget(connection: Connection, instance: str, login: str | None) -> None:
    """Let a login be tried again: something about it was changed, or it was accepted."""
    there = (refused_logins.c.instance == instance) & (refused_logins.c.login == (login or SERVICE_USER))
    connection.execute(delete(refused_logins).where(there))


def forget_all(connection: Connection, instance: str) -> None:
    """Let every login of an instance be tried again."""
    connection.execute(delete(refused_logins).where(refused_logins.c.instance == instance))
