"""The first page: am I safe, the profiles and what their servers said, what comes next, what ran last."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any

import panel as pn

from pwsops.operations.records import ProfileView
from pwsops.rules.model import ProfileState
from pwsops.rules.rights import Right
from pwsops.web.live import calendar_cache
from pwsops.web.live.query import Policy, Query
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Snapshot, Trouble
from pwsops.web.nav import WIZARD, Nav
from pwsops.web.pages.overview import rows
from pwsops.web.ui import formatting, verdict_texts
from pwsops.web.ui.charts.month import Month
from pwsops.web.ui.markup import Markup

STOPPED = "The backup service is stopped. Start it at the top of the page; then any profile can be started."
NONE_SELECTED = "Select a profile first."
NOTHING_YET = {
    "title": "No profile yet",
    "text": "There is no profile for any instance that is yours. An administrator makes profiles, and gives instances.",
    "steps": [],
}
_AT_ONCE = 10
"""So many profiles are planned while the page is drawn; more, while it is looked at."""
_SEARCHED = 12
"""From so many profiles on, there is a field to search for one."""


class Overview(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Answers "am I safe" first. Shows what the session knows, and again whenever that changes."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._limit = rows.SHOWN
        self._planned: Query[calendar_cache.Days] = Query(session, "Working out the runs to come", policy=Policy.SERIAL)
        self._verdict = Markup(session.act)
        self._profiles = Markup(self._act, self._search)
        self._messages = Markup(session.act)
        self._plan = Markup(session.act)
        self._runs = Markup(session.act)
        self._column = pn.Column(sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 12px; }"])
        self.refresh()
        if self._is_put_off(session.snapshot):
            session.when_drawn(self.refresh)

    def __panel__(self) -> Any:
        return self._column

    @property
    def calendar(self) -> Any:
        """The piece with the runs to come."""
        return self._plan

    def refresh(self) -> None:
        """Show the session's present snapshot and place."""
        snapshot = self._session.snapshot
        self._verdict.show(
            "overview/verdict.html", verdict=verdict_texts.answer(snapshot), closed=self._session.why_not_open
        )
        if snapshot.profiles:
            parts = [self._verdict, self._profiles, self._plan, self._runs]
            self._show_profiles(snapshot)
            self._show_plan(snapshot)
            if snapshot.broken:
                parts.insert(2, self._messages)
                broken = sorted(snapshot.broken.values(), key=lambda run: run.profile)
                self._messages.show("overview/messages.html", runs=broken, now=snapshot.at, zone=snapshot.zone)
        else:
            may_configure = not self._session.why_not(Right.CONFIGURE)
            self._profiles.show("overview/welcome.html", **(welcome(snapshot) if may_configure else NOTHING_YET))
            parts = [self._profiles, self._runs] if snapshot.runs else [self._profiles]
        self._runs.show(
            "overview/runs.html", title="Latest runs", runs=snapshot.runs, now=snapshot.at, zone=snapshot.zone
        )
        if list(self._column.objects) != parts:
            self._column.objects = parts

    def _act(self, action: str, key: str) -> None:
        if action == "edit":
            self._session.nav.go(page=WIZARD, profile=key)
        elif action == "sort":
            self._session.nav.param.update(sort=key)
        elif action == "more-profiles":
            self._limit += rows.SHOWN
            self._session.changed()
        else:
            self._session.act(action, key)

    def _search(self, _field: str, _key: str, value: str | bool) -> None:
        self._limit = rows.SHOWN
        self._session.nav.param.update(q=str(value))

    def _show_profiles(self, snapshot: Snapshot) -> None:
        chosen = selected(snapshot, self._session.nav)
        nav, may_not_start = self._session.nav, self._session.why_not(Right.RUN)
        found = rows.arranged(snapshot.profiles, nav.sort, nav.q)
        shown = [one for nth, one in enumerate(found) if nth < self._limit or one is chosen]
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
            overdue={one.name for one in shown if calendar_cache.due_since([one], snapshot) is not None},
            now=snapshot.at,
            zone=snapshot.zone,
            zone_name=snapshot.zone_name,
        )

    def _is_put_off(self, snapshot: Snapshot) -> bool:
        """Whether the runs to come are left for later: the verdict and the profiles are what somebody came for."""
        return len(snapshot.profiles) > _AT_ONCE and not self._session.drawn

    def _show_plan(self, snapshot: Snapshot) -> None:
        nav, store = self._session.nav, self._session.store
        chosen = selected(snapshot, nav)
        title = f"Runs to come: {chosen.name if chosen else 'all profiles'}"
        if self._is_put_off(snapshot):
            self._plan.show("overview/plan_soon.html", title=title)
            return
        zone = snapshot.zone if chosen is None else store.plans.zone_of(chosen)
        month = Month.read(nav.month, snapshot.at.astimezone(zone))
        profiles = [chosen] if chosen else list(snapshot.profiles)
        runs = store.plans.known(profiles, month, zone)
        if runs is None and len(profiles) <= _AT_ONCE:
            runs = store.plans.work_out(profiles, month, zone)
        elif runs is None:
            runs = self._work_out(profiles, month, zone)
        values = calendar_cache.picture(
            runs,
            month,
            title=title,
            now=snapshot.at,
            zone=zone,
            overdue=calendar_cache.due_since(profiles, snapshot),
            several=chosen is not None and len(snapshot.profiles) > 1,
            named=chosen is None,
        )
        if runs is None and isinstance(self._planned.answer, Trouble):
            values["summary"] = f"{self._planned.answer.message} {self._planned.answer.hint}"
        if chosen:
            values["summary"] = f"{chosen.schedule[:1].upper()}{chosen.schedule[1:]}. {values['summary']}"
        if str(zone) != str(snapshot.zone):
            values["summary"] += formatting.other_zone(zone, snapshot.zone_name)
        self._plan.show("overview/plan.html", **values)

    def _work_out(self, profiles: Sequence[ProfileView], month: Month, zone: tzinfo) -> calendar_cache.Days | None:
        # What failed would fail again at once; it is tried again when something has changed.
        work = partial(self._session.store.plans.work_out, profiles, month, zone)
        answer = self._planned.ask((month, zone), work, version=self._session.snapshot.number)
        return None if isinstance(answer, Trouble) else answer


