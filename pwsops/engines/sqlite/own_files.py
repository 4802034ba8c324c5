"""SQLite's own way to files, held to the files of the databases that were opened here.

What lies beside a database tells SQLite which files to look for and to delete: a journal can name any. Here each other
name is an error, which ends the opening before anything was done. Reading and writing go on as always.
"""

from __future__ import annotations

import threading
from functools import cache

import apsw

from pwsops.engines.sqlite.names import BESIDE

NAME = "pwsops-own-files"
LONGEST_PATH = 512
"""In bytes: MAX_PATHNAME of SQLite's os_unix.c."""


class OwnFiles(apsw.VFS):
    """Knows whole paths, as SQLite spells them."""

    def __init__(self) -> None:
        super().__init__(NAME, "", maxpathname=LONGEST_PATH)
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def know(self, path: str) -> None:
        """Let a database be opened, with what SQLite makes beside it."""
        with self._lock:
            self._known |= {path, *(path + suffix for suffix in BESIDE)}

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802 - SQLite's own name, here and below
        self._require(pathname)
        return bool(super().xAccess(pathname, flags))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._require(filename)
        super().xDelete(filename, syncdir)

    def _require(self, path: str) -> None:
        if path not in self._known:
            raise apsw.IOError(f"{path} belongs to no database that was opened here")


@cache
def own_files() -> OwnFiles:
    """Return the one of this process; it is registered as long as it lives."""
    return OwnFiles()
