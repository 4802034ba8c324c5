"""Questions of which only the newest matters: one is asked at a time, however fast they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Trouble

T = TypeVar("T")


class Newest(Generic[T]):
    """Asks what it is given; while an answer is awaited, it keeps the newest question until that has come.

    So answers come in the order of their questions, and no more threads wait for a slow server than one.

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
        self._next: tuple[Callable[[], T], Callable[[T | Trouble], None]] | None = None
        self._awaited = False

    def ask(self, work: Callable[[], T], then: Callable[[T | Trouble], None]) -> None:
        """Have `work` done and `then` told the answer, or neither, where another question comes first."""
        self._next = work, then
        self._go_on()

    def _go_on(self) -> None:
        if self._awaited or self._next is None:
            return
        (work, then), self._next = self._next, None

        def answered(answer: T | Trouble) -> None:
            self._awaited = False
            then(answer)
            self._go_on()

        self._awaited = True
        self._session.ask(self._doing, work, answered)


class NewestOfEach(Generic[T]):
    """The answer to the newest question, while somebody types; an instance that is slow holds up no other.

    Parameters
    ----------
    session
        Who asks.
    doing
        What is being done, for the message when it fails.
    came
        Called with each answer that is still wanted.
    """

    def __init__(self, session: Session, doing: str, came: Callable[[], None]) -> None:
        self._questions: dict[str, Newest[T]] = defaultdict(lambda: Newest(session, doing))
        self._came = came
        self._key: object = None
        self.answer: T | Trouble | None = None

    def about(self, instance: str, key: object, work: Callable[[], T]) -> None:
        """Ask an instance what is called `key`, unless that was asked last."""
        asked = (instance, key)
        if asked == self._key:
            return
        self._key, self.answer = asked, None

        def answered(answer: T | Trouble) -> None:
            if self._key == asked:
                self.answer = answer
                self._came()

        self._questions[instance].ask(work, answered)

    def nothing(self) -> None:
        """Ask nothing: there is nothing to ask about."""
        self._key, self.answer = None, None
