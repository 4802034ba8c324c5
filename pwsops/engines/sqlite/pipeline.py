"""Work spread over two threads, results in order, little in flight: memory stays flat whatever the size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

THREADS = 2
IN_FLIGHT = 5

Item = TypeVar("Item")
Result = TypeVar("Result")
Pool = ThreadPoolExecutor
Work = Callable[[Item], Result]


class Gate(Protocol):
    """Something that now and then wants all work to rest: a lock that must be let go for a moment."""

    def due(self) -> bool:
        """Whether it is time."""

    def rest(self) -> None:
        """Take the rest; nothing is in flight. May raise."""


@contextmanager
def pool() -> Iterator[Pool]:
    """Return a pool that drops what was not begun when its block is left by an error."""
    executor = ThreadPoolExecutor(THREADS)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def ordered(
    executor: Pool, work: Work[Item, Result], items: Iterable[Item], gate: Gate | None = None
) -> Iterator[Result]:
    """Apply `work` to each item and give the results in the items' order, at most `IN_FLIGHT` at a time."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        if gate is not None and gate.due():
            while waiting:
                yield waiting.popleft().result()
            gate.rest()
        waiting.append(executor.submit(work, item))
        if len(waiting) >= IN_FLIGHT:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
