"""Whether a database is still the one that an older backup was taken of, as far as an SQLite file shows it.

SQLite gives a database no identity. What it shows are counters that only ever grow while the database lives, and the
file system knows which file it is. Neither proves that a database went on: its contents have to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The file that a backup was taken of, as the catalogue keeps it with the set.

    Parameters
    ----------
    inode
        Its number on its file system. The device has none that lasts: Linux may number it anew at each start.
    born_at
        When it came into being (ISO 8601, UTC); None where the file system does not tell.
    traces
        What its first page showed; None where that was cut short.
    pages
        The numbers and hashes of some of its pages, for a backup that is encrypted: whoever takes the next one need not
        be able to open it. Of the first page only what follows its header counts.
    """

    inode: int
    born_at: str | None
    traces: Traces | None
    pages: Sequence[tuple[int, str]] = ()

    def is_same_file(self, other: Origin) -> bool:
        """Whether both are provably one file: a number alone is used again once a file is gone."""
        return self.born_at is not None and (self.inode, self.born_at) == (other.inode, other.born_at)


def traces(page_1: bytes) -> Traces | None:
    """Return what the beginning of a database's first page shows; None where it is cut short."""
    if len(page_1) < HEADER_BYTES:
        return None
    return Traces(changes=int.from_bytes(page_1[_COUNTER], "big"), schema=int.from_bytes(page_1[_COOKIE], "big"))


def origin(values: Mapping[str, Any] | None) -> Origin | None:
    """Return what was kept of a backup's origin, as plain values; None where nothing was, or nothing of use."""
    try:
        given = dict(values or {})
        shown = given.pop("traces")
        kept = tuple((int(number), str(digest)) for number, digest in given.pop("pages", ()))
        return Origin(**given, traces=None if shown is None else Traces(**shown), pages=kept)
    except (KeyError, TypeError, ValueError):
        return None


def unlike_as_noted(former: Origin | None, now: Mapping[int, str]) -> str:
    """Return why the pages that were noted of a backup are not those of the database now; empty where enough are.

    An eighth of them has to be the same: among few pages the first one, which has the tables' definitions, is enough.

    Parameters
    ----------
    former
        Where the older backup came from.
    now
        The hashes of the pages as they are now, as in `Origin.pages`; those that are asked for, as far as they exist.
    """
    noted = former.pages if former is not None else ()
    same = sum(now.get(number) == digest for number, digest in noted)
    if not noted:
        return "nothing was noted of its pages"
    return "" if len(noted) <= 8 * same else f"of {len(noted)} pages that were noted only {same} are still the same"


def other_incarnation(
    *, former: Origin | None, shown: Traces | None, now: Origin, unlike: Callable[[bool], str]
) -> str:
    """Return why the database is another one than the backup's, or an older state of it; empty: it is continued.

    That it is the same file proves nothing by itself: another database may have been copied over it, or begun anew in
    it. It only makes the question to the contents an easier one.

    Parameters
    ----------
    former
        Where the older backup came from; None where that was not kept.
    shown
        What that backup shows of its database's past; None where its first page cannot be read.
    now
        Where this backup comes from.
    unlike
        Returns why the contents of both are not, or cannot be told to be, of one database; empty where they are. It is
        told whether both came from the same file.
    """
    if shown is not None and now.traces is not None:
        for what, before, after in (
            ("change", shown.changes, now.traces.changes),
            ("schema", shown.schema, now.traces.schema),
        ):
            if after < before:
                return f"the database's {what} counter went back from {before} to {after} since"
    is_same = former is not None and former.is_same_file(now)
    why = unlike(is_same)
    if not why:
        return ""
    if is_same:
        return f"other contents were written into the same file since: {why}"
    unknown = former is None or former.born_at is None or now.born_at is None
    file = "whether its file is still the same is not known" if unknown else "another file has its place since"
    return f"{file}, and {why}"
