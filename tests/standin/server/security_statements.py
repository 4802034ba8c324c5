"""Statements about keys, certificates, logins and rights."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.standin.server.token_stream import Text


@dataclass(frozen=True, kw_only=True)
class CreateMasterKey:
    """`CREATE MASTER KEY`, in the current database."""

    title: str = "CREATE MASTER KEY"


@dataclass(frozen=True, kw_only=True)
class KeyFile:
    """`WITH PRIVATE KEY (FILE = ..., ... BY PASSWORD = ...)`."""

    file: Text
    encryption_password: Text | None = field(default=None, repr=False)
    decryption_password: Text | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class CreateCertificate:
    """`CREATE CERTIFICATE`, made anew or from files."""

    certificate: str
    subject: Text = ""
    starts: Text | None = None
    expires: Text | None = None
    file: Text | None = None
    key: KeyFile | None = None
    title: str = "CREATE CERTIFICATE"


@dataclass(frozen=True, kw_only=True)
class BackupCertificate:
    """`BACKUP CERTIFICATE ... TO FILE`."""

    certificate: str
    file: Text
    key: KeyFile | None = None
    title: str = "BACKUP CERTIFICATE"


@dataclass(frozen=True, kw_only=True)
class DropCertificate:
    """`DROP CERTIFICATE`."""

    certificate: str
    title: str = "DROP CERTIFICATE"


@dataclass(frozen=True, kw_only=True)
class CreateLogin:
    """`CREATE LOGIN`."""

    login: str
    password: Text | None = field(default=None, repr=False)
    title: str = "CREATE LOGIN"


@dataclass(frozen=True, kw_only=True)
class CreateUser:
    """`CREATE USER ... FOR LOGIN`, in the current database."""

    user: str
    login: str
    title: str = "CREATE USER"


@dataclass(frozen=True, kw_only=True)
class ChangeRole:
    """`ALTER ROLE` or `ALTER SERVER ROLE`: a member comes or goes."""

    role: str
    member: str
    added: bool
    server: bool
    title: str = "ALTER ROLE"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """`GRANT`; `securable` is empty where the permission is one of the server or the database.

    `kind` is what stands before `::`, such as CERTIFICATE.
    """

    permission: str
    securable: tuple[str, ...]
    principal: str
    kind: str = ""
    title: str = "GRANT"
