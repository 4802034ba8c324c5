"""When a profile is switched off, and which colour it has in a list."""

from __future__ import annotations

from pwsops.rules.model import Health, ProfileState, RunStatus

LIMIT = 5
"""So many failures in a row are enough."""

_UNWELL = frozenset({RunStatus.FAILED, RunStatus.MISSED, RunStatus.SKIPPED})


def after_run(count: int, status: RunStatus, any_item_succeeded: bool) -> int:
    """Count a profile's failures in a row on.

    A run in which something succeeded resets the count, one in which nothing did adds to it. What was cancelled,
    missed or skipped, or has not ended, says nothing about the profile and leaves it.
    """
    if status is RunStatus.SUCCEEDED or (status is RunStatus.FAILED and any_item_succeeded):
        return 0
    return count + 1 if status is RunStatus.FAILED else count


def trips(count: int) -> bool:
    """Whether so many failures in a row switch a profile off, or mark a database red."""
    return count >= LIMIT


def health(state: ProfileState, last_status: RunStatus | None) -> Health:
    """Return a profile's colour.

    Parameters
    ----------
    state
        Whether its schedule is in force.
    last_status
        Of the newest run that has ended and was not cancelled; None where there is none.
    """
    if state is ProfileState.TRIPPED:
        return Health.RED
    if last_status is None:
        return Health.NEW
    return Health.ORANGE if last_status in _UNWELL else Health.GREEN
