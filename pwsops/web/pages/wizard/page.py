"""The wizard: a profile in three steps, with the calendar of its runs beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import panel as pn

from pwsops.engines.records import DirectoryCheck
from pwsops.errors import NotFound
from pwsops.operations.records import ProfileView
from pwsops.rules.model import ProfileState
from pwsops.web.live.query import Policy, Query
from pwsops.web.live.session import Action, Session
from pwsops.web.nav import OVERVIEW, STEPS, WIZARD, step
from pwsops.web.pages.page import Page
from pwsops.web.pages.wizard import texts
from pwsops.web.pages.wizard.draft import AT_ONCE, STEP_FIELDS, Draft
from pwsops.web.pages.wizard.preview import Preview
from pwsops.web.pages.wizard.texts import Directories
from pwsops.web.ui.markup import Markup

_WRONG = '[aria-invalid="true"]:not(fieldset), fieldset[aria-invalid="true"] input, #wrong'
_BESIDE = """
:host {
  display: grid !important; gap: 12px; grid-auto-rows: max-content; grid-template-columns: minmax(0, 1fr);
  height: auto !important;
}
@media (min-width: 1100px) { :host { align-items: start; grid-template-columns: minmax(380px, 4fr) minmax(0, 6fr); } }
"""


class Wizard(Page):
    """Edits the profile that the address names, or a new one. What was typed waits in the session until it is saved."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._form = Markup(self._act, self._typed)
        self._preview = Preview(session)
        self._shown: Draft | None = None
        self._checked: Query[DirectoryCheck] = Query(
            session, "Checking the directory", policy=Policy.SERIAL, on_answer=self.refresh
        )
        self._in_the_way: Query[Sequence[str]] = Query(
            session, "Looking for files", policy=Policy.SERIAL, on_answer=self.refresh
        )
        self._listing: Query[Directories] = Query(session, "Listing the directory", on_answer=self._listed)
        self._asked_as = ""
        self._view = pn.Column(self._form, self._preview, sizing_mode="stretch_width", margin=0, stylesheets=[_BESIDE])
        self.refresh()
        if not session.drawn:
            session.when_drawn(self.refresh)

    def __panel__(self) -> Any:
        return self._view

    def _about(self) -> object:
        return self._shown

    def refresh(self) -> None:
        """Show the draft at the address's step."""
        if self._session.nav.page != WIZARD:
            return  # an answer may come when somebody has gone elsewhere already
        draft = self._draft()
        if draft is not self._shown:
            # What was said of another profile, or of what was typed before, does not stay.
            self._shown, self._problem = draft, None
            self._listing.forget()
        if draft is None:
            return
        instances = self._session.snapshot.instances
        if not draft.text["instance"] and "instance" not in draft.touched and len(instances) == 1:
            # Also where the only one was added a moment ago.
            draft.text["instance"] = instances[0]
        draft.able, self._asked_as = self._session.able(str(draft.text["instance"]))
        self._check_directory(draft)
        self._look_in_the_way(draft)
        self._show_form(draft)
        self._preview.show(draft)

    def _draft(self) -> Draft | None:
        name, drafts = self._session.nav.profile, self._session.drafts
        if name not in drafts:
            try:
                drafts[name] = self._begin(name)
            except NotFound as error:
                self._form.show("problem.html", message=error.message, hint=error.hint, command="")
                return None
        return drafts[name]

    def _begin(self, name: str) -> Draft:
        ops = self._session.ops
        if not name:
            return Draft(ops.profiles.new())
        stored, view = ops.profiles.get(name), ops.profiles.view(name)
        tripped = view.state is ProfileState.TRIPPED
        draft = Draft(stored, stored, tripped=tripped)
        if tripped:
            draft.diagnosis = ops.profiles.diagnose(name)
        return draft

    def _problems(self, draft: Draft) -> dict[str, str]:
        return draft.problems(lambda name: self._session.snapshot.profile(name) is not None)

    def _show_form(self, draft: Draft) -> None:
        snapshot, nav = self._session.snapshot, self._session.nav
        problems = self._problems(draft)
        wrong = {step: [key for key in keys if key in problems] for step, keys in STEP_FIELDS.items()}
        shown = {key: why for key, why in problems.items() if key in draft.touched or draft.pressed or key in AT_ONCE}
        blocked = next(iter(problems.values()), "") or self._unamended(draft)
        self._form.show(
            "wizard/wizard.html",
            draft=draft,
            text=draft.text,
            step=nav.step,
            last=STEPS,
            wrong=wrong,
            errors=defaultdict(str, shown),
            blocked=blocked,
            saving=bool(self._task.doing),
            problem=self._problem,
            instances=snapshot.instances,
            databases=texts.databases(draft, snapshot),
            awaited=draft.text["instance"] in snapshot.awaited,
            instance_problem=texts.instance_problem(draft, snapshot),
            directory=texts.directory(self._checked.answer),
            in_the_way=texts.in_the_way(self._in_the_way.answer),
            entries=self._listing.result,
            causes=texts.causes(draft.diagnosis) if draft.diagnosis else (),
            zones=texts.zones(),
            asked_as=self._asked_as,
            certificates=self._certificates(draft) if nav.step == STEPS else (),
            now=snapshot.at,
            zone=snapshot.zone,
        )

    def _certificates(self, draft: Draft) -> Sequence[tuple[str, str]]:
        if not draft.able.encryption or draft.able.certificates:
            return ()
        return texts.certificates(self._session.ops.certificates.for_encryption(), draft.encrypt_with)

    def _unamended(self, draft: Draft) -> str:
        if draft.tripped and not draft.changed and not str(draft.text["note"]).strip():
            return "Change what made it fail, or say in the note what was amended on the server."
        return ""

    def _typed(self, field: str, key: str, value: str | bool) -> None:
        draft = self._draft()
        if draft is not None:
            draft.set(field, key, value)
            if field == "instance":
                self._listing.forget()
            self._problem = None
            self.refresh()

    def _actions(self) -> Mapping[str, Action]:
        draft = self._draft()
        if draft is None:
            return {}
        return {
            "step": self._step,
            "next": partial(self._next, draft),
            "recommend": partial(self._recommend, draft),
            "browse": partial(self._browse, draft),
            "use-directory": partial(self._use_directory, draft),
            "save": partial(self._save, draft),
            "leave": self._leave,
            "again": self._begin_again,
        }

    def _step(self, key: str) -> None:
        with suppress(ValueError):  # no page of ours has such a key
            self._go_to(step(key))

    def _next(self, draft: Draft, key: str) -> None:
        here = self._session.nav.step
        if key != str(here):
            return  # Enter was pressed again before the next step was there: it was meant for the one before
        draft.touched.update(STEP_FIELDS[here])
        if not self._problems(draft).keys() & set(STEP_FIELDS[here]):
            self._go_to(here + 1)
        else:
            self.refresh()
            self._session.attention.focus_on(_WRONG)

    def _recommend(self, draft: Draft, _key: str) -> None:
        draft.recommend()
        self.refresh()

    def _use_directory(self, draft: Draft, path: str) -> None:
        draft.set("directory", "", path)
        self._listing.forget()
        self.refresh()
        self._session.attention.focus_on("#f-directory")

    def _leave(self, _key: str) -> None:
        name = self._session.nav.profile
        self._session.drafts.pop(name, None)
        self._session.nav.go(page=OVERVIEW, profile=name)
        if name:
            self._session.attention.focus_on_action("select", name)

    def _begin_again(self, _key: str) -> None:
        self._session.drafts.pop(self._session.nav.profile, None)
        self.refresh()
        self._session.attention.focus_on("#step-title")

    def _go_to(self, step: int) -> None:
        """Show a step from its heading on: Enter pressed on must not pass what nobody has seen."""
        self._session.nav.param.update(step=step)
        self._session.attention.focus_on("#step-title")

    def _check_directory(self, draft: Draft) -> None:
        instance, path = str(draft.text["instance"]), str(draft.text["directory"]).strip()
        check = self._session.ops.databases.check_directory
        if instance and path:
            self._checked.ask((instance, path), lambda: check(instance, path), lane=instance)
        else:
            self._checked.forget()

    def _look_in_the_way(self, draft: Draft) -> None:
        """Look for files that lie under the names of the media already, where it is said which those are."""
        profile = None if self._session.nav.step < STEPS or draft.text["timestamp"] else draft.schedule()
        if profile is None or not texts.names_media(draft):
            self._in_the_way.forget()
            return
        instance, where = str(draft.text["instance"]), str(draft.text["directory"]).strip()
        profile.param.update(instance=instance, directory=where, databases=list(draft.databases))
        key = (instance, where, tuple(draft.databases), profile.incremental)
        self._in_the_way.ask(key, lambda: self._session.ops.profiles.in_the_way(profile), lane=instance)

    def _browse(self, draft: Draft, path: str) -> None:
        if self._listing.result is not None and not path:
            self._listing.forget()
            self.refresh()
            self._session.attention.focus_on('[data-action="browse"]')
            return
        instance, ops = str(draft.text["instance"]), self._session.ops
        asked = path or str(draft.text["directory"]).strip()
        # The same directory may hold something else by now.
        self._listing.ask(object(), lambda: texts.look(ops, instance, asked))

    def _listed(self) -> None:
        self._problem = self._listing.error or self._problem
        self.refresh()
        if not self._listing.under_way:
            self._session.attention.focus_on("#problem" if self._listing.error else "#entries-title")

    def _save(self, draft: Draft, _key: str) -> None:
        # Fast typists press before the page has been told; so the button waits for nothing, and says it after.
        draft.pressed = True
        problems = self._problems(draft)
        if problems:
            wrong = [step for step, fields in STEP_FIELDS.items() if problems.keys() & set(fields)]
            if self._session.nav.step not in wrong:
                self._session.nav.step = wrong[0]
        if self._task.doing or problems or self._unamended(draft):
            self.refresh()
            self._session.attention.focus_on(_WRONG if problems else "#f-note")
            return
        ops, before, profile, password = self._session.ops, draft.original, draft.profile(), draft.password()
        protection = draft.certificate_password()
        draft.forget_passwords()

        def save() -> ProfileView:
            if before is None:
                return ops.profiles.create(profile, password=password, certificate_password=protection)
            note = str(draft.text["note"]).strip()
            return ops.profiles.save(
                before.name, profile, note=note, seen=before, password=password, certificate_password=protection
            )

        self._do("Saving the profile", save, partial(self._saved, self._session.nav.profile, draft))

    def _saved(self, name: str, draft: Draft, saved: ProfileView, here: bool) -> str:
        drafts = self._session.drafts
        if drafts.get(name) is draft:
            del drafts[name]
        if here:
            done = "created" if draft.original is None else "saved"
            self._session.nav.go(page=OVERVIEW, profile=saved.name)
            self._session.attention.announce(f"The profile {saved.name} is {done}.")
            self._session.attention.focus_on_action("select", saved.name)
        return ""
