"""All that the catalogue keeps sealed with the home's key, for whoever asks whether the key at hand opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, Table, exists, literal, select, true, update

from pwsops.catalogue import instances as instance_rows
from pwsops.catalogue import rows
from pwsops.catalogue.audit_keys import BOUND as AUDIT_KEY
from pwsops.catalogue.certificates import key_bound
from pwsops.catalogue.instances import InstanceRow
from pwsops.catalogue.schema import audit_keys, certificate_copies, certificates, instances, profiles
from pwsops.sealing import Bound


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """One sealed text.

    Parameters
    ----------
    what
        What it is, as people call it.
    text
        As it is kept.
    bound
        What it may be used for as things are now.
    current
        Whether anybody may still ask for it: nobody does for what belonged to a deleted profile.
    place
        Where it is kept: table, column and the row's id.
    """

    what: str
    text: str = field(repr=False)
    bound: Bound
    current: bool
    place: tuple[Table, str, int] = field(repr=False)


def every(connection: Connection) -> list[Sealed]:
    """Return all of it that somebody may still ask for, certificates first."""
    return [secret for secret in everything(connection) if secret.current]


def everything(connection: Connection) -> list[Sealed]:
    """Return all of it, also what belonged to deleted profiles."""
    known = {row.name: row for row in instance_rows.every(connection)}
    return [
        *_of(connection, certificates, "sealed_key", "the private key of the certificate", known),
        *_of(connection, instances, "sealed_password", "the password of the instance", known),
        *_of(connection, profiles, "sealed_password", "the password of the profile", known),
        *_of(connection, profiles, "sealed_certificate_password", _SAVED, known),
        *_of(connection, certificate_copies, "sealed_password", "the password of the saved copy", known),
        *_of_audit(connection),
    ]


def put(connection: Connection, secret: Sealed, text: str | None) -> None:
    """Replace one sealed text by another; None forgets it."""
    table, column, number = secret.place
    connection.execute(update(table).where(table.c.id == number).values({column: text}))


def is_any(connection: Connection) -> bool:
    """Whether anything is kept sealed that somebody may still ask for."""
    living = profiles.c.deleted_at.is_(None)
    kept = (
        (certificates.c.sealed_key, true()),
        (instances.c.sealed_password, true()),
        (profiles.c.sealed_password, living),
        (profiles.c.sealed_certificate_password, living),
        (certificate_copies.c.sealed_password, true()),
    )
    return any(
        connection.execute(select(exists(select(literal(1)).where(column.is_not(None), condition)))).scalar_one()
        for column, condition in kept
    )


_SAVED = "the password for the saved certificates of"
_NAMES = {certificates: "name", instances: "name", profiles: "name", certificate_copies: "key_file"}
_COLUMNS: Mapping[Table, tuple[str, ...]] = {
    certificates: ("thumbprint",),
    instances: ("login",),
    profiles: ("instance", "login", "deleted_at"),
    certificate_copies: ("instance",),
}


def _of(connection: Connection, table: Table, column: str, kind: str, known: Mapping[str, InstanceRow]) -> list[Sealed]:
    columns = [table.c[name] for name in ("id", _NAMES[table], *_COLUMNS[table]) if name != "deleted_at"]
    living = table.c.deleted_at.is_(None) if table is profiles else true()
    statement: Select[tuple[object, ...]] = select(
        *columns, table.c[column].label("text"), living.label("current")
    ).where(table.c[column].is_not(None))
    return [
        Sealed(
            what=f"{kind} {row[_NAMES[table]] or ''}",
            text=row["text"],
            bound=_bound(table, column, row, known),
            current=bool(row["current"]),
            place=(table, column, row["id"]),
        )
        for row in map(rows.values_of, rows.read(connection, table, statement))
        if isinstance(row["text"], str)
    ]


def _of_audit(connection: Connection) -> list[Sealed]:
    """Return the keys of the audit log. Only the last is current: what a former one covers, the verification tells."""
    statement = select(audit_keys.c.id, audit_keys.c.sealed).where(audit_keys.c.sealed.is_not(None))
    found = rows.read(connection, audit_keys, statement.order_by(audit_keys.c.id))
    return [
        Sealed(
            what=f"the key {row['id']} of the audit log",
            text=row["sealed"],
            bound=AUDIT_KEY,
            current=number == len(found),
            place=(audit_keys, "sealed", row["id"]),
        )
        for number, row in enumerate(map(rows.values_of, found), start=1)
        if row["sealed"] is not None
    ]


def _bound(table: Table, column: str, row: Mapping[str, Any], known: Mapping[str, InstanceRow]) -> Bound:
    if table is certificates:
        return key_bound(row["thumbprint"] or "")
    instance = known.get(row["name"] if table is instances else row["instance"])
    if instance is None:
        return ()  # nothing that it could be used with
    if table is certificate_copies or column == "sealed_certificate_password":
        return instance.certificate_password_bound
    return instance.login_bound(row["login"])
