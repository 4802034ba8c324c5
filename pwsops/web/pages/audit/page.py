"""The audit log: who did what, fifty at a time, and whether the log is what was written."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any, BinaryIO

import panel as pn

from pwsops.operations.audit_log import AuditQuery, AuditState, Verification
from pwsops.operations.records import AuditPage
from pwsops.web.live.query import Query, Task
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Trouble
from pwsops.web.nav import AUDIT, Nav
from pwsops.web.ui import export, formatting
from pwsops.web.ui.markup import Markup

_FIELDS = {"who": "who", "what": "status", "on": "q", "since": "since", "until": "until"}
"""By field of the page: the parameter of the address that holds it."""
_MARKS = {
    AuditState.WHOLE: formatting.Mark(tone="ok", icon="check", word="Whole"),
    AuditState.UNKNOWN: formatting.Mark(tone="orange", icon="warning", word="Not checked in part"),
    AuditState.CHANGED: formatting.Mark(tone="red", icon="cross", word="Changed"),
}
_Found = tuple[AuditPage, list[str]]


class Audit(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Filters and pages the log, newest first, and verifies it when it is opened and when that is asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._piece = Markup(self._act, self._changed)
        self._entries: Query[_Found] = Query(session, "Reading the audit log")
        self._verified: Query[Verification] = Query(session, "Verifying the audit log")
        self._verifications = 1
        self._export = Task(session)
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def refresh(self) -> None:
        """Show what the address asks for; what was read before stays until the answer comes."""
        session, nav, ops = self._session, self._session.nav, self._session.ops
        query, before = query_of(nav, session.snapshot.zone), _before(nav)
        self._entries.ask(
            (query, before),
            lambda: (ops.audit.page(query, before=before), list(ops.audit.actions())),
            version=session.snapshot.number,
        )
        self._verified.ask(self._verifications, ops.audit.verify)
        page, actions = None, list[str]()
        if self._entries.error is None and self._entries.result is not None:
            page, actions = self._entries.result
        self._piece.show(
            "audit/audit.html",
            trouble=self._entries.error,
            page=page,
            said=_said(page),
            filters={field: getattr(nav, name) for field, name in _FIELDS.items()},
            actions=[("", "any action"), *((name, name) for name in _known(actions, nav.status))],
            filtered=query != AuditQuery(),
            turned=before is not None,
            looking=self._entries.under_way,
            exporting=bool(self._export.doing),
            now=session.snapshot.at,
            zone=session.snapshot.zone,
            **_verification(self._verified),
        )

    def _act(self, action: str, key: str) -> None:
        nav = self._session.nav
        if action == "older":
            nav.after = key
        elif action == "newest":
            nav.after = ""
        elif action == "clear":
            nav.go(page=AUDIT)
        elif action == "verify":
            self._verifications += 1
            self._session.changed()
        elif action == "export":
            self._start_export()
        else:
            self._session.act(action, key)

    def _changed(self, field: str, _key: str, value: str | bool) -> None:
        if field in _FIELDS:
            self._session.nav.param.update(**{_FIELDS[field]: str(value), "after": ""})

    def _start_export(self) -> None:
        session = self._session
        query = query_of(session.nav, session.snapshot.zone)
        work = partial(export.audit_written, session.ops, query)
        self._export.start("Exporting the audit log", work, self._exported)
        session.changed()

    def _exported(self, answer: BinaryIO | Trouble, _here: bool) -> None:
        snapshot = self._session.snapshot
        if isinstance(answer, Trouble):
            self._session.notice = answer
        else:
            name = f"pwsops-audit-{snapshot.at.astimezone(snapshot.zone):%Y-%m-%d}.csv"
            self._session.hand_over(name, answer)
        self._session.changed()


def query_of(nav: Nav, zone: tzinfo) -> AuditQuery:
    """Return what an address asks of the log; what it says amiss is taken as unsaid."""
    until = _day(nav.until)
    return AuditQuery(
        since=_midnight(_day(nav.since), zone),
        until=_midnight(None if until is None or until == date.max else until + timedelta(days=1), zone),
        actor=nav.who,
        action=nav.status,
        subject=nav.q,
    )


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), zone)


def _before(nav: Nav) -> int | None:
    text = nav.after
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _known(actions: list[str], chosen: str) -> list[str]:
    return actions if not chosen or chosen in actions else [chosen, *actions]


def _said(page: AuditPage | None) -> str:
    if page is None:
        return ""
    return f"{page.total:,} {'entry' if page.total == 1 else 'entries'}"


def _verification(verified: Query[Verification]) -> dict[str, Any]:
    whole = verified.result if verified.error is None else None
    return {
        "verification": whole,
        "mark": None if whole is None else _MARKS[whole.state],
        "untold": verified.error,
        "verifying": verified.under_way,
        "wrong": frozenset() if whole is None else whole.damaged_entries,
    }