def selected(snapshot: Snapshot, nav: Nav) -> ProfileView | None:
    """Return the profile that the address names, or the only one there is."""
    if len(snapshot.profiles) == 1:
        return snapshot.profiles[0]
    return snapshot.profile(nav.profile)


def refusal(profile: ProfileView, snapshot: Snapshot) -> str:
    """Say why a profile cannot be started now; empty where it can."""
    if not snapshot.service.running:
        return STOPPED
    return f"{profile.name} is running." if profile.running is not None else ""


def refusals(
    profile: ProfileView | None, snapshot: Snapshot, why_not: Callable[[Right], str] = lambda right: ""
) -> dict[str, str]:
    """Return for each button of the toolbar why it cannot be pressed; empty where it can.

    `why_not` says why somebody may not do at all what needs a right.
    """
    switch = Right.STOP if profile is not None and profile.state is ProfileState.ACTIVE else Right.CONFIGURE
    needed = {"start": Right.RUN, "edit": Right.CONFIGURE, "delete": Right.CONFIGURE, "switch": switch}
    return {name: why_not(needed[name]) or why for name, why in _now_refused(profile, snapshot).items()}


def _now_refused(profile: ProfileView | None, snapshot: Snapshot) -> dict[str, str]:
    if profile is None:
        return dict.fromkeys(("start", "edit", "delete", "switch"), NONE_SELECTED)
    start = refusal(profile, snapshot)
    switch = ""
    if profile.state is ProfileState.TRIPPED:
        switch = "Five failed runs in a row switched it off. Edit it, amend what made it fail, and save."
    return {"start": start, "edit": "", "delete": "", "switch": switch}


def welcome(snapshot: Snapshot) -> dict[str, Any]:
    """Say what a newcomer does next: first an instance, then a profile."""
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
