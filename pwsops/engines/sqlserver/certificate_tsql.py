"""The statements about certificates and their keys. Some hold a password: what is said of those is scrubbed."""

from __future__ import annotations

from datetime import datetime

from pwsops.engines.certificates import CertificateFiles
from pwsops.engines.sqlserver.tsql import identifier, literal
from pwsops.errors import InvalidInput

SUBJECT_LIMIT = 64
"""SQL Server on Linux takes no longer one."""
YEARS = 5


def save(name: str, files: CertificateFiles, password: str) -> str:
    """Build the statement that writes a certificate and its private key into files. Secret: it holds the password."""
    key = f"FILE = {literal(files.key)}, ENCRYPTION BY PASSWORD = {_secret(password)}"
    return f"BACKUP CERTIFICATE {identifier(name)} TO FILE = {literal(files.certificate)} WITH PRIVATE KEY ({key})"


def take(name: str, files: CertificateFiles, password: str) -> str:
    """Build the statement that makes a certificate from such files. Secret: it holds the password."""
    key = f"FILE = {literal(files.key)}, DECRYPTION BY PASSWORD = {_secret(password)}"
    return f"CREATE CERTIFICATE {identifier(name)} FROM FILE = {literal(files.certificate)} WITH PRIVATE KEY ({key})"


def create_master_key(password: str) -> str:
    """Build the statement that makes the master key of the current database. Secret: it holds the password."""
    return f"CREATE MASTER KEY ENCRYPTION BY PASSWORD = {_secret(password)}"


def create(name: str, *, now: datetime) -> str:
    """Build the statement that makes a certificate for backups, to be run by somebody who read it."""
    until = f"{now.year + YEARS:04d}1231"
    return (
        f"CREATE CERTIFICATE {identifier(name)} WITH SUBJECT = {literal(name[:SUBJECT_LIMIT])}, "
        f"EXPIRY_DATE = N'{until}'"
    )


def let_open(name: str) -> str:
    """Build the statement that puts a key with a password of its own under the master key instead."""
    return f"ALTER CERTIFICATE {identifier(name)} WITH PRIVATE KEY (DECRYPTION BY PASSWORD = N'its password')"


def let_open_master_key() -> str:
    """Build the statements that let the server open its master key by itself."""
    opened = "OPEN MASTER KEY DECRYPTION BY PASSWORD = N'its password'"
    return f"{opened}; ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY"


def let_save(name: str, login: str, *, has_user: bool) -> str:
    """Build the statements that let a login save a certificate with its key."""
    return _grant(f"CONTROL ON CERTIFICATE::{identifier(name)}", login, has_user=has_user)


def let_take(login: str, *, has_user: bool) -> str:
    """Build the statements that let a login make certificates from files."""
    return _grant("CREATE CERTIFICATE", login, has_user=has_user)


def _secret(password: str) -> str:
    try:
        return literal(password)
    except InvalidInput:  # it would say which text it is about
        raise InvalidInput(
            "The password cannot be written in T-SQL: it has a NUL, half of a surrogate pair, or a backslash right "
            "before a line break.",
            hint="Choose another password.",
        ) from None


def _grant(right: str, login: str, *, has_user: bool) -> str:
    user = "" if has_user else f"CREATE USER {identifier(login)} FOR LOGIN {identifier(login)}; "
    return f"USE master; {user}GRANT {right} TO {identifier(login)};"
