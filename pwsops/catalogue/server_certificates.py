"""The certificates of servers, as they were when somebody last looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import server_certificates
from pwsops.engines.certificates import ServerCertificate

_FIELDS = tuple(ServerCertificate.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A certificate of an instance, and when it was seen there."""

    instance: str
    certificate: ServerCertificate
    seen_at: datetime


def remember(
    connection: Connection, instance: str, found: Sequence[ServerCertificate], *, whole: bool = True, now: datetime
) -> None:
    """Replace what was seen on an instance before.

    Where `whole` is not set, there may be more than was found: others stay as they were seen, when they were seen.
    """
    here = server_certificates.c.instance == instance
    seen_again = server_certificates.c.thumbprint.in_([certificate.thumbprint for certificate in found])
    connection.execute(delete(server_certificates).where(here if whole else here & seen_again))
    if found:
        look = {"instance": instance, "seen_at": now}
        connection.execute(
            insert(server_certificates),
            [vars(certificate) | {"encrypts": list(certificate.encrypts)} | look for certificate in found],
        )


def of_instance(connection: Connection, instance: str) -> set[str]:
    """Return the thumbprints of those that were seen on an instance."""
    here = server_certificates.c.instance == instance
    return set(connection.execute(select(server_certificates.c.thumbprint).where(here)).scalars())


def forget(connection: Connection, instance: str) -> None:
    """Forget what was seen on an instance."""
    connection.execute(delete(server_certificates).where(server_certificates.c.instance == instance))


def every(connection: Connection) -> list[Seen]:
    """Return all that were seen, by instance and name."""
    order = (server_certificates.c.instance, server_certificates.c.name)
    found = rows.read(connection, server_certificates, select(server_certificates).order_by(*order))
    # One that cannot be read is not known to be there; the next look tells.
    return [_seen(row) for row in found if not isinstance(row, Unreadable) and isinstance(row["encrypts"], list)]


def _seen(row: RowMapping) -> Seen:
    certificate = ServerCertificate(**{key: row[key] for key in _FIELDS})
    return Seen(instance=row["instance"], certificate=certificate, seen_at=row["seen_at"])
