"""A consistent view of a database's file, held while its pages are read directly.

WAL: once everything committed has been checkpointed into the file, a reader that begins then keeps the file as it is:
SQLite checkpoints nothing newer than the oldest reader's view. Writers go on into the log meanwhile.

Rollback journal: a shared lock keeps writers out of the file, so it is held in slices; between two slices, waiting
writers get their turn, and if one of them changed the file, the reading starts over.

Where neither works, SQLite's own backup makes a copy beside the media, and that is read.

The trap: closing any descriptor of a file drops all of this process's POSIX locks on it, SQLite's too. Therefore the
raw descriptor is opened first and closed last, and all this happens in a process that opens the file for nothing else.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from pwsops.engines.sqlite import files, limits
from pwsops.engines.sqlite.connect import connect, gone, is_busy, translate
from pwsops.errors import EngineError, PwsopsError

REST_S = 0.25
"""Longer than SQLite's own waits between two tries (at most 0.1 s), so that a waiting writer gets its turn."""
STARTS = 4
SMALL_LOG = 500
COPY_STEP = 2048

Say = Callable[[str], None]


class Moved(Exception):
    """The file changed between two slices: what was read so far is of no use."""


class Snapshot:
    """A file whose pages stay as they are, and may be read through `fd`, until it is closed.

    This base serves the WAL and copy cases, in which nothing ever needs to rest.
    """

    def __init__(self, fd: int, path: str, page_size: int, page_count: int) -> None:
        self.fd = fd
        self.path = path
        self.page_size = page_size
        self.page_count = page_count

    def due(self) -> bool:
        """Whether the lock should be let go for a moment."""
        return False

    def rest(self) -> None:
        """Let it go and take it again."""

    def end(self) -> None:
        """Say that everything was read."""


class Sliced(Snapshot):
    """The same over a rollback journal: `rest` lets waiting writers in, and raises `Moved` if one of them wrote."""

    def __init__(self, fd: int, path: str, reader: sqlite3.Connection, say: Say) -> None:
        self._reader = reader
        self._say = say
        self._began = time.monotonic()
        self._version = _one(reader, "PRAGMA data_version")
        self.longest_s = 0.0
        super().__init__(fd, path, *_shape(reader))

    def due(self) -> bool:
        return time.monotonic() - self._began > limits.slice_s()

    def rest(self) -> None:
        self._let_go()
        time.sleep(REST_S)
        self._reader.execute("BEGIN")
        _one(self._reader, "PRAGMA schema_version")
        self._began = time.monotonic()
        if _one(self._reader, "PRAGMA data_version") != self._version:
            raise Moved

    def _let_go(self) -> None:
        self._reader.execute("ROLLBACK")
        self.longest_s = max(self.longest_s, time.monotonic() - self._began)

    def end(self) -> None:
        self._let_go()
        self._say(
            f"{os.path.basename(self.path)} uses a rollback journal: writers waited at most {self.longest_s:.1f} s. "
            "PRAGMA journal_mode=WAL would spare them that."
        )


