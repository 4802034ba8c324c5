"""Settings: where databases live, and the defaults of new profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn

from pwsops.profile import BackupSettings
from pwsops.web.live.session import Action, Session
from pwsops.web.pages.page import Page
from pwsops.web.pages.settings.instances import Instances
from pwsops.web.pages.wizard.texts import zones
from pwsops.web.ui import formatting
from pwsops.web.ui.markup import Markup

_RENEWAL = ("renew", "renew_weekday", "renew_day")
_LABELS = {
    "instance": "Instance",
    "directory": "Directory",
    "every": "Every",
    "unit": "Unit",
    "timezone": "Time zone",
    "incremental": "Incremental",
    "renew_full": "New full",
    "timestamp": "Date and time in the file name",
    "time_limit_h": "Time limit",
    "display_timezone": "Time zone of the pages",
    "parallel_runs": "Runs at once",
}
_MEANWHILE = "Somebody else has saved another value meanwhile. Saving here replaces it."


class Settings(Page):
    """Shows the settings in force, and over them what is being edited here until it is saved."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._instances = Instances(session)
        self._form = Markup(self._act, self._typed)
        self._view = pn.Column(
            self._instances, self._form, sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 12px; }"]
        )
        self._show_form()

    def __panel__(self) -> Any:
        return self._view

    def refresh(self) -> None:
        """Show what is stored now; what is being edited here stays."""
        self._instances.refresh()
        self._show_form()

    def _show_form(self) -> None:
        session, edits = self._session, self._session.setting_edits
        stored = as_text(session.ops.settings.get())
        for field in [field for field, (value, _) in edits.items() if value == stored[field]]:
            del edits[field]
        text = {**stored, **{field: value for field, (value, _) in edits.items()}}
        changed = self._changed(stored, text)
        problems = session.ops.settings.problems(changed)
        self._form.show(
            "settings/settings.html",
            text=text,
            errors={key: problem.hint for key, problem in problems.items()},
            warnings={field: _MEANWHILE for field, (_, before) in edits.items() if before != stored[field]},
            instances=_instances(session.snapshot.instances, str(text["instance"])),
            zones=zones(),
            days=[(day, day) for day in map(str, range(1, 32))],
            changed=[_LABELS[key] for key in changed],
            wrong=[_LABELS[key] for key in problems],
            saving=bool(self._task.doing),
            note=self._note,
            problem=self._problem,
        )

    def _changed(self, stored: Mapping[str, str | bool], text: Mapping[str, str | bool]) -> dict[str, str]:
        before, after = as_settings(stored), as_settings(text)
        return {key: value for key, value in after.items() if value != before[key]}

    def _typed(self, field: str, key: str, value: str | bool) -> None:
        stored = as_text(self._session.ops.settings.get())
        if field in stored and isinstance(value, type(stored[field])):
            edits = self._session.setting_edits
            before = edits[field][1] if field in edits else stored[field]
            edits[field] = (value, before)
            self._clear()
            self._show_form()

    def _actions(self) -> Mapping[str, Action]:
        return {"save-settings": self._save, "discard-settings": self._discard}

    def _discard(self, _key: str) -> None:
        self._session.setting_edits.clear()
        self._problem = None
        self._show_form()

    def _save(self, _key: str) -> None:
        ops, edits = self._session.ops, dict(self._session.setting_edits)
        stored = as_text(ops.settings.get())
        values = self._changed(stored, {**stored, **{field: value for field, (value, _) in edits.items()}})
        if self._task.doing or not values or ops.settings.problems(values):
            self._note = "" if values else "Nothing is changed."
            self._show_form()
            return

        def saved(_: BackupSettings, _here: bool) -> str:
            self._forget(edits)
            return f"Saved: {formatting.listed([_LABELS[key] for key in values], most=len(values))}."

        self._do("Saving the settings", lambda: ops.settings.change(values), saved)

    def _forget(self, saved: Mapping[str, tuple[str | bool, str | bool]]) -> None:
        # What was typed on while it was being saved is still to be saved.
        edits = self._session.setting_edits
        for field, edit in saved.items():
            if edits.get(field) == edit:
                del edits[field]


def as_text(settings: BackupSettings) -> dict[str, str | bool]:
    """Return the settings as the form has them: text, and truths for the check boxes."""
    period, _, day = settings.renew_full.partition(":")
    return {
        "instance": settings.instance,
        "directory": settings.directory,
        "every": str(settings.every),
        "unit": settings.unit,
        "timezone": settings.timezone,
        "incremental": settings.incremental,
        "renew": period,
        "renew_weekday": day if period == "weekly" and day else "sun",
        "renew_day": day if period == "monthly" and day else "1",
        "timestamp": settings.timestamp,
        "time_limit_h": f"{settings.time_limit_h:g}",
        "display_timezone": settings.display_timezone,
        "parallel_runs": str(settings.parallel_runs),
    }


def as_settings(text: Mapping[str, str | bool]) -> dict[str, str]:
    """Return what the form says, by the keys of the settings."""
    day = {"weekly": f":{text['renew_weekday']}", "monthly": f":{text['renew_day']}"}.get(str(text["renew"]), "")
    plain = {field: value for field, value in text.items() if field not in _RENEWAL}
    values = {key: str(value).lower() if isinstance(value, bool) else value.strip() for key, value in plain.items()}
    return {**values, "renew_full": f"{text['renew']}{day}"}


def _instances(known: Any, chosen: str) -> list[tuple[str, str]]:
    gone = [(chosen, f"{chosen} (no longer there)")] if chosen and chosen not in known else []
    return [("", "none: it is chosen each time"), *((name, name) for name in known), *gone]
