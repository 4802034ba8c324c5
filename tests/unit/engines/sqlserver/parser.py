"""Microsoft's own T-SQL parser, which says whether a statement is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.needs import require


def parses(statement: str) -> bool:
    beside = Path(sys.executable).with_name("maxdop")
    parser = require("maxdop", beside if beside.exists() else None, "pip install maxdop")
    done = subprocess.run([parser], input=statement.encode(), capture_output=True, timeout=30, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0
