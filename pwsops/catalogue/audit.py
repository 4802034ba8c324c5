"""The audit log: append-only, numbered without gaps, each entry's digest keyed and covering the one before.

The digest of an entry is HMAC-SHA256 over its columns and the digest before it, under a key of the log's own. Entries
from before there were keys have a plain SHA-256, as has what is written while the key cannot be had; which of the three
it is stands in `key_id`, and a verification (`audit_check`) says so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select

from pwsops.catalogue import audit_scope, rows
from pwsops.catalogue.audit_keys import NO_KEY, Key, Notary, Transaction, system_user
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, audit
from pwsops.errors import PwsopsError

AuditRow = RowMapping | Mapping[str, Any]
"""An entry as it was read, or what stands for one that cannot be."""

FIRST = "0" * 64
SUBJECT = "audit log"
KEYED = "begin keyed audit log"
KEYED_ANEW = "begin new key of audit log"
LOST = "lost: "
"""What precedes the numbers of the keys that are lost, in the detail of `KEYED_ANEW`."""
ACKNOWLEDGED = "acknowledge findings"
PLACED = "place of heads"
"""Heads go elsewhere from this entry on; its detail is the path of the file."""
ADD_INSTANCE = "add instance"
SERVICE = "backup service"
"""Who acts where nobody asked for it."""
_SIGNED = ("at", "actor", "action", "subject", "detail")


def append(connection: Connection, *, at: datetime, actor: str, action: str, subject: str, detail: str) -> None:
    """Add one entry. The caller holds the write lock, so no other can come between."""
    key = _key(connection, at)
    _note_place(connection, key, at)
    _write(connection, key, at=at, actor=actor, action=action, subject=subject, detail=detail)


def begin_keyed(connection: Connection, *, now: datetime) -> None:
    """Make the first key of the log, in a new home and in one from before there were keys, where one can be had."""
    _key(connection, now)


def noted_places(connection: Connection) -> list[str]:
    """Return the files that heads ever went to, as the log says, besides the one in the home; the newest last."""
    return [row["detail"] for row in of_actions(connection, (PLACED,))]


def acknowledge(connection: Connection, *, now: datetime, actor: str, reason: str) -> None:
    """Write down that what a verification found until now is explained; the log's key vouches for that.

    Raises `PwsopsError` where no key of the log can be had, and none can be sealed.
    """
    require_key(connection, now=now, actor=actor)
    append(connection, at=now, actor=actor, action=ACKNOWLEDGED, subject=SUBJECT, detail=reason)


def begin_anew(connection: Connection, *, now: datetime, actor: str) -> int:
    """Use a new key for the log from now on, and return its number; raises `PwsopsError` where it cannot be sealed."""
    number, before = head(connection)
    notary = _notary(connection)
    lost = [str(key.number) for key in notary.every(connection)[0] if not key.opens]
    key = notary.make(connection, first_entry=number + 1, now=now)
    detail = f"key {key.number}; the newest digest before it is {before}"
    detail += f"; {LOST}{', '.join(lost)}" if lost else ""
    _write(connection, key, at=now, actor=actor, action=KEYED_ANEW, subject=SUBJECT, detail=detail)
    return key.number


def require_key(connection: Connection, *, now: datetime, actor: str) -> None:
    """Use a new key for the log where the home's key does not open its own; raises as `begin_anew`."""
    if _notary(connection).current(connection) is None:
        begin_anew(connection, now=now, actor=actor)


def about(
    connection: Connection, *, subject: str, actions: Collection[str], since: datetime | None, limit: int
) -> list[AuditRow]:
    """Return the newest rows that tell of these actions on one subject, newest first; `since` leaves out older ones."""
    found = select(audit).where(audit.c.subject == subject, audit.c.action.in_(actions))
    if since is not None:
        found = found.where(audit.c.at >= since)
    return read(connection, found.order_by(audit.c.id.desc()).limit(limit))


