"""The instances, on the settings page: where databases live, and whether they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn

from pwsops.engines.base import Instance, Probe
from pwsops.views.markup import Markup
from pwsops.views.nav import SETTINGS
from pwsops.views.session import Session
from pwsops.views.store import Trouble
from pwsops.views.words import Mark

ADDING = "add"
"""The part of the page in which an instance is added; the address names it."""
_ENGINES = {
    "sqlite": ("SQLite files", "Directory", "The directory on this machine that the SQLite files lie in."),
    "sqlserver": ("SQL Server", "Server", "Its name, with instance or port: host\\instance, or host,port."),
}
_ASKED = Mark(tone="plain", icon="clock", word="being asked")
_ANSWERS = Mark(tone="ok", icon="check", word="answers")
_LACKS = Mark(tone="orange", icon="warning", word="rights are missing")
_SILENT = Mark(tone="orange", icon="warning", word="does not answer")


class Instances(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Lists the instances with what each one says of itself; adds and removes them."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._piece = Markup(self._act, self._typed)
        self._answers: dict[str, tuple[Instance, Probe | Trouble | None]] = {}
        self._removing = ""
        self._busy = ""
        self._trouble: Trouble | None = None
        self._note = ""
        self._text = self._empty()
        self._pressed = False
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def refresh(self) -> None:
        """Show the instances that there are now; those that are new here are asked how they are."""
        listed = self._session.ops.instances.list()
        self._answers = {
            one.name: self._answers[one.name]
            for one in listed
            if one.name in self._answers and self._answers[one.name][0] == one
        }
        fresh = [one for one in listed if one.name not in self._answers]
        self._answers |= {one.name: (one, None) for one in fresh}
        if self._removing not in self._answers:
            self._removing = ""
        self._show(listed)
        for one in fresh:
            self._probe(one)

    def _show(self, listed: Sequence[Instance]) -> None:
        profiles = self._session.snapshot.profiles
        _, address, about = _about(self._text["engine"])
        self._piece.show(
            "instances.html",
            rows=[self._row(one, sum(profile.instance == one.name for profile in profiles)) for one in listed],
            no_profile=not profiles,
            adding=self._session.nav.view == ADDING,
            text=self._text,
            engines=[(key, _about(key)[0]) for key in self._session.ops.instances.engines()],
            errors=self._missing() if self._pressed else {},
            address_label=address,
            address_help=about,
            removing=self._removing,
            busy=self._busy,
            trouble=self._trouble,
            note=self._note,
        )

    def _row(self, one: Instance, used: int) -> dict[str, Any]:
        answer = self._answers[one.name][1]
        row = {"one": one, "engine": _about(one.engine)[0], "used": used, "version": "", "missing": (), "facts": {}}
        if answer is None:
            return {**row, "mark": _ASKED, "trouble": None}
        if isinstance(answer, Trouble):
            return {**row, "mark": _SILENT, "trouble": answer}
        known = (one.address, *answer.version.split())
        facts = {key: fact for key, fact in answer.facts.items() if fact not in known}
        mark = _SILENT if not answer.reachable else _LACKS if answer.missing_rights else _ANSWERS
        said = {"version": answer.version, "missing": answer.missing_rights, "facts": facts}
        return {**row, **said, "mark": mark, "trouble": None}

    def _probe(self, one: Instance) -> None:
        def answered(answer: Probe | Trouble) -> None:
            if self._answers.get(one.name, (None, None))[0] == one:
                self._answers[one.name] = (one, answer)
                self._show(self._session.ops.instances.list())

        self._session.ask(f"Reaching {one.name}", lambda: self._session.ops.instances.probe(one.name), answered)

    def _typed(self, field: str, key: str, value: str | bool) -> None:
        if field in self._text and isinstance(value, str):
            self._text[field] = value
            self._trouble = None
            self.refresh()

    def _act(self, action: str, key: str) -> None:
        nav = self._session.nav
        if action == "add-instance":
            self._note = ""
            nav.go(page=SETTINGS, view=ADDING)
        elif action == "leave-adding":
            self._text, self._trouble, self._pressed = self._empty(), None, False
            nav.go(page=SETTINGS)
        elif action == "save-instance":
            self._add()
        elif action == "make-samples":
            self._do("Making the sample vaults", self._session.ops.samples.create, "The sample vaults are there.")
        elif action == "remove-instance":
            self._removing, self._note = key, ""
            self.refresh()
        elif action == "keep-instance":
            self._removing = ""
            self.refresh()
        elif action == "remove-now":
            self._removing = ""
            remove = self._session.ops.instances.remove
            self._do(f"Removing {key}", lambda: remove(key), f"{key} is removed. Its history and its backups stay.")
        elif action == "probe":
            self._answers.pop(key, None)
            self.refresh()
        else:
            self._session.act(action, key)

    def _add(self) -> None:
        # Whoever types fast presses before the page has been told; so the button waits for nothing, and says it after.
        self._pressed = True
        if self._missing():
            self.refresh()
            return
        name, engine, address = (self._text[field].strip() for field in ("name", "engine", "address"))
        add = self._session.ops.instances.add

        def added(answer: Trouble | None) -> None:
            self._trouble = answer
            if answer is None:
                self._text, self._pressed = self._empty(), False
                self._session.nav.go(page=SETTINGS)

        self._do("Adding the instance", lambda: add(name, engine=engine, address=address), f"{name} is added.", added)

    def _missing(self) -> dict[str, str]:
        wanted = {"name": "Give it a name.", "address": "Say where it is."}
        return {field: why for field, why in wanted.items() if not self._text[field].strip()}

    def _do(
        self, doing: str, work: Callable[[], object], note: str, then: Callable[[Trouble | None], None] | None = None
    ) -> None:
        """Do one thing at a time; what it is refused for goes to `then`, or is shown at the top of the page."""
        if self._busy:
            return
        self._busy, self._note, self._session.notice = doing, "", None
        self._session.changed()

        def done(answer: object) -> None:
            trouble = answer if isinstance(answer, Trouble) else None
            self._busy, self._note = "", "" if trouble else note
            if then is not None:
                then(trouble)
            else:
                self._session.notice = trouble
            self._session.changed()

        self._session.ask(doing, work, done)

    def _empty(self) -> dict[str, str]:
        return {"name": "", "engine": next(iter(self._session.ops.instances.engines())), "address": ""}


def _about(engine: str) -> tuple[str, str, str]:
    """Give an engine's name, what its address is called, and what that means."""
    return _ENGINES.get(engine, (engine, "Address", "Where its databases are reached."))
