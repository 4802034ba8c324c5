"""Which versions of SQLite can corrupt a database in WAL mode while two connections write and checkpoint.

The WAL-reset bug: a checkpoint that begins just as a commit starts the log over may take the new log for one that it
has copied already (sqlite.org/wal.html#walresetbug). Since 3.7.0, mended in 3.51.3, and in 3.50.7 and 3.44.6.
"""

from __future__ import annotations

_FIRST = (3, 7, 0)
_MENDED = (3, 51, 3)
_MENDED_BRANCHES = {(3, 50): 7, (3, 44): 6}


def has_wal_reset_bug(version: str) -> bool:
    """Whether that version, such as ``3.40.1``, has the bug."""
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    known = (major, minor, patch)
    if known < _FIRST or known >= _MENDED:
        return False
    return patch < _MENDED_BRANCHES.get((major, minor), patch + 1)
