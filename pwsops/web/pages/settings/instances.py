"""The instances, on the settings page: where databases live, and whether they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import panel as pn

from pwsops.engines.options import warnings
from pwsops.engines.records import Capabilities, Instance, Probe
from pwsops.web.live.query import Query, Task
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Trouble
from pwsops.web.nav import SETTINGS
from pwsops.web.pages.settings.instance_draft import InstanceDraft
from pwsops.web.ui.formatting import Mark
from pwsops.web.ui.markup import Markup

ADDING, EDITING = "add", "edit"
"""The parts of the page in which an instance is added or edited; the address names them."""
_ENGINES = {
    "sqlite": ("SQLite files", "Directory", "The directory on this machine that the SQLite files lie in."),
    "sqlserver": ("SQL Server", "Server", "Its name, with instance or port: host\\instance, or host,port."),
}
_ASKED = Mark(tone="plain", icon="clock", word="being asked")
_ANSWERS = Mark(tone="ok", icon="check", word="answers")
_LACKS = Mark(tone="orange", icon="warning", word="rights are missing")
_SILENT = Mark(tone="orange", icon="warning", word="does not answer")


class Instances(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Lists the instances with what each one says of itself; adds, edits and removes them."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._piece = Markup(self._act, self._typed)
        self._probes: dict[str, Query[Probe]] = {}
        self._task = Task(session, about=lambda: self._draft)
        self._removing = ""
        self._trouble: Trouble | None = None
        self._note = ""
        self._draft: InstanceDraft | None = None
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def refresh(self) -> None:
        """Show the instances that there are now; those that are new here are asked how they are."""
        listed = self._session.ops.instances.list()
        self._probe(listed)
        if self._removing not in self._probes:
            self._removing = ""
        draft = self._drafted(listed)
        if draft is not self._draft:
            # What was said of another form does not stay.
            self._draft, self._trouble = draft, None
        self._show(listed)

    def _drafted(self, listed: Sequence[Instance]) -> InstanceDraft | None:
        """Return the form that the address asks for, with what was typed into it so far."""
        nav, draft, ops = self._session.nav, self._draft, self._session.ops
        begun = None if draft is None else draft.original and draft.original.name
        if nav.view == ADDING:
            here = draft is not None and begun is None
            return draft if here else InstanceDraft(ops.instances.offers, next(iter(ops.instances.engines())))
        original = next((one for one in listed if nav.view == EDITING and one.name == nav.instance), None)
        if original is None or begun == original.name:
            return draft if original else None
        return InstanceDraft(ops.instances.offers, original.engine, original)

    def _show(self, listed: Sequence[Instance]) -> None:
        profiles = self._session.snapshot.profiles
        draft = self._draft
        _, address, about = _about(str(draft.text["engine"]) if draft else "")
        self._piece.show(
            "settings/instances.html",
            rows=[self._row(one, sum(profile.instance == one.name for profile in profiles)) for one in listed],
            no_profile=not profiles,
            draft=draft,
            engines=[(key, _about(key)[0]) for key in self._session.ops.instances.engines()],
            errors=draft.problems() if draft and draft.pressed else {},
            address_label=address,
            address_help=about,
            removing=self._removing,
            busy=self._task.doing,
            trouble=self._trouble,
            note=self._note,
        )

    def _row(self, one: Instance, used: int) -> dict[str, Any]:
        answer, able = self._probes[one.name].answer, self._session.ops.instances.offers(one.engine)
        row = {"one": one, "engine": _about(one.engine)[0], "used": used, "version": "", "missing": (), "facts": {}}
        row |= {"able": able, "held": (), "told": _told(one, able), "warnings": warnings(one.options, able.options)}
        if answer is None:
            return {**row, "mark": _ASKED, "trouble": None}
        if isinstance(answer, Trouble):
            return {**row, "mark": _SILENT, "trouble": answer}
        known = (one.address, one.login, *answer.version.split())
        facts = {key: fact for key, fact in answer.facts.items() if fact not in (*known, answer.version)}
        mark = _SILENT if not answer.reachable else _LACKS if answer.missing_rights else _ANSWERS
        said = {"version": answer.version, "missing": answer.missing_rights, "held": answer.held_rights, "facts": facts}
        return {**row, **said, "mark": mark, "trouble": None}

    def _probe(self, listed: Sequence[Instance]) -> None:
        """Ask each instance how it is, unless it was asked since it last changed."""
        probe = self._session.ops.instances.probe

        def query(name: str) -> Query[Probe]:
            return Query(self._session, f"Reaching {name}", on_answer=self.refresh)

        self._probes = {one.name: self._probes.get(one.name) or query(one.name) for one in listed}
        for one in listed:
            self._probes[one.name].ask(one, partial(probe, one.name))

    def _probe_anew(self, name: str) -> None:
        if name in self._probes:
            self._probes[name].forget()

    def _typed(self, field: str, key: str, value: str | bool) -> None:
        if self._draft is not None and self._draft.set(field, value):
            self._trouble = None
            self.refresh()

    def _act(self, action: str, key: str) -> None:
        nav = self._session.nav
        if action == "add-instance":
            self._note = ""
            nav.go(page=SETTINGS, view=ADDING)
        elif action == "edit-instance":
            self._note = ""
            nav.go(page=SETTINGS, view=EDITING, instance=key)
        elif action == "leave-instance":
            self._leave(self._draft)
        elif action == "save-instance" and self._draft is not None:
            self._save(self._draft)
        elif action == "make-samples":
            self._do("Making the sample vaults", self._session.ops.samples.create, "The sample vaults are there.")
        elif action == "remove-instance":
            self._removing, self._note = key, ""
            self.refresh()
        elif action == "keep-instance":
            name, self._removing = self._removing, ""
            self.refresh()
            self._session.attention.focus_on_action("remove-instance", name)
        elif action == "remove-now":
            self._removing = ""
            remove = self._session.ops.instances.remove
            self._do(f"Removing {key}", lambda: remove(key), f"{key} is removed. Its history and its backups stay.")
        elif action == "probe":
            self._probe_anew(key)
            self.refresh()
        else:
            self._session.act(action, key)

    def _leave(self, draft: InstanceDraft | None) -> None:
        """Go back to the list, to where somebody came from."""
        self._session.nav.go(page=SETTINGS)
        if draft is not None and draft.original is not None:
            self._session.attention.focus_on_action("edit-instance", draft.original.name)
        else:
            self._session.attention.focus_on('[data-action="add-instance"]')

    def _save(self, draft: InstanceDraft) -> None:
        # Whoever types fast presses before the page has been told; so the button waits for nothing, and says it after.
        draft.pressed = True
        if self._task.doing or draft.problems():
            self.refresh()
            self._session.attention.focus_on('[aria-invalid="true"]')
            return
        instances, before, values = self._session.ops.instances, draft.original, draft.values()
        name, engine = str(draft.text["name"]).strip(), str(draft.text["engine"])
        draft.forget_password()

        def saved(trouble: Trouble | None, here: bool) -> None:
            if trouble is None:
                # A new password is part of no record that could differ, and the server may answer now.
                self._probe_anew(name)
                self._session.store.ask_anew(name)
            if here:
                self._trouble = trouble
                if trouble is None:
                    self._leave(draft if before is not None else None)

        if before is None:
            self._do(
                "Adding the instance", lambda: instances.add(name, engine=engine, **values), f"{name} is added.", saved
            )
        else:
            self._do(
                "Saving the instance", lambda: instances.edit(name, seen=before, **values), f"{name} is saved.", saved
            )

    def _do(
        self,
        doing: str,
        work: Callable[[], object],
        note: str,
        then: Callable[[Trouble | None, bool], None] | None = None,
    ) -> None:
        """Do one thing at a time; what it is refused for goes to `then`, or is shown at the top of the page."""
        if self._task.doing:
            return
        self._note, self._session.notice = "", None

        def done(answer: object, here: bool) -> None:
            trouble = answer if isinstance(answer, Trouble) else None
            self._note = "" if trouble else note
            if then is not None:
                then(trouble, here)
            elif trouble is not None:
                self._session.notice = trouble
            self._session.changed()
            if then is None and here:
                self._session.attention.focus_on("#instances-title")

        self._task.start(doing, work, done)
        self._session.changed()


def _told(one: Instance, able: Capabilities) -> list[str]:
    """Say who is asked as, and the options that were given, but for those that a warning speaks of."""
    told = [f"as {one.login or 'the service user'}"] if able.login else []
    for option in able.options:
        value = one.options.get(option.key, option.default)
        if value != option.default and value not in option.warnings:
            said = option.choices.get(value, value) if isinstance(value, str) else f"{value:g}"
            told.append(f"{option.title}: {said}")
    return told


def _about(engine: str) -> tuple[str, str, str]:
    """Return an engine's name, what its address is called, and what that means."""
    return _ENGINES.get(engine, (engine, "Address", "Where its databases are reached."))
