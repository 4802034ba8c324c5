"""Names of media files that any file system takes, and that two databases never share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from pwsops.rules.model import BackupKind

NAME_BYTES = 255
"""As long as a name may be, nearly everywhere."""
# An engine writes beside the name first, under a longer one.
_LIMIT_BYTES = 220

ALTERNATIVES = 9
"""Under so many names a backup may be written where others are in the way."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_MARKED = re.compile(r"~[0-9a-f]{8}$")
_KIND = {BackupKind.FULL: "FULL", BackupKind.DIFFERENTIAL: "DIFF"}


def media_file_name(database: str, kind: BackupKind, *, at: datetime | None, suffix: str) -> str:
    """Name the media file of a backup.

    Parameters
    ----------
    database
        As the engine names it. What no file system would take is replaced, and a digest of the whole name then keeps
        it apart from others that look the same afterwards.
    kind
        Full and differential are never one file.
    at
        When it was taken, aware; None gives a fixed name, without `suffix`.
    suffix
        Keeps apart what was taken in the same second.
    """
    word = _KIND[kind]
    return _ending(database, f"_{word}.bak") if at is None else _dated(database, word, at, suffix)


def alternatives(name: str) -> Iterator[str]:
    """Yield the names under which a media file may be written: its own, then ``stem~2.bak`` to ``stem~9.bak``.

    The next run asks in the same order, and so finds what it wrote. No more than nine, so that no pile grows unseen.
    None of them is the name of any other backup: those end in the kind or in the date's suffix.
    """
    stem, dot, extension = name.rpartition(".")
    yield name
    for number in range(2, ALTERNATIVES + 1):
        tail = f"~{number}{dot}{extension}" if dot else f"~{number}"
        yield _cut(stem if dot else name, NAME_BYTES - len(tail.encode())) + tail


def damaged_file_name(database: str, *, at: datetime, suffix: str) -> str:
    """Name the file that keeps what was read of a damaged database; never the name of a backup.

    Parameters
    ----------
    database, suffix
        As for `media_file_name`.
    at
        When it was read, aware.
    """
    return _dated(database, "DAMAGED", at, suffix)


def safety_file_name(database: str, *, at: datetime, suffix: str) -> str:
    """Name the file that keeps what a database held before a restore; never the name of a run's backup.

    Parameters
    ----------
    database, suffix
        As for `media_file_name`.
    at
        When it is taken, aware.
    """
    return _dated(database, "SAFETY", at, suffix)


def _dated(database: str, word: str, at: datetime, suffix: str) -> str:
    return _ending(database, f"_{word}_{at.astimezone(UTC):%Y%m%dT%H%M%SZ}_{suffix}.bak")


def _ending(database: str, tail: str) -> str:
    return _safe(database, _LIMIT_BYTES - len(tail.encode())) + tail


def _safe(database: str, limit_bytes: int) -> str:
    safe = _FORBIDDEN.sub("_", database).rstrip(". ")
    # A name that already ends like a digest gets one of its own, so that it cannot pose as another's replacement.
    if safe and safe == database and len(safe.encode()) <= limit_bytes and not _MARKED.search(safe):
        return safe
    digest = sha256(database.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return _cut(safe, limit_bytes - 9) + "~" + digest


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode()[:limit_bytes].decode(errors="ignore")
