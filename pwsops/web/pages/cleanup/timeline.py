"""When the backups of a database were taken, as ticks on a line of time. Pure; the list beside it has the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pwsops.operations.retention import Action, SetDecision

FEWEST = 3
"""Of fewer backups there is nothing to see on a line."""
_STEPS = 400
"""So many places has the line: what lies closer together is one tick."""


@dataclass(frozen=True, kw_only=True, order=True)
class Tick:
    """One place on the line, in percent from its left end, and what is there: a kind, or what would go."""

    percent: float
    look: str


def ticks(sets: Sequence[SetDecision], restorable: Collection[str]) -> Sequence[Tick]:
    """Return the ticks of a database's backups; none where they are too few, or all of one instant.

    `restorable`: the `set_id` of what can be restored afterwards. What stays and cannot be restored is no tick.
    """
    shown = [one for one in sets if one.action is Action.REMOVE or one.set_id in restorable]
    times = [one.finished_at for one in shown]
    if len(shown) < FEWEST or min(times) == max(times):
        return ()
    first, length = min(times), max(times) - min(times)
    found = {
        Tick(
            percent=round((one.finished_at - first) / length * _STEPS) * 100 / _STEPS,
            look="going" if one.action is Action.REMOVE else one.kind.value,
        )
        for one in shown
    }
    return sorted(found)
