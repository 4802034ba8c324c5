"""SQLite connections of a worker, and what SQLite's errors mean.

Other people's databases are opened with APSW, which brings its own SQLite: the one that Python was built with may be
older than the repair of the WAL-reset bug (sqlite.org/wal.html#walresetbug), and we checkpoint.
Only worker processes import this module: two SQLite libraries on one file in one process drop each other's locks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote

import apsw
from apsw import Connection, Error

from pwsops.engines.sqlite import journals, limits, own_files
from pwsops.errors import DatabaseUnreadable, EngineError, NoSpace, NotFound, PwsopsError
from pwsops.messages import is_text
from pwsops.rules.sqlite_versions import has_wal_reset_bug

__all__ = ["Connection", "Error"]

LONGEST_PATH = 512 - len("-journal")
"""In bytes: MAX_PATHNAME of SQLite's os_unix.c, with the longest name beside it."""
_POLL_S = 0.002
_AS_NAMED = "pwsops-as-named"
_FLAGS = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
_BUSY = {apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED}


def version() -> str:
    """Return the version of the SQLite that touches the databases."""
    return str(apsw.sqlite_lib_version())


def library() -> str:
    """Return the name and version of the SQLite that touches the databases, and whether it is to be trusted."""
    known = version()
    return f"SQLite {known}{' (it has the WAL-reset bug)' if has_wal_reset_bug(known) else ''}"


class _AsNamed(apsw.VFS):
    """SQLite's own way to files, with names of any length; for files that need no log and no journal beside them.

    All that is read passes Python, so it is for those alone whose names SQLite does not take.
    """

    def __init__(self) -> None:
        super().__init__(_AS_NAMED, "", maxpathname=4096)

    def xFullPathname(self, name: str) -> str:  # noqa: N802 - SQLite's own name
        return name


@cache
def _as_named() -> _AsNamed:
    return _AsNamed()  # registered as long as it lives


def connect(path: str, *, busy_s: float | None = None) -> Connection:
    """Open a database without ever creating it, after a look at what lies beside it. Transactions are spelled out.

    Raises
    ------
    EngineError
        Where something lies there that SQLite must not act on (`journals`).
    """
    real = _real(path)
    journals.inspect(real, "Opening")
    own_files.own_files().know(real)
    connection = Connection(_uri(real, "mode=rw"), flags=_FLAGS)
    connection.set_busy_handler(_patience(limits.busy_s() if busy_s is None else busy_s))
    return connection


def _patience(busy_s: float) -> Callable[[int], bool]:
    """Return what waits for somebody else's lock, and says whether to try again.

    SQLite's own waiting becomes longer from try to try, so that it rarely meets the gaps of a busy writer.
    """
    end = 0.0

    def wait(tries: int) -> bool:
        nonlocal end
        if not tries:
            end = time.monotonic() + busy_s
        time.sleep(_POLL_S)
        return time.monotonic() < end

    return wait


def connect_immutable(path: str) -> Connection:
    """Open a database whose file nobody changes: it is read without locks, and nothing beside it is looked at."""
    real = _real(path)
    own_files.own_files().know(real)
    return Connection(_uri(real, "immutable=1"), flags=_FLAGS, vfs=_vfs_for(real))


def _real(path: str) -> str:
    """Return a path as SQLite spells it, which follows no links: those on the way to a directory are followed here."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _vfs_for(path: str) -> str | None:
    if len(os.fsencode(path)) <= LONGEST_PATH or not is_text(path):
        return None  # APSW hands over names as text only; SQLite's own way takes all bytes, where they are not too many
    _as_named()
    return _AS_NAMED


def _uri(path: str, query: str) -> str:
    # The authority is spelled out, empty: in a path that begins with two slashes, SQLite would look for it.
    return f"file://{quote(os.fsencode(os.path.abspath(path)))}?{query}"


def scalar(connection: Connection, statement: str) -> Any:
    """Return the only value, or the only row as a tuple, that a statement answers with."""
    return connection.execute(statement).get


def _ignore(left: int, total: int) -> None:
    """Do nothing."""


def copy_database(
    source: Connection, target: Connection, *, step: int, after: Callable[[int, int], None] = _ignore
) -> None:
    """Copy a whole database, `step` pages at a time; `after` each step gets the pages left and the pages in all.

    Raises
    ------
    Error
        Where SQLite cannot; where a lock stays in the way, after the connections' own waiting (`is_busy`).
    """
    with target.backup("main", source, "main") as copying:
        while not copying.done:
            copying.step(step)
            after(copying.remaining, copying.page_count)


def is_busy(error: Error) -> bool:
    """Whether somebody else's lock was in the way."""
    return code(error) in _BUSY


