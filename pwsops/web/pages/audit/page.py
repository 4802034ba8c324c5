"""The audit log: who did what, fifty at a time, and whether the log is what was written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from pwsops.operations.audit_log import AuditQuery, AuditState, Verification
from pwsops.operations.records import AuditPage
from pwsops.web.live.query import Query
from pwsops.web.live.session import Action, Session
from pwsops.web.nav import AUDIT, Nav, before
from pwsops.web.pages import days
from pwsops.web.pages.page import Page
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


class Audit(Page):
    """Filters and pages the log, newest first, and verifies it when it is opened and when that is asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act, self._changed)
        self._entries: Query[_Found] = Query(session, "Reading the audit log")
        self._verified: Query[Verification] = Query(session, "Verifying the audit log")
        self._verifications = 1
        self.refresh()

    def refresh(self) -> None:
        """Show what the address asks for; what was read before stays until the answer comes."""
        session, nav = self._session, self._session.nav
        wrong = days.error(nav, session.snapshot.zone)
        page, actions = (None, list[str]()) if wrong else self._ask()
        self._verified.ask(self._verifications, session.ops.audit.verify)
        self._piece.show(
            "audit/audit.html",
            # What is wrong with the period stands beside its field, once.
            since_error=wrong,
            problem=None if wrong else self._entries.error,
            page=page,
            count_text=_count_text(page),
            filters={field: getattr(nav, name) for field, name in _FIELDS.items()},
            actions=[("", "any action"), *((name, name) for name in _known(actions, nav.status))],
            filtered=query_of(nav, session.snapshot.zone) != AuditQuery(),
            turned=before(nav.after) is not None,
            looking=self._entries.under_way and not wrong,
            exporting=bool(self._task.doing),
            now=session.snapshot.at,
            zone=session.snapshot.zone,
            **_verification(self._verified),
        )

    def _ask(self) -> tuple[AuditPage | None, list[str]]:
        """Ask for the entries and the actions there are; return what is known of them."""
        nav, ops, snapshot = self._session.nav, self._session.ops, self._session.snapshot
        query, number = query_of(nav, snapshot.zone), before(nav.after)
        found = self._entries
        found.ask(
            (query, number),
            lambda: (ops.audit.page(query, before=number), list(ops.audit.actions())),
            version=snapshot.number,
        )
        return found.result if found.result is not None and found.error is None else (None, [])

    def _actions(self) -> Mapping[str, Action]:
        nav = self._session.nav
        return {
            "older": lambda key: nav.param.update(after=key),
            "newest": lambda _: nav.param.update(after=""),
            "clear": lambda _: nav.go(page=AUDIT),
            "verify": self._verify,
            "export": self._export,
        }

    def _verify(self, _key: str) -> None:
        self._verifications += 1
        self._session.changed()

    def _changed(self, field: str, _key: str, value: str | bool) -> None:
        if field in _FIELDS:
            self._session.nav.param.update(**{_FIELDS[field]: str(value), "after": ""})

    def _export(self, _key: str) -> None:
        query = query_of(self._session.nav, self._session.snapshot.zone)
        work = partial(export.audit_written, self._session.ops, query)
        self._do("Exporting the audit log", work, self._exported, shows_problem=False)

    def _exported(self, file: BinaryIO, _here: bool) -> str:
        snapshot = self._session.snapshot
        name = f"pwsops-audit-{snapshot.at.astimezone(snapshot.zone):%Y-%m-%d}.csv"
        self._session.hand_over(name, file)
        return ""


def query_of(nav: Nav, zone: ZoneInfo) -> AuditQuery:
    """Return what an address asks of the log; what it says amiss is taken as unsaid."""
    period = days.period(nav, zone)
    return AuditQuery(
        since=period.since,
        until=period.until,
        actor=nav.who,
        action=nav.status,
        subject=nav.q,
    )


def _known(actions: list[str], chosen: str) -> list[str]:
    return actions if not chosen or chosen in actions else [chosen, *actions]


def _count_text(page: AuditPage | None) -> str:
    if page is None:
        return ""
    return f"{page.total:,} {'entry' if page.total == 1 else 'entries'}"


def _verification(verified: Query[Verification]) -> dict[str, Any]:
    whole = verified.result if verified.error is None else None
    return {
        "verification": whole,
        "mark": None if whole is None else _MARKS[whole.state],
        "unverified": verified.error,
        "verifying": verified.under_way,
        "wrong": frozenset() if whole is None else whole.damaged_entries,
    }
