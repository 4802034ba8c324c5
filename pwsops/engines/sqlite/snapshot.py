"""A consistent view of a database's file, held while its pages are read directly.

WAL: once everything committed has been checkpointed into the file, a reader that begins then keeps the file as it is:
SQLite checkpoints nothing newer than the oldest reader's view. Writers go on into the log meanwhile.

Rollback journal: a shared lock keeps writers out of the file, so it is held in slices; between two slices, waiting
writers get their turn, and if one of them changed the file, the reading starts over.

Where neither works, SQLite's own backup makes a copy beside the media, and that is read.

The trap: closing any descriptor of a file drops all of this process's POSIX locks on it, SQLite's too. Therefore the
raw descriptor is opened first and closed last, and all this happens in a process that opens the file for nothing else.
(SQLite's own connections may come and go: it keeps their descriptors open while any of them has a lock.)

The structure is checked beside the reading, by a connection that takes the file for immutable: it needs no lock, and
must be at rest whenever the lock is let go.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext

from pwsops import foreign
from pwsops.engines.sqlite import files, limits
from pwsops.engines.sqlite.connect import (
    Connection,
    Error,
    connect,
    connect_immutable,
    copy_database,
    gone,
    is_busy,
    is_full,
    is_read_only,
    scalar,
    translate,
)
from pwsops.engines.sqlite.nameless import connect_descriptor
from pwsops.engines.sqlite.structure import StructureCheck
from pwsops.errors import EngineError, PwsopsError

WAIT_S = 0.05
"""Between two looks at the clock while nothing is left but the check of the structure."""
REST_S = 0.25
"""Longer than SQLite's own waits between two tries (at most 0.1 s), so that a waiting writer gets its turn."""
STARTS = 4
SMALL_LOG = 500
COPY_STEP = 2048

Say = Callable[[str], None]


class SnapshotChanged(Exception):
    """The file changed between two slices: what was read so far is of no use."""


class Snapshot:
    """A file whose pages stay as they are, and may be read through `fd`, until it is closed.

    `origin` is a descriptor of the database's own file, which is another one where a copy was made.

    This base serves the WAL case, in which nothing ever needs to rest.
    """

    def __init__(self, fd: int, path: str, page_size: int, page_count: int) -> None:
        self.fd = self.origin = fd
        self.path = path
        self.page_size = page_size
        self.page_count = page_count
        self._check: StructureCheck | None = None

    def due(self) -> bool:
        """Whether the lock should be let go for a moment."""
        return False

    def rest(self) -> None:
        """Let it go and take it again."""

    def end(self) -> None:
        """Report that everything was read."""

    @contextmanager
    def checked(self) -> Iterator[StructureCheck]:
        """Check the structure beside what is done meanwhile; the check is ended with the block, done or not."""
        with closing(StructureCheck(self._unchanging)) as check:
            self._check = check
            yield check

    def await_check(self, check: StructureCheck) -> None:
        """Wait for the end of a check, with rests. On `SnapshotChanged`, it says nothing of this snapshot."""
        while not check.wait(WAIT_S):
            if self.due():
                self.rest()

    def _unchanging(self) -> Connection:
        """Open what sees this snapshot and nothing newer, without a lock."""
        return connect_immutable(self.path)


class Copied(Snapshot):
    """A copy that has no name any more."""

    def __init__(self, fd: int, path: str, page_size: int, page_count: int, *, origin: int) -> None:
        super().__init__(fd, path, page_size, page_count)
        self.origin = origin

    def _unchanging(self) -> Connection:
        return connect_descriptor(self.fd)


class Sliced(Snapshot):
    """The same over a rollback journal: `rest` lets writers in, and raises `SnapshotChanged` if one of them wrote."""

    def __init__(self, fd: int, path: str, reader: Connection, say: Say) -> None:
        self._reader = reader
        self._say = say
        self._began = time.monotonic()
        self._version = scalar(reader, "PRAGMA data_version")
        self.longest_s = 0.0
        super().__init__(fd, path, *_shape(reader))

    def due(self) -> bool:
        return time.monotonic() - self._began > limits.slice_s()

    def rest(self) -> None:
        with nullcontext() if self._check is None else self._check.paused():
            self._rest()

    def _rest(self) -> None:
        self._let_go()
        time.sleep(REST_S)
        self._reader.execute("BEGIN")
        scalar(self._reader, "PRAGMA schema_version")
        self._began = time.monotonic()
        if scalar(self._reader, "PRAGMA data_version") != self._version:
            raise SnapshotChanged

    def _let_go(self) -> None:
        self._reader.execute("ROLLBACK")
        self.longest_s = max(self.longest_s, time.monotonic() - self._began)

    def end(self) -> None:
        self._let_go()
        self._say(
            f"{os.path.basename(self.path)} uses a rollback journal: writers waited at most {self.longest_s:.1f} s. "
            "PRAGMA journal_mode=WAL would spare them that."
        )


def _shape(reader: Connection) -> tuple[int, int]:
    return scalar(reader, "PRAGMA page_size"), scalar(reader, "PRAGMA page_count")


