"""What pages repeat: actions by name, one thing done at a time, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import panel as pn

from pwsops.web.live.query import Task
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.ui.markup import Markup

T = TypeVar("T")


class Page(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """A page, or a part of one that has a form of its own.

    Parameters
    ----------
    session
        Whose page it is.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._task = Task(session, self._about)
        self._problem: Problem | None = None
        """Why what was done last could not be done."""
        self._note = ""
        """What came of it otherwise."""

    _piece: Markup

    def __panel__(self) -> Any:
        return self._piece

    def _about(self) -> object:
        """Return what the page is about: its form, or what else it may be turned to while something is done."""
        return None

    def _actions(self) -> Mapping[str, Action]:
        """Return what the page's own buttons do, by their names; the session knows what all pages have."""
        return {}

    def _act(self, action: str, key: str) -> None:
        own = self._actions().get(action)
        if own is None:
            self._session.act(action, key)
        else:
            own(key)

    def _clear(self) -> None:
        """Forget the problem and the note of what was done last."""
        self._problem, self._note = None, ""

    def _do(
        self, doing: str, work: Callable[[], T], done: Callable[[T, bool], str], *, shows_problem: bool = True
    ) -> None:
        """Do something, unless something is being done already.

        Parameters
        ----------
        doing, work
            As `Task.start` has them.
        done
            Takes the result, and whether somebody is still where it was begun; returns what to say of it.
        shows_problem
            Whether the page has a place for a problem; else it is shown above the page.
        """
        if self._task.doing:
            return
        self._clear()
        self._session.notice = None

        def ended(answer: T | Problem, here: bool) -> None:
            if not isinstance(answer, Problem):
                self._note = done(answer, here)
            elif here and shows_problem:
                self._problem = answer
            elif here:
                self._session.notice = answer
            self._session.changed()

        self._task.start(doing, work, ended)
        self._session.changed()