def is_read_only(error: Error) -> bool:
    """Whether we may only read."""
    return code(error) == apsw.SQLITE_READONLY


def is_full(error: Error) -> bool:
    """Whether no space was left."""
    return code(error) == apsw.SQLITE_FULL


def is_not_a_database(error: Error) -> bool:
    """Whether the file cannot be opened as a database at all."""
    return code(error) in {apsw.SQLITE_NOTADB, apsw.SQLITE_CORRUPT}


def code(error: Error) -> int:
    """Return SQLite's primary result code, as in sqlite.org/rescode.html; 0 where the error has none."""
    return int(getattr(error, "result", None) or 0)


def gone(path: str) -> NotFound:
    """Return the error of a database that is not there."""
    return NotFound(
        f"The database {path} does not exist.",
        hint="Check the name, and that the disk of the instance's directory is mounted; a restore can create one that "
        "is gone: do not create it empty first.",
    )


def not_a_database(operation: str, path: str) -> DatabaseUnreadable:
    """Return the error of a file that is no database that we could open."""
    return DatabaseUnreadable(
        f"{operation}: {path} is encrypted or is not a SQLite database.",
        hint="Check the name. An encrypted database must be backed up by the program that holds its key.",
    )


def translate(error: Error, operation: str, path: str) -> PwsopsError:
    """Return what SQLite's error means for `operation` on the database at `path`."""
    result = code(error)
    if not os.path.exists(path):
        return gone(path)
    if result in _BUSY:
        return EngineError(
            f"{operation}: the database {path} stayed locked by another process.",
            hint="Find the process that holds it (fuser, lsof), end its transaction, and try again.",
            transient=True,
        )
    if result == apsw.SQLITE_NOTADB:
        return not_a_database(operation, path)
    if result == apsw.SQLITE_CORRUPT:
        return DatabaseUnreadable(
            f"{operation}: the database {path} is damaged ({error}).",
            hint="Restore it from its last good backup (Restore).",
        )
    if refused := own_files.own_files().refused:
        return _led_away(operation, path, refused)
    if result == apsw.SQLITE_CANTOPEN:
        return _cannot_open(operation, path)
    if result == apsw.SQLITE_NOMEM:
        return wants_memory(f"{operation}: {path}")
    if is_full(error):
        return NoSpace(
            f"{operation}: no space is left beside {path}.", hint="Free space on that file system and try again."
        )
    return EngineError(
        f"{operation}: SQLite cannot use {path} ({error}).",
        hint="Check that the service may read and write the file and its directory.",
    )


def wants_memory(subject: str) -> EngineError:
    """Return the error for what takes more memory than this process may have."""
    return EngineError(
        f"{subject} wants more memory than a process that reads foreign files may have.",
        hint="Something in that file is far larger than in any ordinary one, such as the definition of a table. Look "
        "where it comes from.",
    )


def _led_away(operation: str, path: str, refused: str) -> EngineError:
    return EngineError(
        f"{operation}: the database {path} was not used: what lies beside it leads to {refused}, which belongs to no "
        "database that was opened here.",
        hint="It was left as it is. Look into who may write in the database's directory, and try again.",
        transient=True,
    )


def _cannot_open(operation: str, path: str) -> EngineError:
    length, directory = len(os.fsencode(path)), os.path.dirname(path)
    if length > LONGEST_PATH:
        return EngineError(
            f"{operation}: SQLite cannot open {path}: its path has {length} bytes, and SQLite takes {LONGEST_PATH}.",
            hint="Move it, or mount its directory under a shorter path, and change the instance's address.",
        )
    return EngineError(
        f"{operation}: SQLite cannot open {path}, or cannot make what it needs beside it in {directory}.",
        hint="Check that the service may read and write the file and its directory: a database in WAL mode cannot be "
        "read without its -wal and -shm. `pwsops doctor` names the missing right.",
    )