@contextmanager
def hold(path: str, copy_path: str, say: Say) -> Iterator[Snapshot]:
    """Hold a snapshot of the database at `path`; `copy_path` is where a copy may be put if it must be.

    Raises
    ------
    SnapshotChanged
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
        except Error as error:
            raise translate(error, operation, path) from error
        if _identity_of(path) != identity:
            raise EngineError(
                f"{operation}: the database {path} was removed or replaced while it was read.",
                hint="Check what happened to it, then start the backup again.",
                transient=True,
            )


def _open_raw(path: str) -> int:
    try:
        fd = foreign.open_plain(path)
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
    scalar(reader, "PRAGMA schema_version")
    mode = scalar(reader, "PRAGMA journal_mode")
    if mode != "wal":
        reader.execute("BEGIN")
        scalar(reader, "PRAGMA schema_version")
        return Sliced(fd, path, reader, say)
    why_not = _begin_current(path, reader)
    if not why_not:
        stack.callback(_checkpoint_after, path, reader)
        return Snapshot(fd, path, *_shape(reader))
    say(f"{why_not}; a copy was made through SQLite and backed up instead.")
    return _copy(path, fd, copy_path, reader, stack)


def _refuse_other_than_databases(path: str, fd: int) -> None:
    if os.path.isdir(path):
        raise EngineError(f"Backup: {path} is a directory.", hint="Choose a database of the instance.")
    if os.fstat(fd).st_size == 0:
        raise EngineError(
            f"Backup: the database {path} is empty (0 bytes).",
            hint="Nothing is lost without a backup of it; take it out of the profile, or fill it first.",
        )


def _begin_current(path: str, reader: Connection) -> str:
    """Begin a read transaction on `reader` at a moment when the whole log is in the file; return why not otherwise."""
    name = os.path.basename(path)
    try:
        current = _is_current(path, reader)
    except Error as error:
        if not is_read_only(error):
            raise
        return f"{name} or its log may only be read here"
    return "" if current else f"Another process kept reading or writing {name} in one long transaction"


def _is_current(path: str, reader: Connection) -> bool:
    wait_s = limits.current_s()
    end = time.monotonic() + wait_s
    with closing(connect(path, busy_s=wait_s)) as checkpointer, closing(connect(path, busy_s=wait_s)) as writer:
        while True:
            # In bulk first, without keeping anybody waiting.
            _, log, done = scalar(checkpointer, "PRAGMA wal_checkpoint(PASSIVE)")
            if log - done < SMALL_LOG and _begin_between_writers(reader, checkpointer, writer):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.02)


def _begin_between_writers(reader: Connection, checkpointer: Connection, writer: Connection) -> bool:
    try:
        writer.execute("BEGIN IMMEDIATE")
    except Error as error:
        if is_busy(error):
            return False
        raise
    try:
        _, log, done = scalar(checkpointer, "PRAGMA wal_checkpoint(PASSIVE)")
        if log != done:
            return False
        reader.execute("BEGIN")
        scalar(reader, "PRAGMA schema_version")
        return True
    finally:
        writer.execute("ROLLBACK")


def _checkpoint_after(path: str, reader: Connection) -> None:
    """End the read and move into the file what was written meanwhile, so that no writer finds it all at once."""
    try:
        reader.execute("ROLLBACK")
        reader.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except Error:
        # A kindness only; the next writer does it where we could not.
        return


def _copy(path: str, origin: int, copy_path: str, reader: Connection, stack: ExitStack) -> Snapshot:
    directory = os.path.dirname(copy_path)
    try:
        fd = stack.enter_context(files.temporary(copy_path))
        reader.execute("BEGIN")
        scalar(reader, "PRAGMA schema_version")
        with closing(connect(copy_path)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            copy.execute("PRAGMA journal_mode=OFF")
            scalar(copy, "PRAGMA schema_version")
            if not foreign.is_at(fd, copy_path):
                raise _exchanged(directory)
            # It is open from now on and needs no name: whatever ends this process, no plain copy is left behind.
            foreign.unlink(copy_path)
            copy_database(reader, copy, step=COPY_STEP, after=lambda left, total: _require_growth(fd, directory))
    except OSError as error:
        raise files.translate(error, "Backup", directory) from error
    except Error as error:
        raise _copy_error(error, directory) from error
    shape = _shape(reader)
    reader.execute("ROLLBACK")
    return Copied(fd, path, *shape, origin=origin)


def _require_growth(fd: int, directory: str) -> None:
    """Raise where what SQLite writes does not come into our own file."""
    if not os.fstat(fd).st_size:
        raise _exchanged(directory)


def _exchanged(directory: str) -> EngineError:
    return EngineError(
        f"Backup: somebody exchanged a temporary file of ours in {directory}.",
        hint="Find out who may write in that directory, then start the backup again.",
    )


def _copy_error(error: Error, directory: str) -> PwsopsError:
    if is_full(error):
        return EngineError(
            f"Backup stopped: no space is left in {directory} for a copy of the database.",
            hint="Free space there, or end the long transaction that made the copy necessary.",
        )
    raise error
