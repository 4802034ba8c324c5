"""What an operating system's error means, in words: the cause, and the next step."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from pwsops.errors import EngineError, NoSpace

UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL, errno.ENOTTY}
"""What a file system answers that cannot do something at all; for locks, `ENOLCK` says the same."""
FULL = {errno.ENOSPC, errno.EDQUOT}
"""What it answers where there is no room."""
REMOVED = "what was begun has been removed"


class Cause(NamedTuple):
    """Why an operation failed, what to do, and whether the same may succeed a little later."""

    why: str
    hint: str
    transient: bool = False


_CAUSES = {
    errno.EDQUOT: Cause(
        "the quota of the user that the service runs as is used up there",
        "Look at it with `quota -s` (or `repquota`), raise it or remove old backups, or choose another directory.",
    ),
    errno.EFBIG: Cause(
        "the largest size that a file may have was reached",
        "Look at `ulimit -f` of the service (LimitFSIZE= of its unit) and at the file system: FAT32 takes files up to "
        "4 GiB. Raise the limit, or choose a directory on another file system.",
    ),
    errno.EROFS: Cause(
        "the file system is read-only",
        "Look at `mount` and the system's log: a disk with errors is made read-only. Mount it for writing, or choose "
        "another directory.",
    ),
    errno.EACCES: Cause(
        "the user that the service runs as may not do that there",
        "Give that user the right to write there, or choose another directory.",
    ),
    errno.EPERM: Cause(
        "the file system or a security policy does not allow it",
        "Look at the mount's options, at attributes (`lsattr`) and at the system's log, or choose another directory.",
    ),
    errno.ENAMETOOLONG: Cause(
        "the path or the name is longer than the file system takes (mostly 255 bytes a name, 4,095 a path)",
        "Choose a directory with a shorter path.",
    ),
    errno.ENOENT: Cause(
        "the directory or the file is not there any more",
        "Check that what should be mounted there is mounted, and that nobody clears it meanwhile.",
    ),
    errno.ESTALE: Cause(
        "the network file system has lost the directory",
        "It is tried again. If it lasts, mount the directory anew.",
        transient=True,
    ),
    errno.EIO: Cause(
        "the disk or the network behind it reports an error",
        "It is tried again. Look at the system's log (`dmesg`): a disk that reports errors has to be replaced.",
        transient=True,
    ),
    errno.ENODEV: Cause(
        "the disk is not there any more", "Connect and mount it again, or choose another directory.", transient=True
    ),
    errno.ENXIO: Cause(
        "the disk is not there any more", "Connect and mount it again, or choose another directory.", transient=True
    ),
    errno.EMFILE: Cause(
        "this process may open no more files",
        "Look at `ulimit -n` of the service (LimitNOFILE= of its unit), and raise it.",
        transient=True,
    ),
    errno.ENOSYS: Cause(
        "the file system cannot do what is needed", "Choose a directory on another file system, or mount it otherwise."
    ),
    errno.EINVAL: Cause(
        "the file system cannot do what is needed", "Choose a directory on another file system, or mount it otherwise."
    ),
}
_RETRIED = {errno.EINTR, errno.EAGAIN, errno.ETIMEDOUT}


def cause(error: OSError, directory: str) -> Cause:
    """Return what an error in `directory` means."""
    if error.errno == errno.ENOSPC:
        return Cause(
            f"no space is left ({_free(directory)})",
            "Free space there (or inodes: `df -i`), remove old backups, or choose another directory.",
        )
    known = _CAUSES.get(error.errno or 0)
    if known is None:
        hint = "Check that the directory is there and that the service may write in it."
        return Cause("the system refused", hint, transient=error.errno in _RETRIED)
    return known


def translate(error: OSError, operation: str, directory: str, written: int = 0) -> EngineError:
    """Return the error that says why `operation` failed in `directory`, after so many bytes were written."""
    found = cause(error, directory)
    system_text = f" ({error.strerror})" if error.strerror else ""
    after = f" after {written} bytes" if written else ""
    kind = NoSpace if error.errno in FULL else EngineError
    return kind(
        f"{operation} failed in {directory}{after}: {found.why}{system_text}; {REMOVED}.",
        hint=found.hint,
        transient=found.transient,
    )


def _free(directory: str) -> str:
    free = free_bytes(directory)
    return "how much is free cannot be told" if free is None else f"{free} bytes free"


def free_bytes(directory: str) -> int | None:
    """Return the bytes that we could still write in `directory`; None where nobody can tell."""
    try:
        facts = os.statvfs(directory)
    except OSError:
        return None
    return facts.f_bavail * facts.f_frsize
