"""The first page: am I safe, the profiles and what their servers said, what comes next, what ran last."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from pwsops.operations.records import ProfileView
from pwsops.rules.model import ProfileState
from pwsops.rules.rights import Right
from pwsops.web.live import calendar_cache
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Snapshot
from pwsops.web.nav import CLEANUP, RIGHTS, WIZARD
from pwsops.web.pages.overview import rows
from pwsops.web.pages.overview.runs_calendar import RunsCalendar
from pwsops.web.pages.page import Page
from pwsops.web.pages.starting import STOPPED, refusal
from pwsops.web.ui import formatting, verdict_texts
from pwsops.web.ui.markup import Markup

NONE_SELECTED = "Select a profile first."
NOTHING_YET = {
    "title": "No profile yet",
    "text": "There is no profile for any instance that is yours. An administrator makes profiles, and gives instances.",
    "steps": [],
}
_SEARCHED = 12
"""From so many profiles on, there is a field to search for one."""


class Overview(Page):
    """Answers "am I safe" first. Shows what the session knows, and again whenever that changes."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._limit = rows.SHOWN
        self._shown_as: tuple[Snapshot, object, object] | None = None
        self._verdict = Markup(session.act)
        self._profiles = Markup(self._act, self._search)
        self._messages = Markup(session.act)
        self._calendar = RunsCalendar(session)
        self._runs = Markup(session.act)
        self._column = pn.Column(sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 12px; }"])
        self.refresh()

    def __panel__(self) -> Any:
        return self._column

    def refresh(self) -> None:
        """Show the session's present snapshot and place."""
        snapshot = self._session.snapshot
        if snapshot.profiles:
            self._calendar.refresh()
        self._show(snapshot)
        messages = [self._messages] if snapshot.broken else []
        runs = [self._runs] if snapshot.profiles or snapshot.runs else []
        parts = (
            [self._verdict, self._profiles, *messages, self._calendar.view, *runs]
            if snapshot.profiles
            else [self._profiles, *runs]
        )
        if list(self._column.objects) != parts:
            self._column.objects = parts

    def _show(self, snapshot: Snapshot) -> None:
        """Fill again only what is different: filling the rows of many profiles takes time."""
        nav = self._session.nav
        may = tuple(self._session.why_not(right) for right in (Right.RUN, Right.STOP, *RIGHTS.values()))
        chosen = (nav.profile, nav.q, nav.sort, self._limit, self._session.deleting)
        before, self._shown_as = self._shown_as, (snapshot, may, chosen)
        is_new = before is None or before[0] is not snapshot or before[1] != may
        if is_new:
            self._show_around(snapshot)
        if is_new or (before is not None and before[2] != chosen):
            self._show_list(snapshot)

    def _show_around(self, snapshot: Snapshot) -> None:
        self._verdict.show(
            "overview/verdict.html", verdict=verdict_texts.answer(snapshot), closed=self._session.why_not_open
        )
        if snapshot.broken:
            broken = sorted(snapshot.broken.values(), key=lambda run: run.profile)
            self._messages.show("overview/messages.html", runs=broken, now=snapshot.at, zone=snapshot.zone)
        self._runs.show(
            "overview/runs.html", title="Latest runs", runs=snapshot.runs, now=snapshot.at, zone=snapshot.zone
        )

    def _show_list(self, snapshot: Snapshot) -> None:
        if snapshot.profiles:
            self._show_profiles(snapshot)
        else:
            may_configure = not self._session.why_not(Right.CONFIGURE)
            self._profiles.show("overview/welcome.html", **(welcome(snapshot) if may_configure else NOTHING_YET))

    def _actions(self) -> Mapping[str, Action]:
        nav = self._session.nav
        return {
            "edit": lambda profile: nav.go(page=WIZARD, profile=profile),
            "clean-up": lambda profile: nav.go(page=CLEANUP, profile=profile),
            "sort": lambda column: nav.param.update(sort=column),
            "more-profiles": self._show_more,
        }

    def _show_more(self, _key: str) -> None:
        self._limit += rows.SHOWN
        self._session.changed()

    def _search(self, _field: str, _key: str, value: str | bool) -> None:
        self._limit = rows.SHOWN
        self._session.nav.param.update(q=str(value))

    def _show_profiles(self, snapshot: Snapshot) -> None:
        chosen = rows.selected(snapshot, self._session.nav)
        nav, may_not_start = self._session.nav, self._session.why_not(Right.RUN)
        found = rows.arranged(snapshot.profiles, nav.sort, nav.q)
        shown = [profile for nth, profile in enumerate(found) if nth < self._limit or profile is chosen]
        self._profiles.show(
            "overview/profiles.html",
            profiles=shown,
            columns=rows.columns(nav.sort),
            all=len(snapshot.profiles),
            found=len(found),
            selected=chosen,
            search=nav.q if nav.q.strip() or len(snapshot.profiles) >= _SEARCHED else None,
            deleting=chosen if chosen is not None and chosen.name == self._session.deleting else None,
            refusals=refusals(chosen, snapshot, self._session.why_not),
            row_refusals={profile.name: may_not_start or refusal(profile, snapshot) for profile in shown},
            may_configure=not self._session.why_not(Right.CONFIGURE),
            stopped="" if snapshot.service.running else STOPPED,
            tone=formatting.row_tone,
            overdue={profile.name for profile in shown if calendar_cache.due_since([profile], snapshot) is not None},
            now=snapshot.at,
            zone=snapshot.zone,
            zone_name=snapshot.zone_name,
        )


