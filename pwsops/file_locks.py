"""Whether a process lives that has a file locked: the kernel unlocks it when that dies."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


def is_held(path: Path) -> bool:
    """Whether some process holds the lock of that file.

    Asks with a shared lock of a moment, so that two who ask at once do not take each other for the holder. A link is
    held by nobody, wherever it leads: no process makes its lock file one.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
