"""What somebody may use up at once and in the long run. Who uses more waits, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """Something that is used up and grows back.

    Parameters
    ----------
    burst
        How much there is at most.
    a_second
        How much of it grows back each second.
    clock
        Seconds that only grow.
    """

    def __init__(self, burst: float, a_second: float, clock: Callable[[], float]) -> None:
        self._burst, self._a_second, self._clock = burst, a_second, clock
        self._left, self._counted_at = burst, clock()

    def use(self, amount: float) -> float:
        """Use so much, there or not; return how many seconds it takes until what was used has grown back."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._counted_at) * self._a_second) - amount
        self._counted_at = now
        return max(0.0, -self._left / self._a_second)

    @property
    def whole(self) -> bool:
        """Whether nothing of it is missing."""
        self.use(0)
        return self._left >= self._burst
