"""The history: runs, their databases and their messages, fifty at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

import panel as pn

from pwsops.errors import PwsopsError
from pwsops.operations.history import HistoryQuery
from pwsops.operations.records import HistoryPage, RunView
from pwsops.operations.reports import ReportFormat
from pwsops.rules.rights import Right
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Trouble
from pwsops.web.nav import RUNS, count
from pwsops.web.pages.history import filters, restores
from pwsops.web.pages.history.filters import ORDERS
from pwsops.web.ui import export
from pwsops.web.ui.markup import Markup

RESTORES = "restores"
"""The part of the page that lists the restores; the address names it."""
TYPING_S = 0.3
"""What is typed is looked for after a pause this long."""
PATIENCE = 10
"""What took a second is asked again, because something changed, after ten: nobody else shall wait for it."""
_COLUMNS: tuple[tuple[str, tuple[str, str] | None, bool], ...] = (
    ("Profile", ("profile", "-profile"), False),
    ("State", ("status", "-status"), False),
    ("Kind", None, False),
    ("Due", ("", "due"), False),
    ("Duration", ("-duration", "duration"), True),
    ("Written", ("-size", "size"), True),
    ("By", None, False),
)
"""Each column's name, its orders, the more useful one first, and whether it holds numbers."""
_TURNS = {"": ("Newer", "Older"), "due": ("Older", "Newer")}
_Found = tuple[HistoryPage, list[str]]


