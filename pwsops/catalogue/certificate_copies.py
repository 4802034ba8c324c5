"""Where runs saved the certificates of servers: the last copy of each in each directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, select
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import certificate_copies
from pwsops.engines.certificates import CertificateFiles


@dataclass(frozen=True, kw_only=True)
class CopyRow:
    """One copy: a certificate of an instance in two files of the server.

    Parameters
    ----------
    sealed_password
        What its private key is protected by; only the home's key opens it.
    """

    instance: str
    thumbprint: str
    directory: str
    certificate_file: str
    key_file: str
    sealed_password: str = field(repr=False)
    saved_at: datetime

    @property
    def files(self) -> CertificateFiles:
        """Its two files."""
        return CertificateFiles(certificate=self.certificate_file, key=self.key_file)


def put(connection: Connection, row: CopyRow) -> None:
    """Remember a copy; it takes the place of the one before in its directory."""
    statement = insert(certificate_copies).values(**vars(row))
    key = ("instance", "thumbprint", "directory")
    news = {name: statement.excluded[name] for name in vars(row) if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=news))


def forget(connection: Connection, instance: str, thumbprint: str, directory: str) -> None:
    """Forget the copy in a directory: it could not be made anew when it had to."""
    connection.execute(delete(certificate_copies).where(*_is(instance, thumbprint, directory)))


def find(connection: Connection, instance: str, thumbprint: str, directory: str) -> CopyRow | None:
    """Return the copy in a directory."""
    where = _is(instance, thumbprint, directory)
    return next(iter(_read(connection, select(certificate_copies).where(*where))), None)


def every(connection: Connection, thumbprint: str | None = None) -> list[CopyRow]:
    """Return all copies, the newest first; of one certificate only, where that is told."""
    statement = select(certificate_copies).order_by(certificate_copies.c.saved_at.desc())
    if thumbprint is not None:
        statement = statement.where(certificate_copies.c.thumbprint == thumbprint)
    return _read(connection, statement)


def _read(connection: Connection, statement: Select[Any]) -> list[CopyRow]:
    """Return the copies that a statement selects; of one that cannot be read nothing can be used."""
    found = rows.read(connection, certificate_copies, statement)
    return [_row(row) for row in found if not isinstance(row, Unreadable)]


def _is(instance: str, thumbprint: str, directory: str) -> tuple[ColumnElement[bool], ...]:
    table = certificate_copies.c
    return (table.instance == instance, table.thumbprint == thumbprint, table.directory == directory)


def _row(row: RowMapping) -> CopyRow:
    return CopyRow(**{key: row[key] for key in CopyRow.__dataclass_fields__})
