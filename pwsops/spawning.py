"""What a process that is started from here is given: no secret of this one."""

from __future__ import annotations

import os
from collections.abc import Sequence

PASSED_ON = (
    "PATH", "HOME", "LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR", "TMPDIR", "TMP", "TEMP",
    # What the interpreter needs to be found and to load what it loads here.
    "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT",
    # What measures tests measures the processes that they start, too.
    "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
)  # fmt: skip
"""The variables that every process gets; a star stands for any end. All others stay here: `PWSOPS_KEY`, what is known
of a sign-in, tokens of clouds."""


def environment(also: Sequence[str] = (), **changes: str) -> dict[str, str]:
    """Return the environment for another process: what `PASSED_ON` and `also` name, with changes."""
    return {name: value for name, value in os.environ.items() if _is_named(name, (*PASSED_ON, *also))} | changes


def _is_named(name: str, known: Sequence[str]) -> bool:
    return any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in known)
