"""Certificates, as the catalogue keeps them: the private key sealed, never open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update

from pwsops.catalogue.schema import certificates
from pwsops.rules.certificates import Purpose


@dataclass(frozen=True, kw_only=True)
class CertificateRow:
    """One certificate of the store.

    Parameters
    ----------
    certificate
        X.509, DER.
    sealed_key
        Its private key, which only the home's key opens.
    saved_at, exported_at
        When it was last saved with a backup, and exported; None: never.
    """

    name: str
    thumbprint: str
    purpose: Purpose
    certificate: bytes
    sealed_key: str = field(repr=False)
    not_after: datetime
    added_at: datetime
    saved_at: datetime | None = None
    exported_at: datetime | None = None


def add(connection: Connection, row: CertificateRow) -> None:
    """Remember a certificate; its name and its thumbprint must be free."""
    connection.execute(insert(certificates).values(**vars(row) | {"purpose": row.purpose.value}))


def remove(connection: Connection, thumbprint: str) -> None:
    """Forget a certificate and its key."""
    connection.execute(delete(certificates).where(certificates.c.thumbprint == thumbprint))


def find(connection: Connection, name: str) -> CertificateRow | None:
    """Give the certificate of that name or thumbprint; a thumbprint goes before a name."""
    wanted = or_(certificates.c.thumbprint == name.upper(), certificates.c.name == name)
    rows = [_row(row) for row in connection.execute(select(certificates).where(wanted)).mappings()]
    return max(rows, key=lambda row: row.thumbprint == name.upper(), default=None)


def every(connection: Connection) -> list[CertificateRow]:
    """Give all certificates, by name."""
    rows = connection.execute(select(certificates).order_by(certificates.c.name)).mappings()
    return [_row(row) for row in rows]


def mark_saved(connection: Connection, thumbprint: str, *, at: datetime | None) -> None:
    """Note that a backup has saved it; None: the last one that should have did not."""
    connection.execute(update(certificates).where(certificates.c.thumbprint == thumbprint).values(saved_at=at))


def mark_exported(connection: Connection, thumbprint: str, *, now: datetime) -> None:
    """Note that it was exported."""
    connection.execute(update(certificates).where(certificates.c.thumbprint == thumbprint).values(exported_at=now))


def _row(row: RowMapping) -> CertificateRow:
    told = {key: row[key] for key in CertificateRow.__dataclass_fields__}
    return CertificateRow(**told | {"purpose": Purpose(told["purpose"])})