def of_actions(connection: Connection, actions: Collection[str]) -> list[AuditRow]:
    """Return the rows that tell of these actions, oldest first."""
    return read(connection, select(audit).where(audit.c.action.in_(actions)).order_by(audit.c.id))


def head(connection: Connection) -> tuple[int, str]:
    """Return the number of the newest entry and its digest, which covers all before it."""
    found = connection.execute(select(audit.c.id, audit.c.digest).order_by(audit.c.id.desc()).limit(1)).first()
    return (0, FIRST) if found is None else (int(found.id), str(found.digest))


def read(connection: Connection, statement: Select[Any]) -> list[AuditRow]:
    """Return the entries that a statement selects; one that cannot be read with what can be, its detail saying so."""
    return [_sound(row) for row in rows.read(connection, audit, statement)]


def digest_of(before: str, row: Mapping[str, Any], secret: bytes | None) -> str:
    """Return the digest that an entry has after another, under the key that it names."""
    signed = [before, row["at"].isoformat(), *(row[key] for key in _SIGNED[1:])]
    if row["key_id"] is not None:
        signed += [row["id"], row["system_user"], row["key_id"]]
    content = json.dumps(signed, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if secret is None:
        return hashlib.sha256(content).hexdigest()
    return hmac.new(secret, content, hashlib.sha256).hexdigest()


def _write(connection: Connection, key: Key | None, **values: Any) -> None:
    number, before = head(connection)
    row = {**values, "id": number + 1, "system_user": system_user(), "key_id": NO_KEY if key is None else key.number}
    row["digest"] = digest_of(before, row, None if key is None else key.secret)
    connection.execute(insert(audit).values(**row))
    audit_scope.keep(connection, row["id"], action=row["action"], subject=row["subject"])
    _transaction(connection).wrote(row["id"], row["digest"], row["at"])


def _note_place(connection: Connection, key: Key | None, now: datetime) -> None:
    """Write down that heads go elsewhere than the log says, before the entry that brings the first head there."""
    heads = _notary(connection).heads
    if heads is None:
        return
    place, default = str(heads.places().file), str(heads.default)
    if place == heads.noted:
        return
    former = next(reversed(noted_places(connection)), default)
    if former == place:
        if not _transaction(connection).former_place:  # else it is not sure to be kept
            heads.noted = place
        return
    _write(connection, key, at=now, actor=SERVICE, action=PLACED, subject=SUBJECT, detail=place)
    _transaction(connection).former_place = former


def _key(connection: Connection, now: datetime) -> Key | None:
    """Return the key to write with; makes the log's first one, and where it has entries already, writes that down."""
    notary = _notary(connection)
    key = notary.current(connection)
    if key is not None or not notary.may_begin(connection):
        return key
    number, before = head(connection)
    with suppress(PwsopsError):  # an act is not lost because its entry cannot be keyed: the verification tells
        key = notary.make(connection, first_entry=number + 1, now=now)
    if key is not None and number:
        detail = f"the entries 1 to {number} keep their digests without a key; the newest of them is {before}"
        _write(connection, key, at=now, actor=SERVICE, action=KEYED, subject=SUBJECT, detail=detail)
    return key


def _transaction(connection: Connection) -> Transaction:
    found: Transaction = connection.get_execution_options()["pwsops_audit"]
    return found


def _notary(connection: Connection) -> Notary:
    return _transaction(connection).notary


def _sound(row: RowMapping | Unreadable) -> AuditRow:
    if not isinstance(row, Unreadable):
        return row
    texts = {key: row.values[key] or "" for key in ("actor", "action", "subject", "digest", "system_user")}
    detail = f"This entry is damaged: {row.reason}. {row.values['detail'] or ''}".strip()
    key = row.values["key_id"]
    return {"id": row.id, "at": row.values["at"] or BEGINNING, **texts, "detail": detail, "key_id": key}
