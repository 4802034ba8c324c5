"""How a process of ours is started: the same interpreter, the same package, nothing from the current directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pwsops
from pwsops import spawning


def command(module: str) -> list[str]:
    """Return the command line that runs a module of this package."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return the environment in which that module is found wherever this one was, without secrets of this process."""
    root = str(Path(pwsops.__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return spawning.environment(PYTHONPATH=os.pathsep.join(paths), PYTHONUTF8="1")
