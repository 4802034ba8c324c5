"""What a page asks for, or has done, that may take its time: in a thread of its own, so that no page waits for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Generic, Protocol, TypeVar

from pwsops.web.live.snapshot import Problem, problem_of

T = TypeVar("T")
TOO_MUCH = Problem(
    message="This page has asked for too much at once, and this was not done.",
    hint="Wait until what was asked for is done, and try again.",
)


class Asker(Protocol):
    """What is needed of the session on whose behalf something is asked."""

    @property
    def visits(self) -> int:
        """A number that grows whenever another page is opened."""

    def background(self, work: Callable[[], None], *, asks: bool) -> bool:
        """Do something in another thread, in its turn; whether there is room for it: questions have their own."""

    def later(self, work: Callable[[], None]) -> None:
        """Do something where the page may be changed; nothing where the page is closed."""

    def notify(self, problem: Problem | None) -> None:
        """Show a problem above whatever page is open."""

    def changed(self) -> None:
        """Redraw the page."""


def in_background(
    session: Asker, doing: str, work: Callable[[], T], then: Callable[[T | Problem], None], *, asks: bool = False
) -> None:
    """Do `work` in another thread; `then` is given its result, or the problem, where the page may be changed.

    Parameters
    ----------
    session
        On whose behalf.
    doing
        What is being done, for the message when it fails.
    work, then
        What is done, and what takes its result. When the page is closed, `then` is not called any more.
    asks
        Whether it is a question: servers that do not answer hold up other questions, and nothing that is to be done.
    """

    def do() -> None:
        answer: T | Problem
        try:
            answer = work()
        except Exception as error:  # noqa: BLE001 - a page shows a message, never a traceback
            answer = problem_of(error, doing)
        if isinstance(answer, Problem) and answer.anew:
            # Whatever the page makes of it, the way to sign in once more stands above it.
            session.later(partial(session.notify, answer))
        session.later(partial(then, answer))

    if not session.background(do, asks=asks):
        session.later(partial(then, TOO_MUCH))


class Policy(Enum):
    """What becomes of a question when another comes before it is answered. Its answer is dropped in any case."""

    LATEST = auto()
    """The next is asked at once: for what somebody chooses, where a place that hangs must not hold up another."""
    SERIAL = auto()
    """The next is asked when the one under way is answered, and those between not at all: for what somebody types."""


@dataclass(eq=False, kw_only=True)
class _Question(Generic[T]):
    key: object
    version: object
    lane: Hashable
    work: Callable[[], T]
    due: bool = True
    """Whether it is to be asked, for the first time or once more."""
    asking: bool = False
    answered: bool = False
    answer: T | Problem | None = None


class Query(Generic[T]):
    """A question that a page asks, once for as long as it stays the same; the page is redrawn when the answer comes.

    Parameters
    ----------
    session
        Who asks.
    doing
        What is being done, for the message when it fails.
    policy
        What becomes of a question when another comes.
    on_answer
        Called with each answer that is still wanted. Where nothing is given, the page is redrawn, unless the answer
        comes at once: then `ask` returns it, to whoever draws.

    Attributes
    ----------
    result
        The newest result, of whichever question; it stays while another is under way, and when that fails.
    error
        Why the newest answer is no result; None: it is one.
    """

    def __init__(
        self,
        session: Asker,
        doing: str,
        *,
        policy: Policy = Policy.LATEST,
        on_answer: Callable[[], None] | None = None,
    ) -> None:
        self._session = session
        self._doing = doing
        self._policy = policy
        self._on_answer = on_answer
        self._question: _Question[T] | None = None
        self._lanes: set[Hashable] = set()
        """Where something is under way."""
        self._drawing = False
        self.result: T | None = None
        self.error: Problem | None = None

    @property
    def under_way(self) -> bool:
        """Whether the first answer to the present question is still to come."""
        return self._question is not None and not self._question.answered

    @property
    def answer(self) -> T | Problem | None:
        """The newest answer to the present question; None while the first is under way, and where nothing is asked."""
        return None if self._question is None else self._question.answer

    def ask(
        self, key: object, work: Callable[[], T], *, version: object = None, lane: Hashable = None
    ) -> T | Problem | None:
        """Ask what is called `key`, unless that is the present question; return `answer`.

        Parameters
        ----------
        key
            What is asked. The answer to one key is never taken for that to another.
        work
            Asks it; may take its time. It returns something, not None.
        version
            Where it differs for the same key, the same is asked once more, when it has been answered; that answer stays
            until the next one comes. So what changes faster than it is answered is shown nevertheless.
        lane
            Who is asked. One that is slow holds up no other, also where the policy is `SERIAL`.
        """
        question = self._question
        if question is None or key != question.key:
            self._question = _Question(key=key, version=version, lane=lane, work=work)
        elif version != question.version:
            question.version, question.work, question.due = version, work, True
        self._drawing = True
        try:
            self._begin()
        finally:
            self._drawing = False
        return self.answer

    def forget(self) -> None:
        """Ask nothing, or the same anew; an answer that is on its way is dropped."""
        self._question = self.result = self.error = None

    def _begin(self) -> None:
        question = self._question
        if question is None or question.asking or not question.due:
            return
        if self._policy is Policy.SERIAL:
            if question.lane in self._lanes:
                return
            self._lanes.add(question.lane)
        question.asking, question.due = True, False
        work, then = partial(self._work, question, question.work), partial(self._take, question)
        in_background(self._session, self._doing, work, then, asks=True)

    def _work(self, question: _Question[T], work: Callable[[], T]) -> T | None:
        # It may have waited for a thread, and nobody wants the answer any more.
        return work() if question is self._question else None

    def _take(self, question: _Question[T], answer: T | Problem | None) -> None:
        question.asking = False
        self._lanes.discard(question.lane)
        try:
            if question is self._question:
                self._keep(question, answer)
        finally:
            self._begin()  # what waits is asked, whatever becomes of this one

    def _keep(self, question: _Question[T], answer: T | Problem | None) -> None:
        question.answered, question.answer = True, answer
        self.error = answer if isinstance(answer, Problem) else None
        if not isinstance(answer, Problem):
            self.result = answer
        if self._on_answer is not None:
            self._on_answer()
        elif not self._drawing:
            self._session.changed()


class Task:
    """What a page has done, one at a time. Nothing takes its place, and its failure is shown whatever page is open.

    Parameters
    ----------
    session
        On whose behalf.
    about
        Returns what the page is about: its form, or what else it may be turned to before the end.
    """

    def __init__(self, session: Asker, about: Callable[[], object] = lambda: None) -> None:
        self._session = session
        self._about = about
        self._present: object = None
        self.doing = ""
        """What is being done; empty: nothing."""

    def start(self, doing: str, work: Callable[[], T], then: Callable[[T | Problem, bool], None]) -> None:
        """Do something, unless something is being done already.

        Parameters
        ----------
        doing, work
            As `in_background` has them.
        then
            Takes the result, or the problem, and whether somebody is still where it was begun. Where not, a problem is
            shown above whatever page there is, and nothing there may be changed.
        """
        if self.doing:
            return
        present, place = object(), self._place()
        self.doing, self._present = doing, present

        def ended(answer: T | Problem) -> None:
            if self._present is present:
                self.let_go()
            here = self._place() == place
            then(answer, here)
            if isinstance(answer, Problem) and not here:
                self._session.notify(answer)

        in_background(self._session, doing, work, ended)

    def let_go(self) -> None:
        """Be free for something else; what is being done goes on."""
        self.doing, self._present = "", None

    def _place(self) -> tuple[int, object]:
        return self._session.visits, self._about()
