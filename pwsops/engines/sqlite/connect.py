"""SQLite connections of a worker, and what SQLite's errors mean."""

from __future__ import annotations

import os
import sqlite3
from urllib.parse import quote

from pwsops.engines.sqlite import limits
from pwsops.errors import EngineError, NotFound, PwsopsError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def connect(path: str, *, query: str = "mode=rw", busy_s: float | None = None) -> sqlite3.Connection:
    """Open a database without ever creating it. Transactions are spelled out."""
    uri = f"file:{quote(os.path.abspath(path))}?{query}"
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=limits.busy_s() if busy_s is None else busy_s,
        isolation_level=None,
        check_same_thread=False,
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else's lock was in the way."""
    return _code(error) in _BUSY


def is_not_a_database(error: sqlite3.Error) -> bool:
    """Whether the file cannot be opened as a database at all."""
    return _code(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def gone(path: str) -> NotFound:
    """Say that a database is not there."""
    return NotFound(
        f"The database {path} does not exist.",
        hint="Check the name and the instance's directory; to restore one that is gone, create it empty first.",
    )


def not_a_database(operation: str, path: str) -> EngineError:
    """Say that a file is no database that we could open."""
    return EngineError(
        f"{operation}: {path} is encrypted or is not a SQLite database.",
        hint="Check the name. An encrypted database must be backed up by the program that holds its key.",
    )


def translate(error: sqlite3.Error, operation: str, path: str) -> PwsopsError:
    """Say what SQLite's error means for `operation` on the database at `path`."""
    code = _code(error)
    if not os.path.exists(path):
        return gone(path)
    if code in _BUSY:
        return EngineError(
            f"{operation}: the database {path} stayed locked by another process.",
            hint="Find the process that holds it (fuser, lsof), end its transaction, and try again.",
            transient=True,
        )
    if code == sqlite3.SQLITE_NOTADB:
        return not_a_database(operation, path)
    if code == sqlite3.SQLITE_CORRUPT:
        return EngineError(
            f"{operation}: the database {path} is damaged ({error}).",
            hint="Restore it from its last good backup (Insert).",
        )
    if code == sqlite3.SQLITE_FULL:
        return EngineError(
            f"{operation}: no space is left beside {path}.", hint="Free space on that file system and try again."
        )
    return EngineError(
        f"{operation}: SQLite cannot use {path} ({error}).",
        hint="Check that the service may read and write the file and its directory.",
    )
