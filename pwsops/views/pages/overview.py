"""The first page: am I safe, the profiles, what comes next, what ran last."""

from __future__ import annotations

import shlex
from datetime import tzinfo
from typing import Any

import panel as pn

from pwsops.operations.records import ProfileView
from pwsops.views import safety, words
from pwsops.views.calendar import Calendar
from pwsops.views.markup import CSS, Markup
from pwsops.views.month import Coming, Month, told
from pwsops.views.nav import Nav
from pwsops.views.session import Session
from pwsops.views.store import Snapshot

STOPPED = "The backup service is stopped. Start it at the top of the page; then any profile can be started."
_URGENT = ("red", "orange", "")
_LISTED = 9
_CARD = """
:host { background: var(--pw-surface); border: 1px solid var(--pw-line); border-radius: 8px; overflow: hidden; }
"""
_SIDE_BY_SIDE = """
:host { display: grid !important; grid-template-columns: minmax(0, 5fr) minmax(230px, 2fr); }
@media (max-width: 1000px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""


class Overview(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Answers "am I safe" first. Shows what the session knows, and again whenever that changes."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._verdict = Markup(session.act)
        self._profiles = Markup(session.act)
        self._calendar_head = Markup(session.act)
        self._upcoming = Markup(session.act)
        self._runs = Markup(session.act)
        self._calendar = Calendar()
        picture = pn.Column(
            pn.pane.Bokeh(self._calendar.figure, sizing_mode="stretch_width", margin=(0, 14, 14, 14)),
            self._upcoming,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[_SIDE_BY_SIDE],
        )
        self._plan = pn.Column(
            self._calendar_head, picture, sizing_mode="stretch_width", margin=0, stylesheets=[_CARD, CSS]
        )
        self._column = pn.Column(sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 12px; }"])
        self.refresh()

    def __panel__(self) -> Any:
        return self._column

    def refresh(self) -> None:
        """Show the session's present snapshot, place and scheme."""
        snapshot = self._session.snapshot
        self._verdict.show("verdict.html", verdict=safety.judge(snapshot))
        parts: list[Any] = [self._verdict, self._profiles, self._plan, self._runs]
        if snapshot.profiles:
            self._show_profiles(snapshot)
            self._show_plan(snapshot)
        else:
            self._show_welcome(snapshot)
            parts = [self._profiles] if not snapshot.runs else [self._profiles, self._runs]
        self._runs.show(
            "runs.html",
            title="Latest runs",
            runs=snapshot.runs,
            now=snapshot.at,
            zone=snapshot.zone,
            all_link=True,
            paging=None,
        )
        if list(self._column.objects) != parts:
            self._column.objects = parts

    def _show_profiles(self, snapshot: Snapshot) -> None:
        self._profiles.show(
            "profiles.html",
            profiles=sorted(
                snapshot.profiles, key=lambda profile: (_URGENT.index(words.row_tone(profile)), profile.name)
            ),
            selected=selected(snapshot, self._session.nav),
            refusals={profile.name: refusal(profile, snapshot) for profile in snapshot.profiles},
            stopped="" if snapshot.service.running else STOPPED,
            tone=words.row_tone,
            now=snapshot.at,
            zone=snapshot.zone,
            zone_name=snapshot.zone_name,
        )

    def _show_welcome(self, snapshot: Snapshot) -> None:
        self._profiles.show("welcome.html", **welcome(snapshot))

    def _show_plan(self, snapshot: Snapshot) -> None:
        nav = self._session.nav
        chosen = selected(snapshot, nav)
        zone = snapshot.zone if chosen is None else self._session.store.zone_of(chosen)
        month = Month.read(nav.month, snapshot.at.astimezone(zone))
        runs = self._coming([chosen] if chosen else list(snapshot.profiles), month, zone)
        self._calendar.show(month.days(runs), dark=self._session.dark)
        self._calendar_head.show(
            "calendar_head.html",
            title=f"Runs to come: {chosen.name if chosen else 'all profiles'}",
            several=chosen is not None and len(snapshot.profiles) > 1,
            month=month.title,
            earlier=month.earlier,
            later=month.later,
        )
        self._show_upcoming(runs, month, snapshot, chosen, zone)

    def _coming(self, profiles: list[ProfileView], month: Month, zone: tzinfo) -> list[Coming]:
        runs = [
            Coming(at=run.due_at.astimezone(zone), profile=profile.name, kind=run.kind, shifted=run.shifted)
            for profile in profiles
            for run in self._session.store.plan(profile, month.end(zone))
        ]
        return sorted(runs, key=lambda run: run.at)

    def _show_upcoming(
        self, runs: list[Coming], month: Month, snapshot: Snapshot, chosen: ProfileView | None, zone: tzinfo
    ) -> None:
        inside = [run for run in runs if month.holds(run.at.date())]
        schedule = f"{chosen.schedule}. " if chosen else ""
        self._upcoming.show(
            "upcoming.html",
            summary=f"{schedule[:1].upper()}{schedule[1:]}{told(inside, month)}",
            runs=[
                {
                    "kind": run.kind,
                    "time": words.short_time(run.at, snapshot.at, zone),
                    "full_time": words.full_time(run.at, zone),
                    "who": "" if chosen else run.profile,
                    "shifted": run.shifted,
                }
                for run in inside[:_LISTED]
            ],
            more=max(0, len(inside) - _LISTED),
        )


def selected(snapshot: Snapshot, nav: Nav) -> ProfileView | None:
    """Give the profile that the address names, or the only one there is."""
    if len(snapshot.profiles) == 1:
        return snapshot.profiles[0]
    return snapshot.profile(nav.profile)


def refusal(profile: ProfileView, snapshot: Snapshot) -> str:
    """Say why a profile cannot be started now; empty where it can."""
    if not snapshot.service.running:
        return STOPPED
    return f"{profile.name} is running." if profile.running is not None else ""


def welcome(snapshot: Snapshot) -> dict[str, Any]:
    """Say what a newcomer does next: first an instance, then a profile."""
    if not snapshot.instances:
        return {
            "title": "Nothing is set up yet",
            "text": "An instance is where databases live: a directory of SQLite files, or a server. "
            "Try it with sample vaults, or name your own:",
            "steps": [
                ("An instance with sample vaults in it", "pwsops sample"),
                ("Or your own", "pwsops instance add vaults --engine sqlite --address /path/to/vaults"),
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
        "steps": [("Create it", command)],
    }
