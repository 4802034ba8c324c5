"""Clean-up: what a profile keeps and why, what would go, removing that, and holding what must stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

from pwsops.operations.retention import Retention
from pwsops.rules.rights import Right
from pwsops.web.live.query import Query
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.nav import CLEANUP, STEPS, WIZARD
from pwsops.web.pages.cleanup import found as arranged
from pwsops.web.pages.cleanup import texts
from pwsops.web.pages.cleanup.form import HoldForm
from pwsops.web.pages.cleanup.found import SHOWN, Found
from pwsops.web.pages.page import Page
from pwsops.web.ui.markup import Markup


class Cleanup(Page):
    """Shows what the policy of the address's profile keeps, and removes the rest once somebody says so."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act, self._typed)
        self._looking: Query[Found] = Query(session, "Looking at the backups")
        self._begin("")
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def _begin(self, profile: str) -> None:
        self._profile = profile
        self._limits: dict[str, int] = {}
        self._asked: frozenset[str] | None = None
        """Which backups somebody was asked about; None: nobody was asked."""
        self._form: HoldForm | None = None
        self._releasing = ""
        self._outcome: Retention | None = None
        self._clear()

    def refresh(self) -> None:
        """Show the profile that the address names; what is known is read anew when something has changed."""
        nav = self._session.nav
        if nav.page != CLEANUP:
            return
        if nav.profile != self._profile:
            self._begin(nav.profile)
        if self._session.snapshot.profile(nav.profile) is None:
            # Asking would only be refused, and noted; and each note would be a reason to look anew.
            self._looking.forget()
            message = texts.UNKNOWN.format(nav.profile) if nav.profile else texts.NONE_CHOSEN.message
            self._piece.show("problem.html", message=message, hint=texts.NONE_CHOSEN.hint, command="")
            return
        self._ask()
        self._show()

    def _ask(self) -> None:
        ops, name = self._session.ops, self._profile
        self._looking.ask(name, partial(arranged.look, ops, name), version=ops.changes.version())

    @property
    def _found(self) -> Found | None:
        answer = self._looking.answer
        return None if isinstance(answer, Problem) else answer

    def _going(self) -> frozenset[str]:
        """Return which backups would go."""
        return frozenset() if self._found is None else self._found.going_ids

    def _show(self) -> None:
        session, found, form = self._session, self._found, self._form
        snapshot = session.snapshot
        self._piece.show(
            "cleanup/cleanup.html",
            profile=self._profile,
            found=found,
            problem=self._problem or self._looking.error,
            listed=[] if found is None else arranged.listed(found, self._limits),
            asking=self._asked is not None and bool(self._going()),
            named=texts.named(found.going) if found is not None and self._asked is not None else (),
            outcome=None if self._outcome is None else texts.outcome(self._outcome),
            doing=self._task.doing,
            note=self._note,
            form=form,
            errors=defaultdict(str, form.problems(snapshot.at, snapshot.zone) if form and form.pressed else {}),
            releasing=self._releasing,
            refusals=self._refusals(),
            now=snapshot.at,
            zone=snapshot.zone,
            zone_name=snapshot.zone_name,
        )

    def _refusals(self) -> dict[str, str]:
        """Return for each thing that can be done here why somebody cannot do it; empty: they can."""
        session, busy = self._session, texts.BUSY if self._task.doing else ""
        configures = session.why_not(Right.CONFIGURE)
        return {
            "edit": configures,
            "prune": configures or busy or ("" if self._going() else texts.NOTHING_GOES),
            "hold": session.why_not(Right.RUN) or busy,
            "release": configures or busy,
        }

    def _about(self) -> object:
        return self._profile

    def _typed(self, field: str, _key: str, value: str | bool) -> None:
        if self._form is not None and self._form.set(field, value):
            self._show()

    def _actions(self) -> Mapping[str, Action]:
        return {
            "edit-policy": lambda _: self._session.nav.go(page=WIZARD, profile=self._profile, step=STEPS),
            "more-sets": self._more,
            "prune-ask": self._ask_to_prune,
            "prune-not": self._keep,
            "prune-now": self._prune,
            "hold": self._open_form,
            "hold-not": self._leave_form,
            "hold-now": self._hold,
            "release-ask": self._ask_to_release,
            "release-not": self._keep_hold,
            "release-now": self._release,
        }

    def _more(self, database: str) -> None:
        self._limits[database] = self._limits.get(database, SHOWN) + SHOWN
        self._show()

    # Removing

    def _ask_to_prune(self, _key: str) -> None:
        self._clear()
        if not self._refusals()["prune"]:
            self._asked, self._form, self._releasing, self._outcome = self._going(), None, "", None
        self._show()
        self._session.attention.focus_on('[data-action="prune-not"]')

    def _keep(self, _key: str) -> None:
        self._asked = None
        self._show()
        self._session.attention.focus_on('[data-action="prune-ask"]')

    def _prune(self, _key: str) -> None:
        # What a browser sends proves nothing: the question has to have been asked, and about these.
        asked, going, found = self._asked, self._going(), self._found
        if asked is None or found is None or self._task.doing:
            return
        if asked != going:
            self._asked, self._problem = going, texts.CHANGED
            self._show()
            return
        self._asked = None
        prune = partial(self._session.ops.retention.prune, self._profile, agreed=going)
        self._do(texts.REMOVING, prune, self._pruned)
        self._session.attention.focus_on("h1")

    def _pruned(self, outcome: Retention, here: bool) -> str:
        if here:
            self._outcome = outcome
            self._session.attention.focus_on("#outcome-title")
        return ""

    # Holding

    def _open_form(self, set_id: str) -> None:
        self._clear()
        self._form, self._asked, self._releasing = HoldForm(set_id), None, ""
        self._show()
        self._session.attention.focus_on("#f-reason")

    def _leave_form(self, _key: str) -> None:
        form, self._form = self._form, None
        self._show()
        if form is not None:
            self._session.attention.focus_on_action("hold", form.set_id)

    def _hold(self, _key: str) -> None:
        form, found, snapshot = self._form, self._found, self._session.snapshot
        if form is None or found is None or self._task.doing:
            return
        # Fast typists press before the page has been told; so the button waits for nothing, and says it after.
        form.pressed = True
        if form.problems(snapshot.at, snapshot.zone):
            self._show()
            self._session.attention.focus_on('[aria-invalid="true"]')
            return
        work = partial(
            self._session.ops.holds.add_set,
            found.instance,
            form.set_id,
            reason=form.reason,
            until=form.until(snapshot.zone),
        )
        self._do("Holding the backup", work, lambda hold, here: self._held(form, hold.path, here))

    def _held(self, form: HoldForm, path: str, here: bool) -> str:
        if here and self._form is form:
            self._leave_form("")
        return texts.HELD.format(path=path) if here else ""

    def _ask_to_release(self, hold: str) -> None:
        self._clear()
        self._releasing, self._form, self._asked = hold, None, None
        self._show()
        self._session.attention.focus_on('[data-action="release-not"]')

    def _keep_hold(self, _key: str) -> None:
        hold, self._releasing = self._releasing, ""
        self._show()
        self._session.attention.focus_on_action("release-ask", hold)

    def _release(self, key: str) -> None:
        found, releasing = self._found, self._releasing
        hold = next((one for one in found.holds if str(one.id) == key), None) if found is not None else None
        if hold is None or key != releasing or self._task.doing:
            return
        self._releasing = ""
        release = partial(self._session.ops.holds.remove, hold.id)
        self._do("Releasing the backup", release, lambda _, here: self._released(hold.path, here))

    def _released(self, path: str, here: bool) -> str:
        if here:
            self._session.attention.focus_on("#holds-title", "h1")
        return texts.RELEASED.format(path=path) if here else ""
