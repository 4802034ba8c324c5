"""Which runs overlap in time, by how long runs like them usually take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Collision:
    """A stretch of time in which one run begins before another has ended, and so on.

    Parameters
    ----------
    begin, end
        Seconds since 1970; the first of its runs begins, the last one ends.
    runs
        Positions of its runs, in the order in which they begin; two at least.
    """

    begin: float
    end: float
    runs: Sequence[int]


def collisions(begins: Sequence[float], ends: Sequence[float]) -> list[Collision]:
    """Return the collisions among runs, in the order of time.

    Runs that begin at the same instant collide, whatever is known of their length. One that begins at the instant at
    which another ends does not.

    Parameters
    ----------
    begins, ends
        Of each run, in seconds since 1970, in any order. Where nobody knows how long it takes, both are equal.
    """
    order = sorted(range(len(begins)), key=begins.__getitem__)
    found: list[Collision] = []
    together: list[int] = []
    last = until = float("-inf")
    for run in order:
        begin = begins[run]
        if begin < until or begin == last:
            together.append(run)
        else:
            _note(found, together, begins, until)
            together = [run]
        last = begin
        if ends[run] > until:
            until = ends[run]
    _note(found, together, begins, until)
    return found


def _note(found: list[Collision], together: list[int], begins: Sequence[float], until: float) -> None:
    if len(together) > 1:
        found.append(Collision(begin=begins[together[0]], end=until, runs=together))
