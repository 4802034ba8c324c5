"""The calendar of a page: a figure, and beside it the same in words and as a list whose days can be opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import panel as pn

from pwsops.rules.model import RunStatus
from pwsops.web.live.calendar_cache import DAY, MONTH, WEEK, Content
from pwsops.web.live.session import Session
from pwsops.web.nav import day, month, parsed
from pwsops.web.ui import calendar_texts
from pwsops.web.ui.calendar_texts import Heading
from pwsops.web.ui.charts.day_figure import DayFigure
from pwsops.web.ui.charts.month import TROUBLE, Month, begin_of
from pwsops.web.ui.charts.month_figure import MonthFigure
from pwsops.web.ui.charts.week_figure import WeekFigure
from pwsops.web.ui.markup import Markup

_CARD = """
:host {
  background: var(--pw-surface); border: 1px solid var(--pw-line); border-radius: 8px;
  display: block; height: auto !important; overflow: hidden;
}
"""
_BESIDE = """
:host { align-items: flex-start; display: flex !important; flex-flow: row wrap !important; height: auto !important; }
:host > .words { flex: 2 1 250px; min-width: 0; width: auto !important; }
:host > .drawn { flex: 5 1 480px; margin: 0 14px 14px; min-width: 0; width: auto !important; }
@media (max-width: 700px) { :host > .drawn { display: none !important; } }
"""
_MARKS = {
    RunStatus.SUCCEEDED: "done",
    RunStatus.CANCELLED: "cancelled",
    RunStatus.QUEUED: "open",
    RunStatus.RUNNING: "open",
    **dict.fromkeys(TROUBLE, "trouble"),
}


class Calendar(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Shows what it is given, and goes where somebody clicks, taps or presses a key.

    The figure is made when it is first shown, which must be after the first paint.

    Parameters
    ----------
    session
        Whose address it moves, and which does everything else that is clicked.
    above
        A piece that stands above it, in the same card; None: nothing.
    """

    def __init__(self, session: Session, above: Markup | None = None) -> None:
        super().__init__()
        self._session = session
        self._head = Markup(self._act)
        self._words = Markup(self._act, css_classes=["words"])
        self._lines = Markup(self._act)
        self._drawn = pn.Column(css_classes=["drawn"], sizing_mode="stretch_width", margin=0)
        self._beside = pn.Row(self._drawn, self._words, stylesheets=[_BESIDE], margin=0, sizing_mode="stretch_width")
        self._figures: dict[str, MonthFigure | WeekFigure | DayFigure] = {}
        self._opened: date | None = None
        """The day that somebody opened here: the focus goes there, and comes back to it."""
        self._back_to: date | None = None
        self._came_from = MONTH
        parts = [self._head, self._beside, self._lines]
        self._card = pn.Column(
            *([] if above is None else [above]), *parts, sizing_mode="stretch_width", margin=0, stylesheets=[_CARD]
        )

    def __panel__(self) -> Any:
        return self._card

    @property
    def figures(self) -> dict[str, MonthFigure | WeekFigure | DayFigure]:
        """The figures that have been shown, by view."""
        return self._figures

    def wait(self, shown: Month, heading: Heading) -> None:
        """Show that the runs are being worked out, or why they could not be."""
        nav = self._session.nav
        self._show_head(shown, heading, nav.view, parsed(nav.day))
        self._words.show("calendar_soon.html", heading=heading)
        self._lines.html = ""

    def show(self, content: Content, heading: Heading) -> None:
        """Show what there is."""
        request, now = content.request, self._session.snapshot.at
        values = calendar_texts.body(content, heading, now)
        opened = request.view == DAY and self._opened == request.day
        # All at once: what a tap changes while something else does would else be lost.
        with pn.io.hold():
            self._show_head(request.month, heading, request.view, request.day)
            self._words.show("calendar_body.html", **values, opened=opened, back_to=self._back_to)
            if values["view"] == DAY and content.lines:
                self._lines.show("calendar_day.html", **values, marks=_MARKS)
            else:
                self._lines.html = ""
            self._draw(content, values["view"], f"{heading.title}. {values['summary']}")
        # A notebook is told of no change of a figure by itself.
        pn.io.push_notebook(self._drawn)

    def _show_head(self, shown: Month, heading: Heading, view: str, opened: date | None) -> None:
        values = calendar_texts.head(shown, heading, view, opened)
        self._head.show("calendar_head.html", **values, month_key=self._session.nav.month)

    def _draw(self, content: Content, view: str, words: str) -> None:
        request, dark = content.request, self._session.dark
        figure = self._figure(view)
        if isinstance(figure, MonthFigure):
            figure.show(content.weeks, words, dark=dark)
        elif isinstance(figure, WeekFigure) and content.week is not None:
            today = request.month.present
            figure.show(content.week, content.hours, content.changes, words, today=today, dark=dark)
        elif isinstance(figure, DayFigure) and request.day is not None:
            since, until = (begin_of(day, request.zone) for day in (request.day, request.day + timedelta(days=1)))
            figure.show(content.lines, since, until, request.now, words, dark=dark)

    def _figure(self, view: str) -> MonthFigure | WeekFigure | DayFigure:
        if view not in self._figures:
            make: dict[str, Callable[[], MonthFigure | WeekFigure | DayFigure]] = {
                MONTH: lambda: MonthFigure(self._open),
                WEEK: lambda: WeekFigure(self._open),
                DAY: DayFigure,
            }
            self._figures[view] = make[view]()
        pane = self._figures[view].figure
        shown = [each.object for each in self._drawn]
        if shown != [pane]:
            self._drawn[:] = [pn.pane.Bokeh(pane, sizing_mode="stretch_width", margin=0)]
        return self._figures[view]

    def _act(self, action: str, key: str) -> None:
        nav = self._session.nav
        nav.by_link = False
        if action == "month":
            with suppress(ValueError):  # no page of ours has such a key
                nav.param.update(month=month(key) if key else "", view=MONTH, day="")
        elif action == "today":
            present = self._session.snapshot.at.astimezone(self._session.snapshot.zone).date()
            nav.param.update(month="", day="" if nav.view == MONTH else present.isoformat())
        elif action == WEEK:
            with suppress(ValueError):
                nav.param.update(view=WEEK, day=day(key))
        elif action == DAY:
            with suppress(ValueError):
                self._open(date.fromisoformat(day(key)))
        elif action == "back":
            self._back_to, self._opened = parsed(nav.day), None
            nav.param.update(view=self._came_from, day=nav.day if self._came_from == WEEK else "")
        else:
            self._session.act(action, key)

    def _open(self, opened: date) -> None:
        nav = self._session.nav
        if nav.view != DAY:
            self._came_from = nav.view
            self._opened, self._back_to = opened, None
        nav.param.update(view=DAY, day=opened.isoformat())
