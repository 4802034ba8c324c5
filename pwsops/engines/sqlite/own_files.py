"""SQLite, held to the files of the databases that were opened here.

What lies beside a database tells SQLite which files to look for and to delete: a journal can name any, one of a crash
and the one of a transaction that is rolled back right now. SQLite's part for Unix lets a program put functions of its
own in the place of system calls (`xSetSystemCall`, sqlite.org/c3ref/vfs.html). Here these are the two that open and
remove files by name; any other name is an error. They are called a few times for each connection; reading, writing and
locking stay SQLite's.

This holds for all of this process, which has no other databases.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache

import apsw

from pwsops.engines.sqlite.names import BESIDE

_NAME = "pwsops-own-files"
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, use_errno=True)
_UNLINK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, use_errno=True)
_ALWAYS = {b"/dev/urandom", b"/dev/null"}
"""What SQLite opens for itself."""


class OwnFiles:
    """Knows whole paths, as SQLite spells them. There is one for each process (`own_files`)."""

    def __init__(self) -> None:
        self._may_open = set(_ALWAYS)
        self._may_remove: set[bytes] = set()
        self.refused = ""
        """The last name that was refused since a database was made known."""
        way = apsw.VFS(_NAME, "")
        self._really_open = _OPEN(way.xGetSystemCall("open") or 0)
        self._really_unlink = _UNLINK(way.xGetSystemCall("unlink") or 0)
        # They are kept as long as SQLite may call them.
        self._kept = way, _OPEN(self._open), _UNLINK(self._unlink)
        for name, function in zip(("open", "unlink"), self._kept[1:], strict=True):
            way.xSetSystemCall(name, ctypes.cast(function, ctypes.c_void_p).value or 0)

    def know(self, path: str) -> None:
        """Let a database be opened, with what SQLite makes beside it, and its directory, which SQLite makes durable."""
        beside = {os.fsencode(path + suffix) for suffix in BESIDE}
        self._may_open |= {os.fsencode(path), os.fsencode(os.path.dirname(path)), *beside}
        self._may_remove |= beside
        self.refused = ""

    def _open(self, path: bytes, flags: int, mode: int) -> int:
        return int(self._really_open(path, flags, mode)) if path in self._may_open else self._refuse(path)

    def _unlink(self, path: bytes) -> int:
        return int(self._really_unlink(path)) if path in self._may_remove else self._refuse(path)

    def _refuse(self, path: bytes) -> int:
        self.refused = os.fsdecode(path)
        ctypes.set_errno(errno.EACCES)
        return -1


@cache
def own_files() -> OwnFiles:
    """Return the one of this process; made before rights are given up, since that takes memory that can be run."""
    return OwnFiles()
