"""Which runs overlap in time, by how long runs like them usually take."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


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


class Busy:
    """When other runs are under way, for asking of one run after the other whether it overlaps with any of them.

    Parameters
    ----------
    begins, ends
        As `collisions` has them.
    """

    def __init__(self, begins: Sequence[float], ends: Sequence[float]) -> None:
        order = sorted(range(len(begins)), key=begins.__getitem__)
        self._begins = [begins[run] for run in order]
        self._until = list(accumulate((ends[run] for run in order), max))
        """Up to when those are under way that begin up to each."""

    def meets(self, begin: float, end: float) -> bool:
        """Whether a run overlaps with another; see `collisions` for what that means."""
        at = bisect_left(self._begins, begin)
        if at < len(self._begins) and (self._begins[at] < end or self._begins[at] == begin):
            return True
        return at > 0 and self._until[at - 1] > begin
