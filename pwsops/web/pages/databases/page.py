"""The databases of an instance: how each is, what would be lost, and the way to restore it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pwsops.engines.records import DatabaseState
from pwsops.operations.records import DatabaseView
from pwsops.rules import verdict_words
from pwsops.rules.protection import Cause, Protection
from pwsops.rules.rights import Right
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Snapshot
from pwsops.web.nav import DATABASES, RESTORE, Nav
from pwsops.web.pages.page import Page
from pwsops.web.pages.restore import texts
from pwsops.web.pages.starting import refusal
from pwsops.web.ui import verdict_texts
from pwsops.web.ui.formatting import Mark, age, short_time
from pwsops.web.ui.markup import Markup

MARKS = {
    DatabaseState.ONLINE: Mark(tone="plain", icon="info", word="online"),
    DatabaseState.EMPTY: Mark(tone="plain", icon="info", word="empty"),
    DatabaseState.UNREADABLE: Mark(tone="orange", icon="warning", word="unreadable"),
    DatabaseState.OFFLINE: Mark(tone="orange", icon="warning", word="offline"),
    DatabaseState.RESTORING: Mark(tone="orange", icon="warning", word="restoring"),
    DatabaseState.SECONDARY: Mark(tone="plain", icon="info", word="secondary"),
    DatabaseState.SINGLE_USER: Mark(tone="orange", icon="warning", word="single-user"),
    DatabaseState.RESTRICTED: Mark(tone="orange", icon="warning", word="restricted"),
    DatabaseState.GONE: Mark(tone="orange", icon="warning", word="gone"),
    DatabaseState.UNKNOWN: Mark(tone="plain", icon="info", word="not known"),
}
NO_PROFILE = Mark(tone="plain", icon="info", word="in no profile")
_BROKEN = (DatabaseState.GONE, DatabaseState.UNREADABLE, DatabaseState.OFFLINE, DatabaseState.RESTORING)


class Databases(Page):
    """Lists the databases of the instance that the address names; what is broken stands first."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act, self._typed)
        self._other = ""
        self.refresh()

    def refresh(self) -> None:
        """Show the databases as the session knows them."""
        snapshot, nav = self._session.snapshot, self._session.nav
        if nav.page != DATABASES:
            return
        chosen = nav.instance or next(iter(snapshot.instances), "")
        known = chosen in snapshot.instances
        views = [row.view for row in snapshot.databases if row.instance == chosen]
        self._piece.show(
            "databases/databases.html",
            chosen=chosen,
            known=known,
            instances=[(name, Nav(page=DATABASES, instance=name).search()) for name in snapshot.instances],
            awaited=chosen in snapshot.awaited,
            problem=snapshot.problems.get(chosen),
            rows=[self._row(chosen, view) for view in sorted(views, key=_urgency)],
            other=self._other,
            may_read=not self._session.why_not(Right.MEDIA),
            may_restore=not self._session.why_not(Right.RESTORE),
            may_configure=not self._session.why_not(Right.CONFIGURE),
            now=snapshot.at,
            zone=snapshot.zone,
        )

    def _row(self, instance: str, view: DatabaseView) -> dict[str, Any]:
        snapshot = self._session.snapshot
        starts = next(iter(view.profiles), "")
        refused = self._session.why_not(Right.RUN) or refusal(snapshot.profile(starts), snapshot)
        return {**_row(instance, view, snapshot), "starts": starts, "refused": refused}

    def _actions(self) -> Mapping[str, Action]:
        return {"restore-other": self._restore_other}

    def _restore_other(self, instance: str) -> None:
        if self._other.strip():
            self._session.nav.go(page=RESTORE, instance=instance, database=self._other.strip())

    def _typed(self, _field: str, _key: str, value: str | bool) -> None:
        self._other = str(value)
        self.refresh()


def _urgency(view: DatabaseView) -> tuple[bool, int, str]:
    # What no profile names is nobody's concern, unless it is broken.
    worth = view.verdict.protection.rank if view.verdict.covered else len(Protection)
    return view.state not in _BROKEN and not (view.verdict.covered and view.verdict.urgent), worth, view.name.lower()


def _row(instance: str, view: DatabaseView, snapshot: Snapshot) -> dict[str, Any]:
    verdict = view.verdict

    def when(instant: datetime) -> str:
        return short_time(instant, snapshot.at, snapshot.zone)

    # That the instance is away stands above all of its databases.
    away = instance in snapshot.problems
    findings = [each for each in verdict.findings if not (away and each.cause is Cause.INSTANCE_UNREACHED)]
    findings = findings if verdict.covered else []
    mark = verdict_texts.mark(verdict) if verdict.covered else NO_PROFILE
    return {
        "view": view,
        "mark": MARKS[view.state],
        "verdict": mark,
        "since": verdict.since if verdict.covered else None,
        "why": " ".join(verdict_words.why(each, when) for each in findings),
        "next_step": verdict_words.next_step(findings[0]) if findings else "",
        "notes": verdict_words.notes(verdict, when) if verdict.covered else (),
        "stale": any(each.cause is Cause.INSTANCE_UNREACHED for each in verdict.findings),
        "tone": mark.tone if mark.tone in ("red", "orange") else "orange" if view.state in _BROKEN else "",
        "lost": _lost(view),
        "query": texts.address(instance=instance, database=view.name),
    }


def _lost(view: DatabaseView) -> str:
    if view.exposure_s is not None:
        return age(view.exposure_s) + (" with another tool's log backups" if view.logs_until else "")
    if view.verdict.unreadable:
        return "not known: what is kept of its backup cannot be read"
    never = any(each.cause is Cause.NEVER_BACKED_UP for each in view.verdict.findings)
    return "all of it: never backed up" if never else "all of it: no backup that can be restored"
