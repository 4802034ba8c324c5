"""Is the audit log whole? Reads it from its first entry to its last, so many at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, exists, select

from pwsops.catalogue import rows, sealed
from pwsops.catalogue.audit import ACKNOWLEDGED, ADD_INSTANCE, FIRST, KEYED_ANEW, LOST, digest_of
from pwsops.catalogue.audit_keys import NO_KEY, Notary, is_in_use
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import audit, instances, runs
from pwsops.rules.audit import HeadSource, Link, Verification
from pwsops.rules.audit_walk import Surroundings, judge

AT_ONCE = 5_000
MOST_UNEXPLAINED = 5
"""More are not named."""
_LOST = re.compile(rf"{re.escape(LOST)}([0-9, ]+)")


def verify(
    connection: Connection,
    notary: Notary,
    sources: Sequence[HeadSource],
    *,
    heads_until: int | None = None,
) -> Verification:
    """Return what is wrong with the log, compared with the heads that were kept of it. See `rules.audit_walk.judge`."""
    facts, keys = notary.every(connection)
    home = Surroundings(
        in_use=is_in_use(connection),
        unexplained=_unexplained(connection),
        # Also where somebody changed the check value: a key that opens anything is the right one.
        key_is_right=bool(keys) or notary.key_is_right(secret.text for secret in sealed.every(connection)),
    )
    return judge(_links(connection, keys), keys=facts, sources=sources, home=home, heads_until=heads_until)


def _unexplained(connection: Connection) -> Sequence[str]:
    """Return what is there and was added by no entry: instances; runs, where no instance was ever added."""
    added = select(audit.c.subject).where(audit.c.action == ADD_INSTANCE)
    unknown = select(instances.c.name).where(instances.c.name.not_in(added)).order_by(instances.c.name)
    found = [f"the instance {name}" for name in connection.execute(unknown.limit(MOST_UNEXPLAINED)).scalars()]
    if not found and not connection.execute(select(exists(added))).scalar_one():
        found = ["runs"] if connection.execute(select(exists(select(runs.c.id)))).scalar_one() else []
    return found


def _links(connection: Connection, keys: Mapping[int, bytes]) -> Iterator[Link]:
    before: str | None = FIRST
    for row in _rows(connection):
        link = _link(row, before, keys)
        yield link
        before = link.digest


def _rows(connection: Connection) -> Iterator[RowMapping | Unreadable]:
    last: int | None = None
    while True:
        statement = select(audit).order_by(audit.c.id).limit(AT_ONCE)
        found = rows.read(connection, audit, statement if last is None else statement.where(audit.c.id > last))
        if not found:
            return
        yield from found
        last = found[-1].id if isinstance(found[-1], Unreadable) else int(found[-1]["id"])


def _link(row: RowMapping | Unreadable, before: str | None, keys: Mapping[int, bytes]) -> Link:
    if isinstance(row, Unreadable):
        return _damaged(row.id, row.values, row.reason)
    if damage := _damage(row):
        return _damaged(row["id"], row, damage)
    key = row["key_id"]
    unkeyed = key is None or key == NO_KEY
    can_tell = before is not None and (unkeyed or key in keys)
    expected = digest_of(before or "", dict(row), None if unkeyed else keys[key]) if can_tell else None
    lost = _LOST.search(row["detail"]) if row["action"] == KEYED_ANEW else None
    return Link(
        number=row["id"],
        key=key,
        digest=row["digest"],
        expected=expected,
        acknowledges=row["action"] == ACKNOWLEDGED,
        gives_up=frozenset() if lost is None else frozenset(map(int, re.findall("[0-9]+", lost[1]))),
    )


def _damaged(number: int, values: Mapping[Any, Any], damage: str) -> Link:
    digest = values["digest"]
    digest = digest if isinstance(digest, str) else None
    return Link(number=number, key=_number(values["key_id"]), digest=digest, expected=None, damage=damage)


def _damage(row: RowMapping) -> str:
    """Return what a row holds that no entry can: SQLite keeps any kind of value in any column."""
    texts = ("actor", "action", "subject", "detail", "digest", "system_user")
    wrong = [key for key in texts if not isinstance(row[key], str)]
    if row["at"] is None:
        wrong.append("at")
    if _number(row["key_id"]) != row["key_id"]:
        wrong.append("key_id")
    return f"{', '.join(wrong)} cannot be read" if wrong else ""


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
