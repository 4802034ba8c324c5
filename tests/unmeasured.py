"""Processes whose coverage is not measured: it takes half their time again, and what they run is covered elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

_MEASURING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


def environment(**changes: str) -> Mapping[str, str]:
    """Return this process's environment for another one that is not to be measured, with changes."""
    return {name: value for name, value in os.environ.items() if name not in _MEASURING} | changes
