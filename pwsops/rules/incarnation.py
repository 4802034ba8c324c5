"""Whether a database is still the one that an older backup was taken of, as far as an SQLite file shows it.

SQLite gives a database no identity. What it shows are counters that only ever grow while the database lives, and the
file system may know when the file came into being.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

HEADER_BYTES = 100
_COUNTER, _COOKIE = slice(24, 28), slice(40, 44)


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What the first page of a database shows of its past.

    Parameters
    ----------
    changes
        The file change counter: grows with transactions (in WAL mode with some of them).
    schema
        The schema cookie: grows with each change of the schema.
    """

    changes: int
    schema: int


def traces(page_1: bytes) -> Traces | None:
    """Return what the beginning of a database's first page shows; None where it is cut short."""
    if len(page_1) < HEADER_BYTES:
        return None
    return Traces(changes=int.from_bytes(page_1[_COUNTER], "big"), schema=int.from_bytes(page_1[_COOKIE], "big"))


def other_incarnation(
    *,
    former: Traces | None,
    former_at: datetime,
    now: Traces | None,
    born_at: datetime | None,
    now_at: datetime,
) -> str:
    """Return why the database is another one than the backup's, or an older state of it; empty where nothing shows it.

    Parameters
    ----------
    former, former_at
        What the older backup shows, and when it was begun; None where its first page cannot be read.
    now, now_at
        What the database shows, and when this backup was begun.
    born_at
        When the database's file came into being; None where the file system does not tell. A birth in the future proves
        that a clock was wrong, and nothing else.
    """
    if former is not None and now is not None:
        if now.changes < former.changes:
            return f"the database's change counter went back from {former.changes} to {now.changes} since"
        if now.schema < former.schema:
            return f"the database's schema counter went back from {former.schema} to {now.schema} since"
    if born_at is not None and former_at < born_at <= now_at:
        return f"the database's file was created anew since, at {born_at:%Y-%m-%d %H:%M:%S} UTC"
    return ""
