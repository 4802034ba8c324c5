"""How long this process waits for others, and lets others wait. A worker serves one request, which may set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULTS: Mapping[str, float] = {"busy_s": 10.0, "slice_s": 2.0, "current_s": 3.0}
"""`busy_s`: how long somebody else's lock is waited for. `slice_s`: how long a backup may keep the writers of a
rollback-journal database out at a time. `current_s`: how long to look for a moment in which a WAL is wholly in its
file, before a copy is made instead."""
_current: dict[str, float] = dict(DEFAULTS)


def busy_s() -> float:
    """Return the longest wait for a lock."""
    return _current["busy_s"]


def slice_s() -> float:
    """Return the longest hold of a shared lock."""
    return _current["slice_s"]


def current_s() -> float:
    """Return the longest search for a current file."""
    return _current["current_s"]


def apply(given: Mapping[str, Any]) -> None:
    """Take over those limits that `given` (an instance's options) names; others return to their defaults."""
    _current.update({name: float(given.get(name, default)) for name, default in DEFAULTS.items()})
