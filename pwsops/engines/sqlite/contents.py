"""What is in a database: its tables and how many rows each has, in a worker process and within a limit of time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing

from apsw import InterruptError, SQLError

from pwsops.engines.sqlite import listing
from pwsops.engines.sqlite.connect import Connection, Error, connect, gone, not_a_database, scalar, translate
from pwsops.errors import EngineError

OPERATION = "Looking into the database"
COUNT_S = 3.0
"""How long all tables together may take to count; what is not counted by then has no number."""
TABLE_S = 1.0
"""How long one table may take, so that a big one leaves time for the others."""
BUSY_S = 2.0
MOST_BYTES = 4 << 20
"""How long the names of all tables together may be: whoever asks holds them in memory."""
_TABLES = r"""SELECT name FROM sqlite_master
    WHERE type = 'table' AND typeof(name) = 'text' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'"""
_STEPS = 1_000
"""Steps of SQLite between two looks at the clock."""
Open = Callable[[str], Connection]


def _connect(path: str) -> Connection:
    return connect(path, busy_s=BUSY_S)


def tables(
    path: str, count_s: float = COUNT_S, table_s: float = TABLE_S, opened: Open = _connect
) -> list[tuple[str, int | None]]:
    """Return the tables by name, each with its rows; None where counting took too long or was not possible.

    `opened`: how the file is opened.

    Raises
    ------
    NotFound
        Where there is no such file.
    EngineError
        Where it cannot be opened as a database, or stays locked.
    """
    if not os.path.isfile(path):
        raise gone(path)
    if not os.path.getsize(path):
        return []
    if listing.look(path) != "":
        # SQLite is not asked: it would tidy away what lies beside the file.
        raise not_a_database(OPERATION, path)
    try:
        with closing(opened(path)) as connection:
            connection.execute("PRAGMA query_only=1")
            connection.execute("BEGIN")
            names = _names(connection, path)
            end = time.monotonic() + count_s
            return [(name, _rows(connection, name, end, table_s)) for name in names]
    except Error as error:
        raise translate(error, OPERATION, path) from error


def _names(connection: Connection, path: str) -> list[str]:
    """Return the names in the order of their bytes. They are sorted here: SQLite might write a file for that."""
    found, size = [], 0
    for (name,) in connection.execute(_TABLES):
        size += len(name)
        if size > MOST_BYTES:
            raise EngineError(
                f"{OPERATION}: the names of the tables in {path} are longer than {MOST_BYTES >> 20} MiB together; "
                "they are not listed.",
                hint="No ordinary program makes such tables. Look where the file comes from.",
            )
        found.append(name)
    return sorted(found)


def _rows(connection: Connection, name: str, end: float, table_s: float) -> int | None:
    now = time.monotonic()
    if now >= end:
        return None
    stop = min(end, now + table_s)
    connection.set_progress_handler(lambda: time.monotonic() >= stop, _STEPS)
    quoted = name.replace('"', '""')
    try:
        # Not count(*): that is one step to SQLite, and cannot be stopped between two.
        return int(scalar(connection, f'SELECT coalesce(sum(1), 0) FROM "{quoted}"'))
    except (InterruptError, SQLError):
        return None  # out of time, or a virtual table whose module is not here
    finally:
        connection.set_progress_handler(None)
