"""A database file that has lost its name, read through its open descriptor.

SQLite opens files by name only, and never through a link such as /proc/self/fd/3. Slower than SQLite's own way: each
page is a call into Python.
"""

from __future__ import annotations

import os
from functools import cache

import apsw

_VFS = "pwsops-nameless"


class _File:
    """What SQLite asks of a file that it only reads and never locks."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's own names, here and below
        return os.pread(self._fd, amount, offset)

    def xFileSize(self) -> int:  # noqa: N802
        return os.fstat(self._fd).st_size

    def xClose(self) -> None:  # noqa: N802
        """Leave the descriptor to its owner."""

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_IMMUTABLE


class _Files(apsw.VFS):
    """Takes a name for the number of a descriptor."""

    def __init__(self) -> None:
        super().__init__(_VFS, "")

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # type: ignore[override]  # noqa: N802
        given = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        flags[1] = apsw.SQLITE_OPEN_READONLY
        return _File(int(given))


@cache
def _files() -> _Files:
    return _Files()  # registered as long as it lives


def connect_descriptor(fd: int) -> apsw.Connection:
    """Open the database behind `fd`, which nobody changes and which stays open longer."""
    _files()
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY
    return apsw.Connection(f"file:{fd}?immutable=1", flags=flags, vfs=_VFS)
