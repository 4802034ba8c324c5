"""Looking at files, in a worker process: which are databases, which are media, which may go.

Every function here opens files directly and closes them again; in a process with SQLite connections of its own that
would drop their locks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from pwsops import foreign
from pwsops.engines.sqlite import damage, files, layout, sweeping
from pwsops.engines.sqlite.identity import Recorded, difference
from pwsops.engines.sqlite.media import Media, Unreadable
from pwsops.engines.sqlite.sets import describe
from pwsops.errors import EngineError, MediaError

SQLITE_MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
NOT_A_DATABASE = "it is encrypted or not a SQLite database"
UNREAD = "it cannot be read: "
"""Begins the reason of what the system refused to read, which says nothing of the file."""


def looks(paths: Iterable[str]) -> dict[str, str | None]:
    """Look at each of the files."""
    return {path: look(path) for path in paths}


def look(path: str) -> str | None:
    """Return why a file cannot be a database: empty text where it can, None where it has not even the magic."""
    try:
        return doubt(path)
    except OSError as error:
        return f"{UNREAD}{error.strerror}"


def doubt(path: str) -> str | None:
    """Return the same of a file that can be read; raises `OSError` for one that cannot, which may be a database."""
    fd = foreign.open_plain(path)
    try:
        start, size = os.pread(fd, HEADER_BYTES, 0), os.fstat(fd).st_size
    finally:
        os.close(fd)
    if not start.startswith(SQLITE_MAGIC):
        return None
    return _doubt(start, size)


def _doubt(start: bytes, size: int) -> str:
    """Return what is wrong with a database's first 100 bytes; empty text: nothing."""
    if len(start) < HEADER_BYTES:
        return "it is cut short"
    page_size = int.from_bytes(start[16:18], "big")
    page_size = 1 << 16 if page_size == 1 else page_size
    if page_size not in layout.PAGE_SIZES or start[21:24] != b"\x40\x20\x20" or not {*start[18:20]} <= {1, 2}:
        return "its header is damaged"
    if size < page_size:
        return "it is cut short"
    return ""


def read_media(path: str) -> list[dict[str, object]]:
    """List the sets of a media file (one) from its two ends; one of a damaged database is refused."""
    with Media(path) as media:
        damage.refuse(media)
        return [describe(media)]


def find(database: str, directory: str, description: str) -> dict[str, object] | None:
    """Return the finished set of that description, if there is one; remove what an interrupted backup left.

    Raises
    ------
    EngineError
        Transient, where a worker still writes it, or where the directory, or a file that may be it, cannot be read now.
    """
    if sweeping.sweep(directory, key=files.key(database, description)):
        raise EngineError(
            f"The backup of {database} ({description}) is still being written in {directory}.",
            hint="Wait for it to end, or end the process that writes it.",
            transient=True,
        )
    shut: Unreadable | None = None
    for path in _visible_files(directory):
        try:
            found = read_media(path)[0]
        except Unreadable as error:
            shut = shut or error
        except MediaError:
            continue
        else:
            if (found["database"], found["description"]) == (database, description):
                return found
    if shut is not None:
        raise EngineError(shut.message, hint=shut.hint, transient=True, path=shut.path) from shut
    return None


def _visible_files(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.path for entry in entries if not entry.name.startswith(".") and entry.is_file())
    except OSError as error:
        raise EngineError(
            f"The directory {directory} cannot be looked into: {error.strerror}.",
            hint="Mount it, or let the service read it; what lies there is looked for again.",
            transient=True,
        ) from error


def delete(sets: Iterable[Sequence[Any]]) -> list[tuple[str, bool, str]]:
    """Delete the files that are these very sets (`Recorded`); return (path, whether it went, what to say) of each."""
    return [(each[0], *_delete(Recorded(*each))) for each in sets]


def _delete(recorded: Recorded) -> tuple[bool, str]:
    path = recorded.path
    try:
        if not foreign.is_plain(foreign.facts(path).st_mode):
            return False, "it is not a plain file"
        with Media(path) as media:
            if why := difference(media, recorded):
                return False, why
            if not media.is_at(path):
                return False, "it was replaced while it was looked at"
            foreign.unlink(path)
    except FileNotFoundError:
        return False, "it does not exist any more"
    except MediaError as error:
        return False, error.message
    except OSError as error:
        return False, f"the system refused: {error.strerror}"
    return True, files.sync_remark(os.path.dirname(path))
