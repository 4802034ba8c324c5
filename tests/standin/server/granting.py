"""CREATE LOGIN, CREATE USER, ALTER ROLE and GRANT. A user has the name of its login here."""

from __future__ import annotations

from collections.abc import Generator

from tests.standin.events import Done, Event
from tests.standin.server.accounts import DATABASE_ROLES, SERVER_ROLES, Account
from tests.standin.server.context import Context
from tests.standin.server.messages import refuse
from tests.standin.server.security_statements import ChangeRole, CreateLogin, CreateUser, Grant

SERVER_PERMISSIONS = ("VIEW SERVER", "VIEW ANY", "CREATE ANY", "ALTER ANY", "CONTROL SERVER", "CONNECT SQL")


def create_login(context: Context, statement: CreateLogin) -> Generator[Event]:
    """Make a login."""
    _require_administrator(context)
    if statement.login in context.server.accounts:
        raise refuse(15025, statement.login)
    context.server.add_login(statement.login, password=context.optional(statement.password) or "")
    yield Done()


def create_user(context: Context, statement: CreateUser) -> Generator[Event]:
    """Let a login into the current database."""
    _require_administrator(context)
    account = context.server.accounts.get(statement.login)
    if account is None:
        raise refuse(15007, statement.login)
    if context.session.database in account.databases:
        raise refuse(15023, statement.user)
    account.databases[context.session.database] = set()
    yield Done()


def change_role(context: Context, statement: ChangeRole) -> Generator[Event]:
    """Put a login or user into a role, or take it out."""
    _require_administrator(context)
    account = context.server.accounts.get(statement.member)
    if statement.role not in (SERVER_ROLES if statement.server else DATABASE_ROLES):
        raise refuse(15151, "alter", "server role" if statement.server else "role", statement.role)
    if account is None:
        raise refuse(15151, "add", "login" if statement.server else "user", statement.member)
    roles = account.roles if statement.server else _user(context, account)
    if statement.added:
        roles.add(statement.role)
    else:
        roles.discard(statement.role)
    yield Done()


def grant(context: Context, statement: Grant) -> Generator[Event]:
    """Return a permission: on the server, on a procedure of it, or in the current database."""
    _require_administrator(context)
    account = context.server.accounts.get(statement.principal)
    if account is None:
        raise refuse(15151, "find", "login", statement.principal)
    if statement.kind == "CERTIFICATE":
        _grant_on_certificate(context, account, statement)
    elif statement.permission.startswith(SERVER_PERMISSIONS):
        if context.session.database != "master":
            raise refuse(4621)
        account.grants.add(statement.permission)
    elif statement.permission == "EXECUTE":
        account.grants.add(f"EXECUTE {statement.securable[-1].lower()}")
    else:
        _user(context, account).add(statement.permission)
    yield Done()


def _grant_on_certificate(context: Context, account: Account, statement: Grant) -> None:
    name = statement.securable[-1]
    if context.session.database != "master" or name not in context.server.certificates:
        raise refuse(15151, "find", "certificate", name)
    _user(context, account).add(f"{statement.permission} ON CERTIFICATE::{name}")


def _user(context: Context, account: Account) -> set[str]:
    """Return what a login has in the current database; 15151 where it has no user there."""
    database = context.session.database
    if database not in account.databases:
        raise refuse(15151, "find", "user", account.name)
    return account.databases[database]


def _require_administrator(context: Context) -> None:
    if not context.account.is_sysadmin:
        raise refuse(15247)
