"""Microsoft's own T-SQL parser, which says whether a statement is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.needs import require

PRINTED_DIFFERENTLY = b"round-trip verification failed"


def parses(statement: str) -> bool:
    beside = Path(sys.executable).with_name("maxdop")
    parser = require("maxdop", beside if beside.exists() else None, "pip install maxdop")
    done = subprocess.run([parser], input=statement.encode(), capture_output=True, timeout=30, check=False)
    # It then prints what it has parsed, and trips over line ends of both kinds in one literal.
    only_printing_failed = done.returncode == 2 and PRINTED_DIFFERENTLY in done.stderr
    assert done.returncode in (0, 1) or only_printing_failed, done.stderr
    return done.returncode != 1
