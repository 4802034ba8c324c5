"""Whether another process is writing to a database: asked of the system, without opening the database.

SQLite locks bytes of the file, and of the index beside a write-ahead log; see sqlite.org/fileformat2.html, 1.2.1 (the
lock-byte page) and sqlite.org/walformat.html, 2.3. For a process without SQLite connections of its own: closing a file
drops all of a process's locks on it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from contextlib import suppress

from pwsops import foreign
from pwsops.engines.sqlite import limits
from pwsops.errors import EngineError

POLL_S = 0.02
_FLOCK = struct.Struct("hhqqi4x")
"""As Linux has it: type, whence, start, length, process."""
_LOCK_BYTES = 0x40000000, 512
_LOG_IS_WRITTEN = 120, 1


def refuse_occupied(path: str) -> None:
    """Raise `EngineError`, transient, where a transaction of another process keeps a restore from writing.

    It is waited for as long as the restore waits.
    """
    end = time.monotonic() + limits.busy_s()
    while process := _any_writer(path):
        if time.monotonic() >= end:
            raise EngineError(
                f"Restore: the database {path} is in use: the process {process} writes to it.",
                hint="Stop the program that uses it, or wait for its transaction to end, and restore again.",
                transient=True,
            )
        time.sleep(POLL_S)


def _any_writer(path: str) -> int:
    return _writer(path, *_LOCK_BYTES) or _writer(f"{path}-shm", *_LOG_IS_WRITTEN)


def _writer(path: str, start: int, length: int) -> int:
    """Return the process that has locked these bytes for writing; 0: none, or nobody can tell."""
    if sys.platform != "linux":
        return 0
    with suppress(OSError):  # it is not there, or its file system has no locks
        fd = foreign.open_plain(path)
        try:
            asked = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
            kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
        finally:
            os.close(fd)
        return 0 if kind == fcntl.F_UNLCK else int(process)
    return 0
