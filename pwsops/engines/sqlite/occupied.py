"""Whether a database can be written into now: asked of the system, without opening it by SQLite.

SQLite locks bytes of the file, and of the index beside a write-ahead log; see sqlite.org/fileformat2.html, 1.2.1 (the
lock-byte page) and sqlite.org/walformat.html, 2.3. For a process without SQLite connections of its own: closing a file
drops all of a process's locks on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
import time
from contextlib import suppress

from pwsops import foreign
from pwsops.engines.sqlite import limits, listing, names
from pwsops.errors import EngineError

POLL_S = 0.02
_FLOCK = struct.Struct("hhqqi4x")
"""As Linux has it: type, whence, start, length, process."""
_LOCK_BYTES = 0x40000000, 512
_LOG_IS_WRITTEN = 120, 1
_WAL = b"\x02"


def refuse_unwritable(path: str) -> None:
    """Raise `EngineError` where the file, or what SQLite has beside it and writes too, cannot be opened for writing."""
    for each in (path, *(path + end for end in names.BESIDE)):
        try:
            os.close(foreign.open_to_change(each))
        except OSError as error:
            if each != path and error.errno == errno.ENOENT:
                continue
            raise EngineError(
                f"Restore: {each} cannot be written: {error.strerror}. It was left as it is.",
                hint="Let the user that pwsops runs as write that file (its owner and its mode), and restore again.",
            ) from error


def needs_it_alone(path: str, page_size: int) -> bool:
    """Whether readers, too, keep a restore of that page size from writing into the database at `path`.

    In a rollback journal's database a writer waits for its readers. One in WAL mode has to leave it for another page
    size, and does while nobody else has it open.
    """
    start = foreign.read(path, listing.HEADER_BYTES)
    now = int.from_bytes(start[16:18], "big")
    return start[19:20] != _WAL or (1 << 16 if now == 1 else now) != page_size


def refuse_occupied(path: str, *, readers_too: bool = False) -> None:
    """Raise `EngineError`, transient, where another process keeps a restore from writing.

    It is waited for as long as the restore waits. `readers_too`: as `needs_it_alone` has it.
    """
    end = time.monotonic() + limits.busy_s()
    while user := _any_user(path, readers_too=readers_too):
        if time.monotonic() >= end:
            raise EngineError(
                f"Restore: the database {path} is in use: {user}.",
                hint="Stop the program that uses it, or wait for its transaction to end, and restore again.",
                transient=True,
            )
        time.sleep(POLL_S)


def _any_user(path: str, *, readers_too: bool) -> str:
    asked = fcntl.F_WRLCK if readers_too else fcntl.F_RDLCK
    return _user(path, *_LOCK_BYTES, asked) or _user(f"{path}-shm", *_LOG_IS_WRITTEN, fcntl.F_RDLCK)


def _user(path: str, start: int, length: int, lock: int) -> str:
    """Return who keeps us from such a lock on these bytes; empty text: nobody, or nobody can tell."""
    if sys.platform != "linux":
        return ""
    with suppress(OSError):  # it is not there, or its file system has no locks
        fd = foreign.open_plain(path)
        try:
            asked = _FLOCK.pack(lock, os.SEEK_SET, start, length, 0)
            kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
        finally:
            os.close(fd)
        return "" if kind == fcntl.F_UNLCK else _told(kind, process)
    return ""


def _told(kind: int, process: int) -> str:
    # The system has no number for a process of another container, or of another machine.
    who = f"the process {process}" if process > 0 else "a process of another container or machine"
    return f"{who} writes to it" if kind == fcntl.F_WRLCK else f"{who} reads it or has it open"
