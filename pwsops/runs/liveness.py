"""Who is alive on this home. A process shows its liveness by a locked file, which the kernel unlocks when it dies."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pwsops.catalogue.store import PROCESSES
from pwsops.file_locks import is_held


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that holds a lock, and the user it belongs to."""

    pid: int
    uid: int


class Liveness:
    """This process's own sign of life, under a token that no other process ever had.

    Parameters
    ----------
    home
        The home whose runs this process may own.
    """

    def __init__(self, home: Path) -> None:
        self.token = uuid.uuid4().hex
        self._directory = home / PROCESSES
        self._directory.mkdir(exist_ok=True, mode=0o700)
        self._lock = FileLock(self._directory / f"{self.token}.lock", mode=0o600, thread_local=False)
        self._lock.acquire(blocking=False)

    def is_alive(self, token: str | None) -> bool:
        """Whether the process of that token still lives; a dead one's file is removed."""
        if token is None:
            return False
        if token == self.token:
            return self._lock.is_locked
        path = self._directory / f"{token}.lock"
        if is_held(path):
            return True
        with suppress(OSError):
            path.unlink()
        return False

    def is_orphaned(self, owner: str | None, *, goes_on: bool) -> bool:
        """Whether nobody carries on what a process owns; `goes_on` says whether this one does, where it is ours."""
        return not goes_on if owner == self.token else not self.is_alive(owner)

    def close(self) -> None:
        """Take the sign of life away."""
        self._lock.release()
        with suppress(OSError):
            (self._directory / f"{self.token}.lock").unlink()


def holders(path: Path) -> list[Holder]:
    """Return who holds the lock of that file, as far as the system tells."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        # 1: FLOCK  ADVISORY  WRITE 4711 fe:00:2261381 0 EOF
        words = line.split()
        if len(words) >= 6 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode):
            with suppress(OSError, ValueError):
                found.append(Holder(pid=int(words[4]), uid=os.stat(f"/proc/{words[4]}").st_uid))
    return found
