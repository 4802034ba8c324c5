"""The history: runs, their databases and their messages, fifty at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from pwsops.errors import PwsopsError
from pwsops.operations.history import HistoryQuery
from pwsops.operations.records import HistoryPage, RunView
from pwsops.operations.reports import ReportFormat
from pwsops.rules.rights import Right
from pwsops.web.live.query import Query
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Snapshot
from pwsops.web.nav import RUNS, count
from pwsops.web.pages.history import filters, restores
from pwsops.web.pages.history.filters import ORDERS
from pwsops.web.pages.page import Page
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


class History(Page):
    """Searches, filters, sorts and pages the runs; each unfolds in place. Its second part lists the restores."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act, self._changed)
        self._typed: Query[str] = Query(session, "Searching", on_answer=self._search)
        self._found: Query[_Found] = Query(session, "Reading the history", on_answer=self._read)
        self._asked: HistoryQuery | None = None
        self._asked_of: Snapshot | None = None
        self._begun_s = self._rest_until_s = 0.0
        self.refresh()

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
            exporting=bool(self._task.doing),
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
            **restores.values(self._session, exporting=bool(self._task.doing)),
        )

    def _opened(self, rows: Sequence[RunView]) -> RunView | None:
        run_id = self._session.nav.opened
        if not any(run.id == run_id for run in rows):
            return None
        try:
            return self._session.ops.runs.get(run_id)
        except PwsopsError:
            return None  # it went a moment ago, and so will its row

    def _actions(self) -> Mapping[str, Action]:
        nav = self._session.nav
        return {
            "sort": lambda column: nav.param.update(sort=column, after="", opened=0),
            "turn": lambda place: nav.param.update(after=place, opened=0),
            "unfold": self._unfold,
            "clear": self._clear_filters,
            "export": self._export,
        }

    def _unfold(self, run: str) -> None:
        nav = self._session.nav
        with suppress(ValueError):  # no page of ours has such a key
            nav.opened = 0 if run == str(nav.opened) else count(run)

    def _clear_filters(self, _key: str) -> None:
        nav = self._session.nav
        self._typed.forget()
        nav.go(page=RUNS, view=nav.view, sort=nav.sort)

    def _export(self, key: str) -> None:
        if key not in list(ReportFormat):
            return  # no page of ours has such a key
        session, snapshot, form = self._session, self._session.snapshot, ReportFormat(key)
        if session.nav.view == RESTORES:
            asked = filters.restore_query_of(session.nav, snapshot.at, snapshot.zone)
            what, work = export.RESTORES, partial(export.restores_written, session.ops, form, asked)
        else:
            what, work = export.what(form), partial(export.written, session.ops, form, self._query())
        self._do(f"Exporting the {what}", work, partial(self._exported, what, form), shows_problem=False)

    def _exported(self, what: str, form: ReportFormat, file: BinaryIO, _here: bool) -> str:
        snapshot = self._session.snapshot
        self._session.hand_over(export.file_name(what, form, snapshot.at, snapshot.zone), file)
        return ""

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
