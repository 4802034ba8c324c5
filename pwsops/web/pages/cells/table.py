"""The history as a table of the kind that notebooks have, a page of it at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import panel as pn

from pwsops.operations.records import HistoryPage, RunView
from pwsops.rules.highlight import Tone, highlight
from pwsops.web.live.session import Session
from pwsops.web.nav import RUN
from pwsops.web.pages.history.page import History, run_count
from pwsops.web.ui import formatting
from pwsops.web.ui.theme import FONT

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("Profile", "State", "Kind", "Due", "Duration", "Written", "Started", "Summary")
_NUMBERS = ("Duration", "Written")
_WIDTHS = {
    "Run": 70,
    "Profile": 210,
    "State": 100,
    "Kind": 100,
    "Due": 140,
    "Duration": 90,
    "Written": 90,
    "Started": 100,
}
_GROUNDS = {Tone.WARNING: "var(--pw-orange-soft)", Tone.ERROR: "var(--pw-red-soft)"}
_LOOK = (
    f".tabulator {{ font: 13px/1.45 {FONT}, sans-serif !important; }}"
    """
.tabulator { background: var(--pw-surface); border: 1px solid var(--pw-line); border-radius: 8px;
  font-variant-numeric: tabular-nums; }
.tabulator .tabulator-header, .tabulator .tabulator-header .tabulator-col,
.tabulator .tabulator-header .tabulator-headers.tabulator-moveable {
  background: var(--pw-raised) !important; border-color: var(--pw-line); color: var(--pw-muted); }
.tabulator .tabulator-tableholder { background: var(--pw-surface); }
.tabulator .tabulator-tableholder .tabulator-table, .tabulator .tabulator-row,
.tabulator .tabulator-row.tabulator-row-even {
  background-color: var(--pw-surface) !important; color: var(--pw-text); }
.tabulator .tabulator-row { border-bottom: 1px solid var(--pw-line); cursor: pointer; }
.tabulator .tabulator-row:hover { background-color: var(--pw-raised) !important; }
.tabulator .tabulator-row .tabulator-cell { border-right: 0; color: var(--pw-text); }
"""
)


def frame(runs: Sequence[RunView], now: datetime, zone: tzinfo) -> pd.DataFrame:
    """Return runs as people read them, one a row; the index is their numbers."""
    # A notebook loads it anyway; a page that shows no table need not.
    import pandas as pd

    rows = [
        (
            run.profile,
            formatting.run_mark(run.status).word,
            formatting.kind(run.kind),
            formatting.short_time(run.due_at, now, zone),
            formatting.duration(run.duration_s),
            formatting.size(formatting.run_size(run)),
            formatting.trigger(run.trigger),
            run.summary,
        )
        for run in runs
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), index=pd.Index([run.id for run in runs], name="Run"))


class TablePage(History):
    """The history's page with its questions and its answers, drawn as a Tabulator."""

    def __init__(self, session: Session) -> None:
        self._table: pn.widgets.Tabulator | None = None
        self._column = pn.Column(sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 8px; }"])
        super().__init__(session)

    def __panel__(self) -> Any:
        return self._column

    def _may_differ(self) -> bool:
        # A kernel that was busy answers late: that says nothing of how dear the question is.
        return not self._found.under_way and self._asked_of is not self._session.snapshot

    def _show(self) -> None:
        found = self._found
        page = found.result[0] if found.result is not None and found.error is None else None
        self._show_head(page)
        runs = list(page.runs) if page else []
        snapshot = self._session.snapshot
        rows = frame(runs, snapshot.at, snapshot.zone)
        shown = None if self._table is None else self._table.value
        if shown is not None and rows.equals(shown) and list(rows.index) == list(shown.index):
            return
        # While nothing is known there is no table: one would still be built when the next takes its place.
        self._table = self._draw(runs, rows) if runs else None
        self._column[:] = [self._piece] if self._table is None else [self._piece, self._table]

    def _draw(self, runs: Sequence[RunView], rows: pd.DataFrame) -> pn.widgets.Tabulator:
        """Return a table of runs. It keeps them: what comes while a browser is still building it is never drawn."""
        tones = {run.id: highlight(run) for run in runs}
        table = pn.widgets.Tabulator(
            rows,
            disabled=True,
            selectable=False,
            sortable=False,
            show_index=True,
            layout="fit_columns",
            widths=_WIDTHS,
            text_align=dict.fromkeys(_NUMBERS, "right"),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[_LOOK],
        )
        table.style.apply(lambda row: _grounds(row, tones), axis=1)
        table.on_click(lambda event: self._open(runs, event.row))
        return table

    def _show_head(self, page: HistoryPage | None) -> None:
        nav = self._session.nav
        self._piece.show(
            "cells/table_head.html",
            page=page,
            count_text=run_count(page),
            looking=self._found.under_way,
            problem=self._found.error,
            chosen=[text for text in (nav.profile, nav.status, nav.trigger, nav.q) if text],
        )

    def _open(self, runs: Sequence[RunView], position: int) -> None:
        if 0 <= position < len(runs):
            self._session.nav.go(page=RUN, run=runs[position].id)


def _grounds(row: Any, tones: dict[int, Tone]) -> list[str]:
    ground = _GROUNDS.get(tones.get(row.name, Tone.NONE))
    return [f"background-color: {ground}" if ground else ""] * len(row)
