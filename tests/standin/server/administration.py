"""ALTER, CREATE and DROP DATABASE, certificates, and what else changes the server."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

from tests.standin.events import Done, Event
from tests.standin.server.certificates import Certificate, CertificateFile, KeyFileContent
from tests.standin.server.context import Context
from tests.standin.server.database import Database
from tests.standin.server.files import OsError
from tests.standin.server.messages import ServerError, refuse, said
from tests.standin.server.security_statements import (
    BackupCertificate,
    CreateCertificate,
    CreateMasterKey,
    DropCertificate,
    KeyFile,
)
from tests.standin.server.statements import AlterDatabase, CheckDatabase, CreateDatabase, DropDatabase, Kill
from tests.standin.server.token_stream import Text
from tests.standin.server.values import parse_datetime

CERTIFICATE_YEARS = 1
CERTIFICATE_BYTES = 900
LEAST_PASSWORD = 8
"""Shorter ones do not meet the policy of the operating system."""


def alter_database(context: Context, statement: AlterDatabase) -> Generator[Event]:
    """Change the state or an option of a database; 5069 comes after the cause."""
    try:
        yield from _alter(context, statement)
    except ServerError as error:
        raise ServerError(*error.said, said(5069)) from None
    yield Done()


def _alter(context: Context, statement: AlterDatabase) -> Generator[Event]:
    name = context.text(statement.database)
    database = context.server.databases.get(name)
    account = context.account
    if database is None or not (
        account.may("ALTER ANY DATABASE") or account.may_in("ALTER", database.name, database.owner)
    ):
        raise refuse(5011, name)
    if statement.option == "ONLINE" and not account.may("ALTER ANY DATABASE"):
        raise refuse(5011, name)  # going offline needs less
    if database.state == "RESTORING":
        raise refuse(5052, "ALTER DATABASE", "Restoring")
    others = [one for one in context.server.sessions() if one.is_in(database) and one is not context.session]
    if database.user_access == "SINGLE_USER" and others:
        # As people report it: a termination clause need not help against the one user, KILL does.
        raise refuse(5064, database.name)
    if statement.option in ("SINGLE_USER", "OFFLINE"):
        if others and not statement.rollback:
            raise refuse(5070, database.name)
        if others:
            yield said(5060)
        for one in others:
            one.kill()
    _set(database, statement)


def _set(database: Database, statement: AlterDatabase) -> None:
    option = statement.option
    if option.endswith("_USER"):
        database.user_access = option
    elif option in ("ONLINE", "OFFLINE"):
        database.state = option
    elif option in ("READ_ONLY", "READ_WRITE"):
        database.read_only = option == "READ_ONLY"
    elif option == "RECOVERY":
        database.recovery_model = statement.value
        if statement.value == "SIMPLE":
            database.log_backed_up_to = None


def create_database(context: Context, statement: CreateDatabase) -> Generator[Event]:
    """Create an empty database in the default places."""
    name = context.text(statement.database)
    if not context.account.may("CREATE ANY DATABASE"):
        raise refuse(262, "CREATE DATABASE", "master")
    if name in context.server.databases:
        raise refuse(1801, name, state=3)
    context.server.add_database(name, owner=context.account.name)
    yield Done()


def drop_database(context: Context, statement: DropDatabase) -> Generator[Event]:
    """Remove a database and its files."""
    name = context.text(statement.database)
    database = context.server.databases.get(name)
    if database is None and statement.if_exists:
        yield Done()
        return
    account = context.account
    if database is None or not (
        account.may("ALTER ANY DATABASE") or account.may_in("CONTROL", database.name, database.owner)
    ):
        raise refuse(3701, "drop", "database", name)
    if database.busy or any(one.is_in(database) for one in context.server.sessions()):
        raise refuse(3702, database.name)
    context.server.drop_database(database.name)
    yield Done()


def check_database(context: Context, statement: CheckDatabase) -> Generator[Event]:
    """Check a database; what is damaged comes before the count of it."""
    database = context.database(context.text(statement.database))
    if not context.account.may_in("CONTROL", database.name, database.owner):
        raise refuse(7983, context.account.name, database.name)
    context.query(database)
    if database.damaged_page is not None:
        yield said(8928, 1, database.damaged_page)
    if not statement.quiet:
        errors = int(database.damaged_page is not None)
        yield said(8989, "CHECKDB", 0, errors, database.name)
        yield said(2528)
    yield Done()


def create_master_key(context: Context, statement: CreateMasterKey) -> Generator[Event]:
    """Make the master key of `master`."""
    _require_owner(context)
    if context.server.has_master_key:
        raise refuse(15578)
    context.server.has_master_key = True
    yield Done()


def create_certificate(context: Context, statement: CreateCertificate) -> Generator[Event]:
    """Make a certificate, anew or from files that another server may have written."""
    _require_owner(context, "CREATE CERTIFICATE")
    server = context.server
    if statement.certificate in server.certificates:
        raise refuse(15232, statement.certificate)
    if statement.file is not None:
        server.add_certificate(_from_file(context, statement))
        _own(context, statement.certificate)
    else:
        if not server.opens_master_key:
            raise refuse(15581)
        subject = context.text(statement.subject)
        starts = _utc(context, statement.starts) or server.clock.now()
        expires = _utc(context, statement.expires) or starts + timedelta(days=365 * CERTIFICATE_YEARS)
        server.make_certificate(statement.certificate, subject=subject, starts_at=starts, expires_at=expires)
        _own(context, statement.certificate)
    yield Done()


def _own(context: Context, certificate: str) -> None:
    """Let whoever made a certificate control it."""
    if "master" in context.account.databases:
        context.account.databases["master"].add(f"CONTROL ON CERTIFICATE::{certificate}")


def _utc(context: Context, text: Text | None) -> datetime | None:
    """Read a date of a certificate, which is in UTC."""
    return parse_datetime(context.text(text)).replace(tzinfo=UTC) if text else None


def _from_file(context: Context, statement: CreateCertificate) -> Certificate:
    server = context.server
    assert statement.file is not None
    public = _content(context, context.text(statement.file))
    if not isinstance(public, CertificateFile):
        raise refuse(15208)
    if any(one.thumbprint == public.thumbprint for one in server.certificates.values()):
        raise refuse(15232, statement.certificate)
    if statement.key is not None:
        if not server.opens_master_key:
            raise refuse(15581)
        _check_key(context, statement.key, public)
    return Certificate(
        name=statement.certificate,
        subject=public.subject,
        thumbprint=public.thumbprint,
        starts_at=public.starts_at,
        expires_at=public.expires_at,
        certificate_id=server.next_certificate_id(),
        has_private_key=statement.key is not None,
    )


def _check_key(context: Context, key: KeyFile, public: CertificateFile) -> None:
    private = _content(context, context.text(key.file))
    if not isinstance(private, KeyFileContent) or private.thumbprint != public.thumbprint:
        raise refuse(15208)
    if private.password != context.optional(key.decryption_password):
        raise refuse(15465)


def _content(context: Context, path: str) -> object:
    try:
        return context.server.files.check_readable(context.server.default_path(path)).content
    except OsError:
        raise refuse(15208) from None


def backup_certificate(context: Context, statement: BackupCertificate) -> Generator[Event]:
    """Write a certificate into files; an existing file is never overwritten."""
    server = context.server
    certificate = server.certificates.get(statement.certificate)
    if certificate is None or not context.controls(certificate.name):
        raise refuse(15151, "find", "certificate", statement.certificate)
    if statement.key is not None and len(context.optional(statement.key.encryption_password) or "") < LEAST_PASSWORD:
        raise refuse(15118)
    public = CertificateFile(
        subject=certificate.subject,
        thumbprint=certificate.thumbprint,
        starts_at=certificate.starts_at,
        expires_at=certificate.expires_at,
    )
    _write(context, context.text(statement.file), public)
    if statement.key is not None:
        if not certificate.usable:
            raise refuse(33101, certificate.name)
        password = context.optional(statement.key.encryption_password) or ""
        private = KeyFileContent(thumbprint=certificate.thumbprint, password=password)
        _write(context, context.text(statement.key.file), private)
        certificate.key_backed_up_at = server.clock.now()
    yield Done()


def _write(context: Context, path: str, content: object) -> None:
    files = context.server.files
    full = context.server.default_path(path)
    if full in files:
        raise refuse(15240, path)
    try:
        files.write(full, CERTIFICATE_BYTES, content)
    except OsError:
        raise refuse(15240, path) from None


def drop_certificate(context: Context, statement: DropCertificate) -> Generator[Event]:
    """Remove a certificate that encrypts no database."""
    server = context.server
    certificate = server.certificates.get(statement.certificate)
    if certificate is None or not context.controls(certificate.name):
        raise refuse(15151, "drop", "certificate", statement.certificate)
    if any(one.tde_thumbprint == certificate.thumbprint for one in server.databases.values()):
        raise refuse(15352)
    server.certificates.pop(statement.certificate)
    yield Done()


def kill(context: Context, statement: Kill) -> Generator[Event]:
    """End another session and what it runs."""
    if not context.account.may("ALTER ANY CONNECTION"):
        raise refuse(15247)
    session = next((one for one in context.server.sessions() if one.session_id == statement.session), None)
    if session is None:
        raise refuse(6106, statement.session)
    session.kill()
    yield Done()


def _require_owner(context: Context, permission: str = "CONTROL") -> None:
    account = context.account
    if not account.may_in("CONTROL", "master", "sa") and not account.may_in(permission, "master", "sa"):
        raise refuse(15247)


def thumbprint_of(name: str, subject: str, serial: int) -> bytes:
    """Return the thumbprint of a new certificate: 20 bytes that no other has."""
    return hashlib.sha256(f"{name}|{subject}|{serial}".encode()).digest()[:20]
