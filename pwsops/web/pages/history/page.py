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
from pwsops.web.live.query import Query, Task
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Snapshot, Problem
from pwsops.web.nav import RUNS, count
from pwsops.web.pages.history import filters, restores
from pwsops.web.pages.history.filters import ORDERS
from pwsops.web.ui import export, formatting
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
        self._export = Task(session)
        self._typed: Query[str] = Query(session, "Searching", on_answer=self._search)
        self._found: Query[_Found] = Query(session, "Reading the history", on_answer=self._read)
        self._asked: HistoryQuery | None = None
        self._asked_of: Snapshot | None = None
        self._begun_s = self._rest_until_s = 0.0
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
        if self._found.under_way or self._asked_of is self._session.snapshot:
            return False
        return self._session.store.clock.monotonic() >= self._rest_until_s

    def _ask(self, query: HistoryQuery) -> None:
        ops = self._session.ops
        self._asked, self._asked_of = query, self._session.snapshot
        self._begun_s = self._session.store.clock.monotonic()
        self._found.ask(query, lambda: (ops.history.page(query), ops.history.profiles()), version=self._asked_of.number)

    def _read(self) -> None:
        now_s = self._session.store.clock.monotonic()
        self._rest_until_s = now_s + PATIENCE * (now_s - self._begun_s)
        if self._session.nav.view != RESTORES:
            self._show()

    def _show(self) -> None:
        session, nav, found = self._session, self._session.nav, self._found
        # What is wrong with the period stands beside its field, once.
        wrong = filters.period_error(nav, session.snapshot.zone)
        page, names = found.result if found.result is not None and found.error is None and not wrong else (None, [])
        # Those that are going on are among the newest, which every page is told at once.
        newest = {run.id: run for run in session.snapshot.runs}
        rows = [newest.get(run.id, run) for run in page.runs] if page else []
        self._piece.show(
            "history/history.html",
            restores=False,
            tabs=_tabs(""),
            count_text=run_count(page),
            looking=found.under_way and not wrong,
            exporting=bool(self._export.doing),
            exports=export.choices(evidence=not session.why_not(Right.EVIDENCE)),
            page=page,
            rows=rows,
            opened=self._opened(rows),
            problem=None if wrong else found.error,
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
            **restores.values(self._session, exporting=bool(self._export.doing)),
        )

    def _opened(self, rows: Sequence[RunView]) -> RunView | None:
        run_id = self._session.nav.opened
        if not any(run.id == run_id for run in rows):
            return None
        try:
            return self._session.ops.runs.get(run_id)
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
            self._typed.forget()
            nav.go(page=RUNS, view=nav.view, sort=nav.sort)
        elif action == "export" and key in list(ReportFormat):
            self._start_export(ReportFormat(key))
        else:
            self._session.act(action, key)

    def _start_export(self, form: ReportFormat) -> None:
        session, snapshot = self._session, self._session.snapshot
        if session.nav.view == RESTORES:
            asked = filters.restore_query_of(session.nav, snapshot.at, snapshot.zone)
            what, work = export.RESTORES, partial(export.restores_written, session.ops, form, asked)
        else:
            what, work = export.what(form), partial(export.written, session.ops, form, self._query())
        self._export.start(f"Exporting the {what}", work, partial(self._exported, what, form))
        self.refresh()

    def _exported(self, what: str, form: ReportFormat, answer: BinaryIO | Problem, _here: bool) -> None:
        snapshot = self._session.snapshot
        if isinstance(answer, Problem):
            self._session.notice = answer
        else:
            self._session.hand_over(export.file_name(what, form, snapshot.at, snapshot.zone), answer)
        self._session.changed()

    def _changed(self, field: str, _key: str, value: str | bool) -> None:
        if field == "q":
            # Not each letter, but what stands there after a pause: each goes into the browser's own history.
            self._typed.ask(object(), partial(_after_a_pause, str(value)))
        elif field in filters.FIELDS:
            nav, snapshot = self._session.nav, self._session.snapshot
            nav.param.update(**filters.change(nav, field, str(value), snapshot.at, snapshot.zone))

    def _search(self) -> None:
        if self._typed.result is not None and self._session.nav.page == RUNS:
            self._session.nav.param.update(q=self._typed.result, after="", opened=0)


def _after_a_pause(text: str) -> str:
    time.sleep(TYPING_S)
    return text


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


def run_count(page: HistoryPage | None) -> str:
    """Return how many runs fit; empty while that is not known."""
    if page is None:
        return ""
    return formatting.counted(page.total, "run") + ("" if page.is_counted else " or more")


def _tabs(view: str) -> list[tuple[str, str, bool]]:
    return [
        ("Backups", f"?page={RUNS}", not view),
        ("Restores", f"?page={RUNS}&view={RESTORES}", view == RESTORES),
    ]
