"""Two ways to rename that Python has no call for. Either raises `OSError` where the system or file system cannot."""

from __future__ import annotations

import ctypes
import errno
import os

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2


def rename_new(old: str, new: str) -> None:
    """Rename a file to a name that nobody has; `FileExistsError` where somebody has it."""
    _renameat2(old, new, _NOREPLACE)


def exchange(one: str, other: str) -> None:
    """Let two files swap their names in one step."""
    _renameat2(one, other, _EXCHANGE)


def _renameat2(old: str, new: str, flags: int) -> None:
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:  # not Linux, or a C library of before 2018
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), old)
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), new)
