"""All that the catalogue keeps sealed with the home's key, for whoever asks whether the key at hand opens it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Select, Table, exists, func, literal, select, union_all

from pwsops.catalogue.schema import audit_keys, certificate_copies, certificates, instances, profiles


class Sealed(NamedTuple):
    """One sealed text, and what it is, as people call it."""

    what: str
    text: str


def every(connection: Connection) -> list[Sealed]:
    """Return all of it but what belongs to deleted profiles, certificates first."""
    found = connection.execute(union_all(*_statements()))
    return [Sealed(f"{row.kind} {row.name}", row.text) for row in found if isinstance(row.text, str)]


def is_any(connection: Connection) -> bool:
    """Whether anything is kept sealed."""
    return any(connection.execute(select(exists(each.subquery().select()))).scalar_one() for each in _statements())


def _statements() -> list[Select[tuple[str, str, str]]]:
    living = profiles.c.deleted_at.is_(None)
    # What former keys of the log cover is the verification's to tell.
    current = audit_keys.c.id == select(func.max(audit_keys.c.id)).scalar_subquery()
    return [
        _of(certificates, "sealed_key", "the private key of the certificate"),
        _of(instances, "sealed_password", "the password of the instance"),
        _of(profiles, "sealed_password", "the password of the profile").where(living),
        _of(profiles, "sealed_certificate_password", "the password for the saved certificates of").where(living),
        _of(certificate_copies, "sealed_password", "the password of the saved copy", name="key_file"),
        _of(audit_keys, "sealed", "the key of the audit log", name="id").where(current),
    ]


def _of(table: Table, column: str, kind: str, *, name: str = "name") -> Select[tuple[str, str, str]]:
    text = table.c[column]
    columns = (literal(kind).label("kind"), func.coalesce(table.c[name], "").label("name"), text.label("text"))
    return select(*columns).where(text.is_not(None))
