"""The keys of the audit log: random, kept sealed with the home's key, so that a new key of the home leaves them."""

from __future__ import annotations

import os
import pwd
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, exists, insert, select

from pwsops.catalogue import rows
from pwsops.catalogue.schema import audit, audit_keys, instances, profiles, runs
from pwsops.errors import PwsopsError
from pwsops.heads import Heads
from pwsops.rules.audit import NO_KEY, Head, KeyFact
from pwsops.sealing import Bound
from pwsops.secrets import Vault

KEY_BYTES = 32
BOUND: Bound = ("key of the audit log",)
"""What they are sealed for."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of the log, open."""

    number: int
    secret: bytes


class Notary:
    """What vouches for the entries that one process writes: the log's keys, and the places that heads go to.

    Parameters
    ----------
    vault
        What opens and seals the keys; None: entries are written without a key.
    heads
        Where heads go; None: nowhere.
    """

    def __init__(self, vault: Vault | None = None, heads: Heads | None = None) -> None:
        self._vault = vault
        self.heads = heads
        self._lock = threading.Lock()
        self._open: dict[str, bytes] = {}

    def current(self, connection: Connection) -> Key | None:
        """Return the key that entries are written with now; None where there is none, or it cannot be opened."""
        newest = select(audit_keys.c.id, audit_keys.c.sealed).order_by(audit_keys.c.id.desc()).limit(1)
        found = connection.execute(newest).first()
        secret = None if found is None else self._opened(found.sealed)
        return None if found is None or secret is None else Key(number=found.id, secret=secret)

    def may_begin(self, connection: Connection) -> bool:
        """Whether the log never had a key: then one may be made without asking anybody.

        It had one where there are heads of it, and in a home that is in use unless its log is older than the keys. Not
        while the home's key is the wrong one: what it seals would make it look like the right one.
        """
        if self._vault is None or connection.execute(select(exists(select(audit_keys.c.id)))).scalar_one():
            return False
        if (self.heads is not None and self.heads.is_known()) or (is_in_use(connection) and not is_former(connection)):
            return False
        return self._vault.fault() is None

    def key_is_right(self, sealed: Iterable[object]) -> bool:
        """Whether the home's key is at hand, and proven to be the right one: by its check value, or what it opens."""
        try:
            if self._vault is None or not self._vault.keys_at_hand:
                return False
            return self._vault.fault() is None or any(
                self._vault.fits(text) for text in sealed if isinstance(text, str)
            )
        except PwsopsError:
            return False

    def make(self, connection: Connection, *, first_entry: int, now: datetime) -> Key:
        """Make a new key, for entries from `first_entry` on; raises `PwsopsError` where it cannot be sealed."""
        if self._vault is None:
            raise PwsopsError("The audit log has no key.", hint="Open the home with pwsops.")
        text = b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        values = {"sealed": self._vault.seal(text, BOUND), "first_entry": first_entry, "made_at": now}
        number = connection.execute(insert(audit_keys).values(**values).returning(audit_keys.c.id)).scalar_one()
        return Key(number=number, secret=b64decode(text))

    def every(self, connection: Connection) -> tuple[Sequence[KeyFact], Mapping[int, bytes]]:
        """Return what is known of each key, and those that can be opened, by number."""
        facts, known = list[KeyFact](), dict[int, bytes]()
        for row in rows.read(connection, audit_keys, select(audit_keys).order_by(audit_keys.c.id)):
            values = rows.values_of(row)
            number, first_entry = values["id"], values["first_entry"]
            secret = self._opened(values["sealed"])
            facts.append(KeyFact(number=number, first_entry=first_entry or 0, opens=secret is not None))
            if secret is not None:
                known[number] = secret
        return facts, known

    def _opened(self, sealed: object) -> bytes | None:
        if not isinstance(sealed, str):
            return None  # it was lost with the home's key, or the cell is damaged
        with self._lock:
            if sealed not in self._open:
                try:
                    if self._vault is not None:
                        self._open[sealed] = b64decode(self._vault.open(sealed, BOUND))
                except (PwsopsError, ValueError, AttributeError):
                    return None
            return self._open.get(sealed)


def is_in_use(connection: Connection) -> bool:
    """Whether the home holds what cannot have come there without an entry."""
    tables = (instances, profiles, runs)
    return any(connection.execute(select(exists(select(table.c.id)))).scalar_one() for table in tables)


def is_former(connection: Connection) -> bool:
    """Whether the newest entry is from before there were keys."""
    newest = connection.execute(select(audit.c.key_id).order_by(audit.c.id.desc()).limit(1)).first()
    return newest is not None and newest.key_id is None


@dataclass(kw_only=True)
class Transaction:
    """The entries of one transaction: their head leaves the home once they are committed."""

    notary: Notary = field(kw_only=False)
    first: int = 0
    last: Head | None = None
    former_place: str = ""
    """Where heads went before this transaction wrote down that they go elsewhere; empty: it did not."""

    def wrote(self, number: int, digest: str, at: datetime) -> None:
        """Remember an entry that was written."""
        self.first = self.first or number
        self.last = Head(first=self.first, entry=number, digest=digest, at=at)

    def committed(self) -> None:
        """Write the head to the places outside, where anything was written."""
        if self.last is not None and self.notary.heads is not None:
            self.notary.heads.write(self.last)
            if self.former_place:
                self.notary.heads.leave(Path(self.former_place), self.last)


@cache
def system_user() -> str:
    """Return the operating system's name of this process's user. Not the environment's, which anybody can set."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


__all__ = ["KEY_BYTES", "NO_KEY", "Key", "Notary", "Transaction", "system_user"]
