"""What the login may do, and for what it may not, the statement that lets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pwsops.engines.records import MissingRight
from pwsops.engines.sqlserver import queries
from pwsops.engines.sqlserver.causes import CAUSES, WRAPPERS
from pwsops.engines.sqlserver.errors import ErrorContext
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.engines.sqlserver.tsql import identifier
from pwsops.errors import EngineError, PwsopsError
from pwsops.messages import Message

DEFINITIONS = "VIEW ANY DEFINITION"
HISTORY = "SELECT on msdb.dbo.backupset"
SERVER_STATE = "VIEW SERVER STATE"
CREATE = "CREATE ANY DATABASE"
"""What it takes to read a backup file (HEADERONLY, VERIFYONLY), and so to verify a backup."""
CREATOR = "dbcreator"
BACKUP = "BACKUP DATABASE"
DENIED, RESTORE_DENIED = 262, 3110
SYSTEM = ("master", "model", "msdb")


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What a login may do, by the server's names, and what it may not."""

    held: Sequence[str]
    missing: Sequence[MissingRight]


def look(link: Link) -> Rights:
    """Ask the server what the login may do."""
    context = link.context("Asking for rights")
    row = link.query(context, queries.SERVER_RIGHTS)[0]
    if row.is_sysadmin:
        return Rights(held=("sysadmin",), missing=())
    databases = [each for each in link.query(context, queries.DATABASE_RIGHTS) if each.name not in SYSTEM]
    login = identifier(link.server().login)
    has = _of_server(row)
    lacking = [right for name, right in _server_rights(login).items() if not has.get(name)]
    return Rights(
        held=[
            *(name for name, held in has.items() if held),
            *(f"{BACKUP} in {each.name}" for each in databases if each.may_back_up),
        ],
        missing=(*lacking, *_of_databases(databases, login)),
    )


def _of_server(row: Any) -> Mapping[str, bool]:
    return {
        DEFINITIONS: bool(row.view_any_definition),
        HISTORY: bool(row.read_history),
        SERVER_STATE: bool(row.view_server_state),
        CREATE: bool(row.create_any_database),
        CREATOR: bool(row.is_dbcreator),
    }


def _server_rights(login: str) -> Mapping[str, MissingRight]:
    user = f"CREATE USER {login} FOR LOGIN {login}; "
    rights = (
        MissingRight(
            right=DEFINITIONS,
            grant=f"USE master; GRANT VIEW ANY DEFINITION TO {login};",
            without="looking into databases, certificates",
            required=False,
        ),
        MissingRight(
            right=HISTORY,
            grant=f"USE msdb; {user}ALTER ROLE db_datareader ADD MEMBER {login};",
            without="history, backup",
        ),
        MissingRight(
            right=SERVER_STATE,
            grant=f"USE master; GRANT VIEW SERVER STATE TO {login};",
            without="progress, browsing",
            required=False,
        ),
        MissingRight(
            right=CREATE,
            grant=f"USE master; GRANT CREATE ANY DATABASE TO {login};",
            without="backup, which is verified, and reading backup files",
        ),
        MissingRight(right=CREATOR, grant=f"ALTER SERVER ROLE dbcreator ADD MEMBER {login};", without="restore"),
        MissingRight(
            right="sysadmin",
            grant=f"ALTER SERVER ROLE sysadmin ADD MEMBER {login};",
            without="deleting old backups",
            required=False,
        ),
    )
    return {right.right: right for right in rights}


def _of_databases(rows: Sequence[Any], login: str) -> Iterator[MissingRight]:
    for row in rows:
        if not row.may_back_up:
            user = "" if row.has_access else f"CREATE USER {login} FOR LOGIN {login}; "
            yield MissingRight(
                right=f"{BACKUP} in {row.name}",
                grant=f"USE {identifier(row.name)}; {user}ALTER ROLE db_backupoperator ADD MEMBER {login};",
                without="backup",
            )


def require_reading(link: Link, *, messages: Sequence[Message] = ()) -> None:
    """Refuse what would end at the first look into a backup file, before anything is begun, or after `messages`."""
    context = link.context("Asking for rights")
    if link.query(context, queries.SERVER_RIGHTS)[0].create_any_database:
        return
    login = link.server().login
    raise EngineError(
        f"The login {login} may not read backup files on {link.instance.name}, so no backup could be verified.",
        hint=f"Give it the right: {_server_rights(identifier(login))[CREATE].grant}",
        messages=messages,
    )


def require_restoring(link: Link, name: str) -> None:
    """Refuse a login that could take a database offline, and not bring it online again if the restore then fails.

    The one needs ALTER on the database, the other ALTER ANY DATABASE (Microsoft, ALTER DATABASE SET options).
    """
    if link.query(link.context("Asking for rights"), queries.SERVER_RIGHTS)[0].alter_any_database != 0:
        return
    login = link.server().login
    raise EngineError(
        f"The login {login} may not restore over {name} on {link.instance.name}: it could not bring it online again.",
        hint=f"Give it the right: {_server_rights(identifier(login))[CREATOR].grant}",
    )


def backup_explained(link: Link, error: PwsopsError, context: ErrorContext, database: str) -> PwsopsError:
    """Look for a missing right where the driver passed on nothing but the wrapper: FreeTDS shows the severest error."""
    rows = link.attempt(context, queries.DATABASE_RIGHTS) if error.number in WRAPPERS else []
    if isinstance(rows, NotAsked):
        return error
    lacks = any(row.name == database and not row.may_back_up for row in rows)
    return _denied(context, DENIED, error) if lacks else error


def restore_explained(link: Link, error: PwsopsError, context: ErrorContext) -> PwsopsError:
    """Look for the missing right to restore likewise."""
    rows = link.attempt(context, queries.SERVER_RIGHTS) if error.number in WRAPPERS else []
    if isinstance(rows, NotAsked):
        return error
    lacks = any(not row.is_dbcreator for row in rows)
    return _denied(context, RESTORE_DENIED, error) if lacks else error


def _denied(context: ErrorContext, number: int, error: PwsopsError) -> PwsopsError:
    cause = CAUSES[number]
    return context.failed(
        f"{cause.text.format(**context.words)}.",
        hint=cause.step.format(**context.words),
        number=number,
        messages=error.messages,
    )
