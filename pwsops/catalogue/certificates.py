"""Certificates, as the catalogue keeps them: the private key sealed, never open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, insert, or_, select, update

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, certificates
from pwsops.rules.certificates import Purpose
from pwsops.sealing import Bound


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

    @property
    def key_bound(self) -> Bound:
        """What its private key is sealed for."""
        return key_bound(self.thumbprint)


def key_bound(thumbprint: str) -> Bound:
    """Return what the private key of a certificate is sealed for."""
    return "private key", thumbprint


def add(connection: Connection, row: CertificateRow) -> None:
    """Remember a certificate; its name and its thumbprint must be free."""
    connection.execute(insert(certificates).values(**vars(row) | {"purpose": row.purpose.value}))


def seal_anew(connection: Connection, thumbprint: str, sealed_key: str) -> None:
    """Replace the sealed private key of a certificate by the same key under the home's key of now."""
    connection.execute(
        update(certificates).where(certificates.c.thumbprint == thumbprint).values(sealed_key=sealed_key)
    )


def remove(connection: Connection, thumbprint: str) -> None:
    """Forget a certificate and its key."""
    connection.execute(delete(certificates).where(certificates.c.thumbprint == thumbprint))


def find(connection: Connection, name: str) -> CertificateRow | None:
    """Return the certificate of that name or thumbprint; a thumbprint goes before a name."""
    matches = or_(certificates.c.thumbprint == name.upper(), certificates.c.name == name)
    found = _read(connection, select(certificates).where(matches))
    return max(found, key=lambda row: row.thumbprint == name.upper(), default=None)


def every(connection: Connection) -> list[CertificateRow]:
    """Return all certificates, by name."""
    return _read(connection, select(certificates).order_by(certificates.c.name))


def mark_saved(connection: Connection, thumbprint: str, *, at: datetime | None) -> None:
    """Note that a backup has saved it; None: the last one that should have did not."""
    connection.execute(update(certificates).where(certificates.c.thumbprint == thumbprint).values(saved_at=at))


def mark_exported(connection: Connection, thumbprint: str, *, now: datetime) -> None:
    """Note that it was exported."""
    connection.execute(update(certificates).where(certificates.c.thumbprint == thumbprint).values(exported_at=now))


def _read(connection: Connection, statement: Select[Any]) -> list[CertificateRow]:
    """Return the certificates that a statement selects, but for those that nothing can be done with any more."""
    return list(filter(None, (_row(row) for row in rows.read(connection, certificates, statement))))


def _row(row: RowMapping | Unreadable) -> CertificateRow | None:
    values = row.values if isinstance(row, Unreadable) else row
    fields = {key: values[key] for key in CertificateRow.__dataclass_fields__}
    if not isinstance(fields["certificate"], bytes) or not all(
        fields[key] for key in ("name", "thumbprint", "sealed_key")
    ):
        return None
    # It still opens backups, whatever became of the rest.
    fields["purpose"] = Purpose(fields["purpose"]) if fields["purpose"] in list(Purpose) else Purpose.DATABASE
    for key in ("not_after", "added_at"):
        fields[key] = fields[key] or BEGINNING
    return CertificateRow(**fields)
