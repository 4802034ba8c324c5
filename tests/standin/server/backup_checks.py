"""What the server refuses to back up, and with which words."""

from __future__ import annotations

from tests.standin.server.context import Context
from tests.standin.server.database import Database
from tests.standin.server.messages import refuse
from tests.standin.server.statements import Backup


def check(context: Context, statement: Backup) -> Database:
    """Return the database of a BACKUP that may begin, or raise what the server says instead."""
    if context.session.transactions:
        raise refuse(3021)
    database = context.database(context.text(statement.database))
    _check_rights(context, statement, database)
    _check_kind(statement, database)
    _check_edition(context, statement)
    _check_encryption(context, statement)
    if database.busy:
        raise refuse(3023, state=2)
    return database


def _check_rights(context: Context, statement: Backup, database: Database) -> None:
    if database.name.lower() == "tempdb":
        raise refuse(3147)
    context.enter(database)
    if not context.account.may_in(statement.title, database.name, database.owner):
        raise refuse(262, statement.title, database.name)


def _check_kind(statement: Backup, database: Database) -> None:
    if database.snapshot_of is not None:
        raise refuse(3002)
    if database.standby:
        raise refuse(3036, database.name)
    if database.name.lower() == "master" and (statement.log or statement.differential):
        raise refuse(3024)
    if database.replica_role == "SECONDARY" and not statement.log and not statement.copy_only:
        raise refuse(3059)
    if statement.log:
        _check_log(statement, database)
    elif statement.differential and database.base is None:
        raise refuse(3035, database.name)


def _check_log(statement: Backup, database: Database) -> None:
    if database.recovery_model == "SIMPLE":
        raise refuse(4208, statement.title)
    if database.log_backed_up_to is None:
        raise refuse(4214, statement.title)


def _check_edition(context: Context, statement: Backup) -> None:
    if "Express" not in context.server.edition:
        return
    if statement.compression:
        raise refuse(1844, f"{statement.title} WITH COMPRESSION", context.server.edition)
    if statement.encryption is not None:
        raise refuse(1844, f"{statement.title} WITH ENCRYPTION", context.server.edition)


def _check_encryption(context: Context, statement: Backup) -> None:
    if statement.encryption is None:
        return
    certificate = context.server.certificates.get(statement.encryption.certificate)
    if certificate is None or not context.sees(certificate.name):
        raise refuse(15151, "find", "certificate", statement.encryption.certificate)
    if not certificate.usable:
        raise refuse(33101, certificate.name)
    if certificate.expires_at < context.server.clock.now():
        raise refuse(3096)
    if not context.server.opens_master_key:
        raise refuse(15581)
