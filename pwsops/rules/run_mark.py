"""What our backups carry as their description, in their files and in servers' histories: which run took them."""

from __future__ import annotations

import re

OURS = "pwsops run "
"""How the description of each of our backups begins."""
SAFETY = "pwsops safety copy before restore "
"""How the description begins of what was saved before a restore replaced it."""
_RUN = re.compile(rf"{re.escape(OURS)}(\d+) ")


def run_description(run_id: int, owner: str) -> str:
    """Return what a set of this run carries as its description; the owner keeps two homes' runs apart."""
    return f"{OURS}{run_id} ({owner})"


def safety_description(restore_id: int, owner: str) -> str:
    """Return what a copy carries that was taken before a restore; it is of no run."""
    return f"{SAFETY}{restore_id} ({owner})"


def is_ours(description: str | None) -> bool:
    """Whether a backup with that description was taken by us."""
    return (description or "").startswith(OURS)


def is_safety_copy(description: str | None) -> bool:
    """Whether a backup with that description was taken before a restore replaced what it holds."""
    return (description or "").startswith(SAFETY)


def run_of(description: str) -> int | None:
    """Return the run that a description names; None: another tool took it."""
    named = _RUN.match(description)
    return None if named is None else int(named[1])
