"""How a restore goes and how it ended: in the place of the form that began it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pwsops.engines.records import DatabaseContents
from pwsops.operations.records import RestoreView
from pwsops.rules.rights import Right
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.nav import DATABASES, Nav
from pwsops.web.pages.restore import texts
from pwsops.web.pages.restore.texts import Present
from pwsops.web.ui import formatting
from pwsops.web.ui.markup import Markup

Act = Callable[[str, str], None]


class Outcome:
    """The part of the page Restore that follows a restore.

    Parameters
    ----------
    session
        Whose page it is.
    act
        Takes what this part does not do itself.
    cancel
        Cancels a restore, given its number as text: somebody was asked.
    """

    def __init__(self, session: Session, act: Act, cancel: Callable[[str], None]) -> None:
        self._session = session
        self._on_act = act
        self._cancel = cancel
        self.piece = Markup(self._act)
        self.forget()

    def forget(self) -> None:
        """Follow another restore from now on, of which nothing was seen yet."""
        self._followed = self._asked = 0
        self._before: DatabaseContents | None = None

    def begun(self, restore: RestoreView, present: Present | None) -> None:
        """Follow a restore that began here. `present` is what was there before it."""
        contents = present.contents if present is not None else None
        self._before = contents if isinstance(contents, DatabaseContents) else None
        self._followed = restore.id
        self._session.attention.focus_on("#outcome-title")

    def compared(self, restore: RestoreView | None, present: Present | None) -> dict[str, Any] | None:
        """Return the rows before and after a restore that has succeeded here; None where they are not known."""
        if restore is None or restore.status != "succeeded" or present is None:
            return None
        return texts.compared(self._before, present.contents)

    def show(self, restore: RestoreView, present: Present | None, *, not_allowed: str, failure: Problem | None) -> None:
        """Show how far it is, or how it ended; what happens while somebody looks on is announced."""
        snapshot = self._session.snapshot
        atomic = texts.is_atomic(self._session.ops, restore.instance)
        mark, sentence = texts.restore_mark(restore), texts.outcome(restore, present, atomic=atomic)
        if restore.status.ended:
            self._asked = 0
        self.piece.show(
            "restore/outcome.html",
            restore=restore,
            mark=mark,
            percent=formatting.percent(restore),
            sentence=sentence,
            atomic=atomic,
            compared=self.compared(restore, present),
            cancelling=self._asked == restore.id,
            not_allowed=not_allowed,
            failure=failure,
            back=Nav(page=DATABASES, instance=restore.instance).search(),
            now=snapshot.at,
            zone=snapshot.zone,
        )
        self._tell(restore, sentence)

    def _tell(self, restore: RestoreView, sentence: str) -> None:
        if not restore.status.ended:
            self._followed = restore.id
        elif self._followed == restore.id:
            self._followed = 0
            self._session.attention.focus_on("#outcome-title")
            self._session.attention.announce(sentence or f"The restore of {restore.database} {restore.status.value}.")

    def _act(self, action: str, key: str) -> None:
        if action == "cancel-restore" and self._session.why_not(Right.RESTORE):
            self._cancel(key)  # which is refused, and noted: no page offers it to them
        elif action == "cancel-restore":
            self._ask(key)
        elif action == "keep-restoring":
            self._ask("")
            self._session.attention.focus_on('[data-action="cancel-restore"]')
        elif action == "cancel-restore-now":
            # What a browser sends proves nothing: somebody has to have been asked, and about this one.
            if self._asked and key == str(self._asked):
                self._ask("")
                self._cancel(key)
        else:
            self._on_act(action, key)

    def _ask(self, key: str) -> None:
        self._asked = int(key) if key.isascii() and key.isdecimal() and len(key) < 16 else 0
        self._session.changed()
