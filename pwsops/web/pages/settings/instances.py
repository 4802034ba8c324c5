"""The instances, on the settings page: where databases live, and whether they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pwsops.engines.options import warnings
from pwsops.engines.records import Capabilities, Instance, Probe
from pwsops.web.live.query import Query
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.nav import SETTINGS
from pwsops.web.pages.page import Page
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


class Instances(Page):
    """Lists the instances with what each one says of itself; adds, edits and removes them."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act, self._typed)
        self._probes: dict[str, Query[Probe]] = {}
        self._removing = ""
        self._draft: InstanceDraft | None = None
        self.refresh()

    def refresh(self) -> None:
        """Show the instances that there are now; those that are new here are asked how they are."""
        listed = self._session.ops.instances.list()
        self._probe(listed)
        if self._removing not in self._probes:
            self._removing = ""
        draft = self._drafted(listed)
        if draft is not self._draft:
            # What was said of another form does not stay.
            self._draft, self._problem = draft, None
        self._show(listed)

    def _drafted(self, listed: Sequence[Instance]) -> InstanceDraft | None:
        """Return the form that the address asks for, with what was typed into it so far."""
        nav, draft, ops = self._session.nav, self._draft, self._session.ops
        begun = None if draft is None else draft.original and draft.original.name
        if nav.view == ADDING:
            here = draft is not None and begun is None
            return draft if here else InstanceDraft(ops.instances.offers, next(iter(ops.instances.engines())))
        original = next((each for each in listed if nav.view == EDITING and each.name == nav.instance), None)
        if original is None or begun == original.name:
            return draft if original else None
        return InstanceDraft(ops.instances.offers, original.engine, original)

    def _show(self, listed: Sequence[Instance]) -> None:
        profiles = self._session.snapshot.profiles
        draft = self._draft
        _, address, about = _about(str(draft.text["engine"]) if draft else "")
        self._piece.show(
            "settings/instances.html",
            rows=[self._row(each, sum(profile.instance == each.name for profile in profiles)) for each in listed],
            no_profile=not profiles,
            draft=draft,
            engines=[(key, _about(key)[0]) for key in self._session.ops.instances.engines()],
            errors=draft.problems() if draft and draft.pressed else {},
            address_label=address,
            address_help=about,
            removing=self._removing,
            busy=self._task.doing,
            problem=self._problem,
            note=self._note,
        )

    def _row(self, instance: Instance, used: int) -> dict[str, Any]:
        answer, able = self._probes[instance.name].answer, self._session.ops.instances.offers(instance.engine)
        row = {"instance": instance, "engine": _about(instance.engine)[0], "used": used, "able": able}
        row |= {"version": "", "missing": (), "held": (), "facts": {}, "details": _details(instance, able)}
        row |= {"warnings": warnings(instance.options, able.options)}
        if answer is None:
            return {**row, "mark": _ASKED, "problem": None}
        if isinstance(answer, Problem):
            return {**row, "mark": _SILENT, "problem": answer}
        known = (instance.address, instance.login, *answer.version.split())
        facts = {key: fact for key, fact in answer.facts.items() if fact not in (*known, answer.version)}
        mark = _SILENT if not answer.reachable else _LACKS if answer.missing_rights else _ANSWERS
        rights = {"missing": answer.missing_rights, "held": answer.held_rights}
        return {**row, **rights, "version": answer.version, "facts": facts, "mark": mark, "problem": None}

    def _probe(self, listed: Sequence[Instance]) -> None:
        """Ask each instance how it is, unless it was asked since it last changed."""
        probe = self._session.ops.instances.probe

        def query(name: str) -> Query[Probe]:
            return Query(self._session, f"Reaching {name}", on_answer=self.refresh)

        self._probes = {instance.name: self._probes.get(instance.name) or query(instance.name) for instance in listed}
        for instance in listed:
            self._probes[instance.name].ask(instance, partial(probe, instance.name))

    def _probe_anew(self, name: str) -> None:
        if name in self._probes:
            self._probes[name].forget()

    def _typed(self, field: str, key: str, value: str | bool) -> None:
        if self._draft is not None and self._draft.set(field, value):
            self._problem = None
            self.refresh()

    def _about(self) -> object:
        return self._draft

    def _actions(self) -> Mapping[str, Action]:
        return {
            "add-instance": lambda _: self._open(ADDING),
            "edit-instance": lambda name: self._open(EDITING, name),
            "leave-instance": lambda _: self._leave(self._draft),
            "save-instance": self._save,
            "make-samples": self._make_samples,
            "remove-instance": self._ask_to_remove,
            "keep-instance": self._keep,
            "remove-now": self._remove,
            "probe": self._ask_again,
        }

    def _open(self, view: str, name: str = "") -> None:
        self._note = ""
        self._session.nav.go(page=SETTINGS, view=view, instance=name)

    def _leave(self, draft: InstanceDraft | None) -> None:
        """Go back to the list, to where somebody came from."""
        self._session.nav.go(page=SETTINGS)
        if draft is not None and draft.original is not None:
            self._session.attention.focus_on_action("edit-instance", draft.original.name)
        else:
            self._session.attention.focus_on('[data-action="add-instance"]')

    def _done(self, note: str, here: bool) -> str:
        """Go on at the list, where somebody is still there; return what to say."""
        if here:
            self._session.attention.focus_on("#instances-title")
        return note

    def _make_samples(self, _key: str) -> None:
        create = self._session.ops.samples.create
        note = "The sample vaults are there."
        self._do("Making the sample vaults", create, lambda _, here: self._done(note, here), shows_problem=False)

    def _ask_to_remove(self, name: str) -> None:
        self._removing, self._note = name, ""
        self.refresh()

    def _keep(self, _key: str) -> None:
        name, self._removing = self._removing, ""
        self.refresh()
        self._session.attention.focus_on_action("remove-instance", name)

    def _remove(self, name: str) -> None:
        self._removing, remove = "", partial(self._session.ops.instances.remove, name)
        note = f"{name} is removed. Its history and its backups stay."
        self._do(f"Removing {name}", remove, lambda _, here: self._done(note, here), shows_problem=False)

    def _ask_again(self, name: str) -> None:
        self._probe_anew(name)
        self.refresh()

    def _save(self, _key: str) -> None:
        draft = self._draft
        if draft is None:
            return
        # Fast typists press before the page has been told; so the button waits for nothing, and says it after.
        draft.pressed = True
        if self._task.doing or draft.problems():
            self.refresh()
            self._session.attention.focus_on('[aria-invalid="true"]')
            return
        instances, before, values = self._session.ops.instances, draft.original, draft.values()
        name, engine = str(draft.text["name"]).strip(), str(draft.text["engine"])
        draft.forget_password()

        def saved(how: str, _: object, here: bool) -> str:
            # A new password is part of no record that could differ, and the server may answer now.
            self._probe_anew(name)
            self._session.store.ask_anew(name)
            if here:
                self._leave(draft if before is not None else None)
            return f"{name} is {how}."

        if before is None:
            add = partial(instances.add, name, engine=engine, **values)
            self._do("Adding the instance", add, partial(saved, "added"))
        else:
            edit = partial(instances.edit, name, seen=before, **values)
            self._do("Saving the instance", edit, partial(saved, "saved"))


def _details(instance: Instance, able: Capabilities) -> list[str]:
    """Return who is asked as, and the options that were given, but for those that a warning speaks of."""
    parts = [f"as {instance.login or 'the service user'}"] if able.login else []
    for option in able.options:
        value = instance.options.get(option.key, option.default)
        if value != option.default and value not in option.warnings:
            found = option.choices.get(value, value) if isinstance(value, str) else f"{value:g}"
            parts.append(f"{option.title}: {found}")
    return parts


def _about(engine: str) -> tuple[str, str, str]:
    """Return an engine's name, what its address is called, and what that means."""
    return _ENGINES.get(engine, (engine, "Address", "Where its databases are reached."))
