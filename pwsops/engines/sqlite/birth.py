"""When a file came into being, where the file system tells (Linux: `statx`; ext4, XFS, Btrfs, newer NFS and tmpfs)."""

from __future__ import annotations

import ctypes
import os
import struct
from datetime import UTC, datetime

_AT_FDCWD = -100
_BTIME = 0x800
_STATX_BYTES = 256
_MASK = struct.Struct("=I")
_BORN = struct.Struct("=qI")
_BORN_OFFSET = 80


def born_at(path: str) -> datetime | None:
    """Return when the file at `path` was created, by the clock of its file system; None where nobody can tell."""
    known = getattr(os.stat(path), "st_birthtime", None)
    seconds = _statx(path) if known is None else float(known)
    return None if not seconds else datetime.fromtimestamp(seconds, UTC)


def _statx(path: str) -> float | None:
    call = getattr(ctypes.CDLL(None), "statx", None)
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    if call is None or call(_AT_FDCWD, os.fsencode(path), 0, _BTIME, buffer) != 0:
        return None
    (mask,) = _MASK.unpack_from(buffer)
    seconds, nanoseconds = _BORN.unpack_from(buffer, _BORN_OFFSET)
    return seconds + nanoseconds / 1e9 if mask & _BTIME else None
