"""Moving the catalogue's log (WAL) into its file: never while anybody may commit.

The SQLite that Python was built with may have the WAL-reset bug (see `rules.sqlite_versions`): a checkpoint and a
commit at the same instant can corrupt the file. Therefore no connection of ours checkpoints by itself; it is done here,
while a second connection holds the write lock. What SQLite does when the last connection closes needs no such care: it
takes the exclusive lock of the whole file for it, or leaves it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

LOG_BYTES = 4 << 20
"""So large the log may grow before it is moved into the file, as with SQLite's own default of 1,000 pages."""
FAR = 4
"""At so many times that size the write lock is waited for; before, somebody who writes may do it after us."""


def leave_to_us(connection: sqlite3.Connection) -> None:
    """Keep a connection from checkpointing; its log is cut to what is in use whenever it starts over."""
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 0")


class Checkpoints:
    """Those of one catalogue, by one process.

    Parameters
    ----------
    path
        Its file.
    wait_s
        How long the write lock may be waited for where the log has grown far.
    """

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self._path = path
        self._log = Path(f"{path}-wal")
        self._wait_s = wait_s
        self._busy = threading.Lock()
        self._next_bytes = 0

    def after_commit(self) -> None:
        """Move the log into the file where it has grown. Never raises: what was committed stays committed."""
        size = self._log_bytes()
        if size < LOG_BYTES:
            self._next_bytes = 0
        elif size >= self._next_bytes and self._busy.acquire(blocking=False):
            try:
                with suppress(sqlite3.Error):  # the next commit tries again
                    self._run(self._wait_s if size >= FAR * LOG_BYTES else 0.0)
                # A reader may keep the log from being moved, or from starting over: not after each commit again.
                self._next_bytes = size + LOG_BYTES
            finally:
                self._busy.release()

    def _log_bytes(self) -> int:
        try:
            return os.stat(self._log).st_size
        except OSError:
            return 0

    def _run(self, wait_s: float) -> None:
        with closing(self._open(wait_s)) as holder, closing(self._open(0.0)) as mover:
            holder.execute("BEGIN IMMEDIATE")
            try:
                mover.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                holder.execute("ROLLBACK")

    def _open(self, wait_s: float) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=wait_s, isolation_level=None)
        leave_to_us(connection)
        return connection
