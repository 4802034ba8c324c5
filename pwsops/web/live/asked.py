"""A question that may take its time, asked once for as long as it stays the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Trouble

T = TypeVar("T")


class Asked(Generic[T]):
    """Keeps the answer to a page's question; the page is redrawn when it comes.

    Parameters
    ----------
    session
        Who asks.
    doing
        What is being done, for the message when it fails.
    """

    def __init__(self, session: Session, doing: str) -> None:
        self._session = session
        self._doing = doing
        self._key: object = None
        self._number = 0
        self._answer: T | Trouble | None = None
        self._asking = False

    def about(self, key: object, work: Callable[[], T]) -> T | Trouble | None:
        """Return the answer to the question called `key`, or None while it is awaited."""
        if key != self._key:
            self._key, self._answer = key, None
            self._number += 1
            self._asking = True
            self._session.ask(self._doing, work, partial(self._take, self._number))
            self._asking = False
        return self._answer

    def _take(self, number: int, answer: T | Trouble) -> None:
        # Somebody may have gone elsewhere in the meantime, and have come back.
        if number == self._number:
            self._answer = answer
            if not self._asking:
                self._session.changed()
