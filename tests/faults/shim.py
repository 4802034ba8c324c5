"""Compiling the shim that makes calls fail, and having workers load it."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.needs import require

SOURCE = Path(__file__).with_name("shim.c")
CALLS = ("open", "write", "fsync", "fsyncdir", "rename", "link", "flock", "fchmod", "unlink")
KILLED = 0
"""In the place of an error: the process is killed in that very moment."""
ERRORS = (
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EINVAL,
    errno.EPERM,
    errno.ENOSYS,
    errno.EROFS,
)


def build(directory: Path) -> Path:
    """Compile the shim; skip the test where there is no compiler."""
    compiler = require("a C compiler", shutil.which("cc"), "scripts/system-packages installs gcc and libc6-dev")
    library = directory / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return library


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One call that fails: the n-th of its kind, or that one and all after it (`lasting`)."""

    call: str
    nth: int
    error: int
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.nth}{' and on' if self.lasting else ''}: {errno.errorcode.get(self.error, 'killed')}"

    def environment(self) -> Mapping[str, str]:
        """Return what tells the shim about it."""
        return {
            "FAULT_CALL": self.call,
            "FAULT_NTH": str(self.nth),
            "FAULT_ERRNO": str(self.error),
            "FAULT_LASTING": "1" if self.lasting else "0",
        }


def counted(log: Path) -> Counter[str]:
    """Return how often each call was made."""
    return Counter(log.read_text().split() if log.exists() else [])
