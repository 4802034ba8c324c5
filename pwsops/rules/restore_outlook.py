"""What a restore is expected to take, and what is lost by it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pwsops.rules.formatting import age, duration, size


class Measured(NamedTuple):
    """How long a restore took, and how large the database was that it brought back."""

    database: str
    size_bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How long a restore is expected to take; None: not known. `because`: what was measured, as a clause."""

    seconds: float | None
    because: str


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is lost by a restore into a database.

    Parameters
    ----------
    exists
        Whether there is anything to lose.
    at, now
        The moment that is brought back, and the present one.
    copy_to
        Where a copy of what is there goes first; empty: none is taken.
    why_no_copy
        Why none has to be taken; empty: one would have to be, or is.
    newest_backup_at
        From when on what was written is in no backup; None: what it holds is in none.
    """

    database: str
    exists: bool
    at: datetime
    now: datetime
    copy_to: str = ""
    why_no_copy: str = ""
    newest_backup_at: datetime | None = None

    @property
    def seconds(self) -> float:
        """How much work is replaced at most: the time since the moment that is brought back."""
        return max(0.0, (self.now - self.at).total_seconds()) if self.exists else 0.0


def expected(
    measured: Sequence[Measured], took_s: Sequence[float | None], *, database: str, size_bytes: int
) -> Expected:
    """Return how long a restore of so many bytes takes, by the restore of the nearest size.

    Those into the same database count before others. A larger database takes as much longer as it is larger; a smaller
    one is not expected to be quicker.

    Parameters
    ----------
    measured
        Restores on the same instance that succeeded.
    took_s
        How long each backup took that is to be applied; what was never restored reads and writes about as much.
    """
    own = [one for one in measured if one.database == database] or list(measured)
    if own:
        nearest = min(own, key=lambda one: abs(one.size_bytes - size_bytes))
        seconds = nearest.seconds * max(1.0, size_bytes / max(1, nearest.size_bytes))
        because = f"a restore of {size(nearest.size_bytes)} into {nearest.database} took {duration(nearest.seconds)}"
        return Expected(seconds=seconds, because=because)
    known = [one for one in took_s if one is not None]
    if known and len(known) == len(took_s):
        return Expected(seconds=sum(known), because="as long as the backups took: no restore here was measured yet")
    return Expected(seconds=None, because="nothing like it was measured yet")


def lost(loss: Loss, when: Callable[[datetime], str]) -> list[str]:
    """Return what is lost, in lines."""
    if not loss.exists:
        return [f"Nothing is lost: {loss.why_no_copy or f'{loss.database} does not exist yet'}."]
    lines = [
        f"What was written to {loss.database} after {when(loss.at)} is replaced: up to {age(loss.seconds)} of work."
    ]
    if loss.copy_to:
        lines.append(f"A copy of what it holds now is taken first, into {loss.copy_to}.")
    elif loss.why_no_copy:
        lines.append(f"No copy is taken first: {loss.why_no_copy}.")
    elif loss.newest_backup_at is None:
        lines.append("No copy is taken first, and what it holds now is in no backup that pwsops knows.")
    else:
        lines.append(f"No copy is taken first: what was written after {when(loss.newest_backup_at)} is in no backup.")
    return lines
