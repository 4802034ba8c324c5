"""The databases of an instance: how each is, what would be lost, and the way to restore it."""

from __future__ import annotations

from typing import Any

import panel as pn

from pwsops.engines.base import DatabaseState
from pwsops.operations.records import DatabaseView
from pwsops.views import inserting
from pwsops.views.markup import Markup
from pwsops.views.nav import DATABASES, Nav
from pwsops.views.session import Session
from pwsops.views.words import Mark, age

MARKS = {
    DatabaseState.ONLINE: Mark(tone="ok", icon="check", word="online"),
    DatabaseState.EMPTY: Mark(tone="plain", icon="info", word="empty"),
    DatabaseState.UNREADABLE: Mark(tone="orange", icon="warning", word="unreadable"),
    DatabaseState.OFFLINE: Mark(tone="orange", icon="warning", word="offline"),
    DatabaseState.RESTORING: Mark(tone="orange", icon="warning", word="restoring"),
    DatabaseState.SECONDARY: Mark(tone="plain", icon="info", word="secondary"),
    DatabaseState.SINGLE_USER: Mark(tone="orange", icon="warning", word="single-user"),
    DatabaseState.RESTRICTED: Mark(tone="orange", icon="warning", word="restricted"),
    DatabaseState.GONE: Mark(tone="orange", icon="warning", word="gone"),
}
_BROKEN = (DatabaseState.GONE, DatabaseState.UNREADABLE, DatabaseState.OFFLINE, DatabaseState.RESTORING)


class Databases(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Lists the databases of the instance that the address names; what is broken stands first."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._piece = Markup(self._act, self._typed)
        self._other = ""
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def refresh(self) -> None:
        """Show the databases as the session knows them."""
        snapshot, nav = self._session.snapshot, self._session.nav
        if nav.page != DATABASES:
            return
        chosen = nav.instance or next(iter(snapshot.instances), "")
        known = chosen in snapshot.instances
        views = [row.view for row in snapshot.databases if row.instance == chosen]
        self._piece.show(
            "databases.html",
            chosen=chosen,
            known=known,
            instances=[(name, Nav(page=DATABASES, instance=name).search()) for name in snapshot.instances],
            awaited=chosen in snapshot.awaited,
            trouble=snapshot.troubles.get(chosen),
            rows=[_row(chosen, view) for view in sorted(views, key=_urgency)],
            other=self._other,
            stopped="" if snapshot.service.running else snapshot.service.why_not,
            now=snapshot.at,
            zone=snapshot.zone,
        )

    def _act(self, action: str, key: str) -> None:
        if action != "insert-other":
            self._session.act(action, key)
        elif self._other.strip():
            self._session.nav.go(page="insert", instance=key, database=self._other.strip())

    def _typed(self, _field: str, _key: str, value: str | bool) -> None:
        self._other = str(value)
        self.refresh()


def _urgency(view: DatabaseView) -> tuple[bool, str]:
    return view.state not in _BROKEN, view.name.lower()


def _row(instance: str, view: DatabaseView) -> dict[str, Any]:
    return {
        "view": view,
        "mark": MARKS[view.state],
        "broken": view.state in _BROKEN,
        "lost": "all of it: never backed up" if view.exposure_s is None else age(view.exposure_s),
        "query": inserting.address(instance=instance, database=view.name),
    }