class History(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Searches, filters, sorts and pages the runs; each unfolds in place. Its second part lists the restores."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._piece = Markup(self._act, self._changed)
        self._exporting = False
        self._typed = ""
        self._asked: HistoryQuery | None = None
        self._questions = 0
        self._asked_of: object = None
        self._answered: HistoryQuery | None = None
        self._answer: _Found | Trouble | None = None
        self._busy = False
        self._rest_until_s = 0.0
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def refresh(self) -> None:
        """Show what the address asks for; what was read before stays until the answer comes."""
        if self._session.nav.view == RESTORES:
            self._show_restores()
            return
        query = self._query()
        if query != self._asked or self._may_differ():
            self._ask(query)
        self._show()

    def _query(self) -> HistoryQuery:
        session = self._session
        return filters.query_of(session.nav, session.snapshot.at, session.snapshot.zone)

    def _may_differ(self) -> bool:
        if self._busy or self._asked_of is self._session.snapshot:
            return False
        return self._session.store.clock.monotonic() >= self._rest_until_s

    def _ask(self, query: HistoryQuery) -> None:
        ops, begun_s = self._session.ops, self._session.store.clock.monotonic()
        self._asked, self._asked_of, self._busy = query, self._session.snapshot, True
        self._questions += 1
        self._session.ask(
            "Reading the history",
            lambda: (ops.history.page(query), ops.history.profiles()),
            partial(self._take, self._questions, begun_s),
        )

    def _take(self, number: int, begun_s: float, answer: _Found | Trouble) -> None:
        if number != self._questions:
            return  # something else was asked for in the meantime, or the same once more
        self._answered, self._answer, self._busy = self._asked, answer, False
        now_s = self._session.store.clock.monotonic()
        self._rest_until_s = now_s + PATIENCE * (now_s - begun_s)
        if self._session.nav.view != RESTORES:
            self._show()

    def _show(self) -> None:
        session, nav, answer = self._session, self._session.nav, self._answer
        page, names = answer if isinstance(answer, tuple) else (None, [])
        # Those that are going on are among the newest, which every page is told at once.
        newest = {run.id: run for run in session.snapshot.runs}
        rows = [newest.get(run.id, run) for run in page.runs] if page else []
        self._piece.show(
            "history/history.html",
            restores=False,
            tabs=_tabs(""),
            said=_said(page),
            looking=self._asked != self._answered,
            exporting=self._exporting,
            exports=export.choices(evidence=not session.why_not(Right.EVIDENCE)),
            page=page,
            rows=rows,
            opened=self._opened(rows),
            trouble=answer if isinstance(answer, Trouble) else None,
            now=session.snapshot.at,
            zone=session.snapshot.zone,
            **_table(nav.sort if nav.sort in ORDERS else ""),
            **filters.run_choices(nav, names, session.snapshot.at, session.snapshot.zone),
        )

    def _show_restores(self) -> None:
        self._piece.show(
            "history/history.html",
            restores=True,
            tabs=_tabs(RESTORES),
            **restores.values(self._session, exporting=self._exporting),
        )

    def _opened(self, rows: Sequence[RunView]) -> RunView | None:
        wanted = self._session.nav.opened
        if not any(run.id == wanted for run in rows):
            return None
        try:
            return self._session.ops.runs.get(wanted)
        except PwsopsError:
            return None  # it went a moment ago, and so will its row

    def _act(self, action: str, key: str) -> None:
        nav = self._session.nav
        if action == "sort":
            nav.param.update(sort=key, after="", opened=0)
        elif action == "turn":
            nav.param.update(after=key, opened=0)
        elif action == "unfold":
            with suppress(ValueError):  # no page of ours has such a key
                nav.opened = 0 if key == str(nav.opened) else count(key)
        elif action == "clear":
            self._typed = ""
            nav.go(page=RUNS, view=nav.view, sort=nav.sort)
        elif action == "export" and key in list(ReportFormat):
            self._export(ReportFormat(key))
        else:
            self._session.act(action, key)

    def _export(self, form: ReportFormat) -> None:
        if self._exporting:
            return
        session, snapshot = self._session, self._session.snapshot
        self._exporting = True
        session.changed()
        if session.nav.view == RESTORES:
            asked = filters.restore_query_of(session.nav, snapshot.at, snapshot.zone)
            what, work = export.RESTORES, partial(export.restores_written, session.ops, form, asked)
        else:
            what, work = export.what(form), partial(export.written, session.ops, form, self._query())
        session.ask(f"Exporting the {what}", work, partial(self._exported, what, form))

    def _exported(self, what: str, form: ReportFormat, answer: BinaryIO | Trouble) -> None:
        self._exporting = False
        snapshot = self._session.snapshot
        if isinstance(answer, Trouble):
            self._session.notice = answer
        else:
            self._session.download.offer(export.file_name(what, form, snapshot.at, snapshot.zone), answer)
        self._session.changed()

    def _changed(self, field: str, _key: str, value: str | bool) -> None:
        if field == "q":
            self._typed = str(value)
            self._session.ask("Searching", lambda: time.sleep(TYPING_S), lambda _: self._search(str(value)))
        elif field in filters.FIELDS:
            nav, snapshot = self._session.nav, self._session.snapshot
            nav.param.update(**filters.change(nav, field, str(value), snapshot.at, snapshot.zone))

    def _search(self, text: str) -> None:
        # Not each letter, but what stands there after a pause: each goes into the browser's own history.
        if text == self._typed and self._session.nav.page == RUNS:
            self._session.nav.param.update(q=text, after="", opened=0)


def _table(sort: str) -> dict[str, Any]:
    earlier, later = _TURNS.get(sort, ("Previous", "Next"))
    return {"columns": [_column(*column, sort) for column in _COLUMNS], "earlier": earlier, "later": later}


def _column(name: str, orders: tuple[str, str] | None, number: bool, sort: str) -> dict[str, Any]:
    if orders is None:
        return {"name": name, "key": None, "number": number, "sorted": ""}
    here = sort in orders
    key = orders[1] if sort == orders[0] else orders[0]
    direction = "ascending" if sort and not sort.startswith("-") else "descending"
    return {
        "name": name,
        "key": key,
        "number": number,
        "sorted": direction if here else "",
        "hint": f"Show {ORDERS[key]}",
    }


def _said(page: HistoryPage | None) -> str:
    if page is None:
        return ""
    return f"{page.total:,} {'run' if page.total == 1 else 'runs'}{'' if page.is_counted else ' or more'}"


def _tabs(view: str) -> list[tuple[str, str, bool]]:
    return [
        ("Backups", f"?page={RUNS}", not view),
        ("Restores", f"?page={RUNS}&view={RESTORES}", view == RESTORES),
    ]