def _one(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _shape(reader: sqlite3.Connection) -> tuple[int, int]:
    return _one(reader, "PRAGMA page_size"), _one(reader, "PRAGMA page_count")


@contextmanager
def hold(path: str, copy_path: str, say: Say) -> Iterator[Snapshot]:
    """Hold a snapshot of the database at `path`; `copy_path` is where a copy may be put if it must be.

    Raises
    ------
    Moved
        The caller should try again, a few times.
    EngineError
        With `transient` set where somebody else's lock stayed in the way.
    """
    operation = "Backup"
    with ExitStack() as stack:
        fd = _open_raw(path)
        stack.callback(os.close, fd)  # first in, last out: after every connection of this process
        identity = _identity(os.fstat(fd))
        try:
            snapshot = _begin(path, fd, copy_path, say, stack)
            yield snapshot
            snapshot.end()
        except sqlite3.Error as error:
            raise translate(error, operation, path) from error
        if _identity_of(path) != identity:
            raise EngineError(
                f"{operation}: the database {path} was removed or replaced while it was read.",
                hint="Check what happened to it, then start the backup again.",
                transient=True,
            )


def _open_raw(path: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise gone(path) from error
    except OSError as error:
        raise EngineError(
            f"Backup: the database {path} cannot be read: {error.strerror}.",
            hint="Check that the service may read the file.",
        ) from error
    return fd


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        return _identity(os.stat(path))
    except OSError:
        return None


def _begin(path: str, fd: int, copy_path: str, say: Say, stack: ExitStack) -> Snapshot:
    _refuse_other_than_databases(path, fd)
    reader = stack.enter_context(closing(connect(path)))
    _one(reader, "PRAGMA schema_version")
    mode = reader.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        reader.execute("BEGIN")
        _one(reader, "PRAGMA schema_version")
        return Sliced(fd, path, reader, say)
    if _begin_current(path, reader):
        stack.callback(_checkpoint_after, path, reader)
        return Snapshot(fd, path, *_shape(reader))
    say(
        f"Another process kept reading or writing {os.path.basename(path)} in one long transaction; "
        "a copy was made through SQLite and backed up instead."
    )
    return _copy(path, copy_path, reader, stack)


def _refuse_other_than_databases(path: str, fd: int) -> None:
    if os.path.isdir(path):
        raise EngineError(f"Backup: {path} is a directory.", hint="Choose a database of the instance.")
    if os.fstat(fd).st_size == 0:
        raise EngineError(
            f"Backup: the database {path} is empty (0 bytes).",
            hint="Nothing is lost without a backup of it; take it out of the profile, or fill it first.",
        )


def _begin_current(path: str, reader: sqlite3.Connection) -> bool:
    """Begin a read transaction on `reader` at a moment when the whole log is in the file."""
    wait_s = limits.current_s()
    end = time.monotonic() + wait_s
    with closing(connect(path, busy_s=wait_s)) as checkpointer, closing(connect(path, busy_s=wait_s)) as writer:
        while True:
            # In bulk first, without keeping anybody waiting.
            _, log, done = checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if log - done < SMALL_LOG and _begin_between_writers(reader, checkpointer, writer):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.02)


def _begin_between_writers(
    reader: sqlite3.Connection, checkpointer: sqlite3.Connection, writer: sqlite3.Connection
) -> bool:
    try:
        writer.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_busy(error) or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
            return False
        raise
    try:
        _, log, done = checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if log != done:
            return False
        reader.execute("BEGIN")
        _one(reader, "PRAGMA schema_version")
        return True
    finally:
        writer.execute("ROLLBACK")


def _checkpoint_after(path: str, reader: sqlite3.Connection) -> None:
    """End the read and move into the file what was written meanwhile, so that no writer finds it all at once."""
    try:
        reader.execute("ROLLBACK")
        reader.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.Error:
        # A kindness only; the next writer does it where we could not.
        return


def _copy(path: str, copy_path: str, reader: sqlite3.Connection, stack: ExitStack) -> Snapshot:
    directory = os.path.dirname(copy_path)
    try:
        fd = stack.enter_context(files.temporary(copy_path))
        reader.execute("BEGIN")
        _one(reader, "PRAGMA schema_version")
        with closing(connect(copy_path)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            copy.execute("PRAGMA journal_mode=OFF")
            _one(copy, "PRAGMA schema_version")
            # It is open from now on and needs no name: whatever ends this process, no plain copy is left behind.
            os.unlink(copy_path)
            reader.backup(copy, pages=COPY_STEP)
    except OSError as error:
        raise files.translate(error, "Backup", directory) from error
    except sqlite3.OperationalError as error:
        raise _copy_error(error, directory) from error
    shape = _shape(reader)
    reader.execute("ROLLBACK")
    return Snapshot(fd, path, *shape)


def _copy_error(error: sqlite3.OperationalError, directory: str) -> PwsopsError:
    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
        return EngineError(
            f"Backup stopped: no space is left in {directory} for a copy of the database.",
            hint="Free space there, or end the long transaction that made the copy necessary.",
        )
    raise error
