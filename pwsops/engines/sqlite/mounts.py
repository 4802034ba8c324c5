"""Where the file system of a directory is mounted. One that is not leaves an empty directory, which proves nothing."""

from __future__ import annotations

import os

from pwsops.errors import EngineError


def mount_of(directory: str) -> str:
    """Return the path that the file system of an existing directory is mounted at."""
    path = os.path.realpath(directory)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def moved(directory: str, mount: str | None) -> str:
    """Return why a directory is not the one that was written to when it was on `mount`; empty: it is, or is not known.

    The device's number says nothing: a disk may have another after each start of the system.
    """
    if mount is None or (now := mount_of(directory)) == mount:
        return ""
    if os.path.ismount(mount):
        return f"{directory} is on the file system at {now} now, and was on the one at {mount}"
    return f"the file system that {directory} is on is not mounted at {mount}"


def require(directory: str, mount: str | None) -> None:
    """Refuse to write below a mount point that nothing is mounted at, where backups were written to a mounted one."""
    if mount is not None and not os.path.ismount(mount) and (why := moved(directory, mount)):
        raise EngineError(
            f"Nothing was written to {directory}: {why}, as it was when the backup before this one was written. What "
            "would be written there now would lie on another disk, and be hidden as soon as that one is mounted again.",
            hint="Mount it and run the profile again; or choose another directory in the profile.",
            transient=True,
        )