def refusals(
    profile: ProfileView | None, snapshot: Snapshot, why_not: Callable[[Right], str] = lambda right: ""
) -> dict[str, str]:
    """Return for each button of the toolbar why it cannot be pressed; empty where it can.

    `why_not` says why somebody may not do at all what needs a right.
    """
    switch = Right.STOP if profile is not None and profile.state is ProfileState.ACTIVE else Right.CONFIGURE
    needed = {
        "clean_up": Right.LOOK,
        "start": Right.RUN,
        "edit": Right.CONFIGURE,
        "delete": Right.CONFIGURE,
        "switch": switch,
    }
    return {name: why_not(needed[name]) or why for name, why in _now_refused(profile, snapshot).items()}


def _now_refused(profile: ProfileView | None, snapshot: Snapshot) -> dict[str, str]:
    if profile is None:
        return dict.fromkeys(("clean_up", "start", "edit", "delete", "switch"), NONE_SELECTED)
    start = refusal(profile, snapshot)
    switch = ""
    if profile.state is ProfileState.TRIPPED:
        switch = "Five failed runs in a row switched it off. Edit it, amend what made it fail, and save."
    return {"clean_up": "", "start": start, "edit": "", "delete": "", "switch": switch}


def welcome(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a newcomer does next: first an instance, then a profile."""
    if not snapshot.instances:
        return {
            "title": "Nothing is set up yet",
            "text": "An instance is where databases live: a directory of SQLite files, or a server. "
            "Try it with sample vaults, or name your own:",
            "steps": [
                ("Make the sample vaults", "?page=settings", "pwsops sample"),
                (
                    "Add your own instance",
                    "?page=settings&view=add",
                    "pwsops instance add vaults --engine sqlite --address /path/to/vaults",
                ),
            ],
        }
    name = snapshot.instances[0]
    database = next((row.view.name for row in snapshot.databases if row.instance == name), "DATABASE")
    command = (
        f"pwsops profile create hourly --instance {shlex.quote(name)} --database {shlex.quote(database)} "
        "--directory /path/to/backups --every 1h --incremental"
    )
    return {
        "title": "No profile yet",
        "text": "A profile says which databases are backed up, where to and when. "
        "The recommended one: an incremental every hour, a full every week.",
        "steps": [("New profile", "?page=wizard", command)],
    }
