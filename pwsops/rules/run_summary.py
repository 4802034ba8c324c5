"""What became of a run's databases, in a few words."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.rules.model import RunStatus


def counted(status: RunStatus, of_items: Sequence[RunStatus]) -> str:
    """Return how many of a run's databases failed, or were cancelled, as the run did: "2 of 5 failed"."""
    return f"{list(of_items).count(status)} of {len(of_items)} {status.value}"
