"""Which home this is, and the check value of its key."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from pwsops.catalogue import rows, sealed
from pwsops.catalogue.schema import home
from pwsops.catalogue.store import Catalogue
from pwsops.secrets import KeyRecord


def read(connection: Connection) -> KeyRecord:
    """Return what is remembered of the home's key."""
    found = rows.read(connection, home, select(home))
    row = rows.values_of(found[0]) if found else {"home_id": "", "key_check": None}
    # A value that cannot be read proves no key; that is not as if there had never been one.
    lost = bool(found) and isinstance(found[0], rows.Unreadable) and row["key_check"] is None
    return KeyRecord(
        home_id=row["home_id"] or "",
        check="" if lost else row["key_check"],
        in_use=sealed.is_any(connection),
    )


def put_check(connection: Connection, check: str | None) -> None:
    """Replace the check value."""
    connection.execute(update(home).values(key_check=check))


class StoredKeyRecords:
    """What the catalogue remembers of the key, for the vault: `secrets.KeyRecords`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def read(self) -> KeyRecord:
        """Return it as it is now."""
        with self._catalogue.read() as connection:
            return read(connection)

    def keep_check(self, check: str) -> None:
        """Remember a check value where there is none."""
        with self._catalogue.write() as connection:
            connection.execute(update(home).where(home.c.key_check.is_(None)).values(key_check=check))
