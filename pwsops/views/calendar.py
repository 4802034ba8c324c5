"""The calendar picture: one figure, of which only the data are replaced.

Full is a square, incremental a dot. A canvas holds no text for readers, so a page puts the same in words beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, CustomJS, HoverTool
from bokeh.plotting import figure

from pwsops.rules.model import BackupKind
from pwsops.views import theme, words
from pwsops.views.month import WEEKS, Day

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHOWN_APART = 7
"""So many marks fit into a day; more are counted."""
_STEP = 0.12
_TOLD = 12
_HEIGHT_PX = 380
_NARROW_PX = 560

_TIP = """<div style="font: 12px Roboto; max-width: 260px"><b>@title</b><br>@detail</div>"""


class Calendar:
    """A month of runs to come as a Bokeh figure.

    Attributes
    ----------
    figure
        To be put into a pane once.
    """

    def __init__(self) -> None:
        self._sources = {name: ColumnDataSource() for name in ("days", "full", "incremental", "counts", "heads")}
        self._days: Sequence[Day] = ()
        self._dark: bool | None = None
        self.figure = _frame()
        self._draw_glyphs()
        self.show((), dark=False)

    def show(self, days: Sequence[Day], *, dark: bool) -> None:
        """Show other days, or the same in another scheme; nothing is sent where nothing differs."""
        if (days, dark) == (self._days, self._dark):
            return
        self._days = days
        for name, columns in layout(days, theme.palette(dark)).items():
            self._sources[name].data = columns
        if dark is not self._dark:
            self._dark = dark
            self._paint(theme.palette(dark))

    def _draw_glyphs(self) -> None:
        plot, text = self.figure, {"text_font": value(theme.FONT), "text_baseline": "middle"}
        cells = plot.rect("x", "y", 1, 1, source=self._sources["days"], fill_color="ground", line_width=1)
        self._cells = cells.glyph
        plot.add_tools(HoverTool(renderers=[cells], tooltips=_TIP, attachment="vertical"))
        plot.text(
            "left",
            "top",
            "number",
            source=self._sources["days"],
            text_color="ink",
            text_font_size="12px",
            text_font_style="normal",
            **text,
        )
        times = plot.text("left", "bottom", "span", source=self._sources["days"], text_font_size="11px", **text)
        shift = plot.text(
            "right", "top", "shift", source=self._sources["days"], text_font_size="10px", text_align="right", **text
        )
        counts = plot.text("x", "y", "text", source=self._sources["counts"], text_font_size="11px", **text)
        heads = plot.text(
            "x", "y", "text", source=self._sources["heads"], text_font_size="12px", text_align="center", **text
        )
        self._quiet = [times.glyph, shift.glyph, counts.glyph, heads.glyph]
        full = plot.scatter("x", "y", source=self._sources["full"], marker="square", size=9, line_width=0)
        dots = plot.scatter("x", "y", source=self._sources["incremental"], marker="circle", size=8, line_width=0)
        self._marks = (full.glyph, dots.glyph)
        # On a narrow screen a day has room for its number and its marks alone.
        plot.js_on_change(
            "inner_width",
            CustomJS(
                args={"plot": plot, "quiet": [times, shift]},
                code=f"for (const one of quiet) {{ one.visible = plot.inner_width >= {_NARROW_PX} }}",
            ),
        )

    def _paint(self, colours: theme.Palette) -> None:
        self._cells.line_color = colours.line
        for glyph in self._quiet:
            glyph.text_color = colours.muted
        self._marks[0].fill_color = colours.accent
        self._marks[1].fill_color = colours.incremental


def _frame() -> Any:
    plot = figure(
        x_range=(-0.01, 7.01),
        y_range=(WEEKS + 0.01, -0.45),
        height=_HEIGHT_PX,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        min_border=0,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None
    return plot


def layout(days: Sequence[Day], colours: theme.Palette) -> dict[str, Mapping[str, list[Any]]]:
    """Place days, marks and texts: x counts weekdays, y weeks from the top."""
    marks: dict[str, dict[str, list[Any]]] = {
        "full": {"x": [], "y": []},
        "incremental": {"x": [], "y": []},
        "counts": {"x": [], "y": [], "text": []},
    }
    for index, day in enumerate(days):
        _place(day, index % 7, index // 7 + 0.53, marks)
    return {
        "days": {
            "x": [index % 7 + 0.5 for index in range(len(days))],
            "y": [index // 7 + 0.5 for index in range(len(days))],
            "left": [index % 7 + 0.08 for index in range(len(days))],
            "right": [index % 7 + 0.94 for index in range(len(days))],
            "top": [index // 7 + 0.2 for index in range(len(days))],
            "bottom": [index // 7 + 0.82 for index in range(len(days))],
            "number": [f"{day.date.day} {day.date:%b}" if day.date.day == 1 else str(day.date.day) for day in days],
            "ground": [_ground(day, colours) for day in days],
            "ink": [_ink(day, colours) for day in days],
            "span": [day.span for day in days],
            "shift": ["clocks change" if day.shifted else "" for day in days],
            "title": [f"{day.date:%A} {day.date.day} {day.date:%B %Y}" for day in days],
            "detail": [_detail(day) for day in days],
        },
        "heads": {"x": [number + 0.5 for number in range(7)], "y": [-0.22] * 7, "text": list(_WEEKDAYS)},
        **marks,
    }


def _place(day: Day, column: int, y: float, marks: Mapping[str, dict[str, list[Any]]]) -> None:
    if len(day.runs) <= _SHOWN_APART:
        for place, run in enumerate(day.runs):
            _put(marks["full" if run.kind is BackupKind.FULL else "incremental"], column + 0.12 + place * _STEP, y)
        return
    counted = (("full", day.full), ("incremental", len(day.runs) - day.full))
    x = column + 0.12
    for name, number in counted:
        if number:
            _put(marks[name], x, y)
            _put(marks["counts"], x + 0.1, y, text=str(number))
            x += 0.34


def _put(columns: dict[str, list[Any]], x: float, y: float, **more: str) -> None:
    for name, item in {"x": x, "y": y, **more}.items():
        columns[name].append(item)


def _ground(day: Day, colours: theme.Palette) -> str:
    if day.today:
        return colours.accent_soft
    return colours.surface if day.in_month and not day.past else colours.canvas


def _ink(day: Day, colours: theme.Palette) -> str:
    if day.today:
        return colours.accent
    return colours.text if day.in_month and not day.past else colours.muted


def _detail(day: Day) -> str:
    if not day.runs:
        return "no run to come"
    named = len({run.profile for run in day.runs}) > 1
    lines = [
        f"{run.at:%H:%M} {words.kind(run.kind)}" + (f" ({run.profile})" if named else "") for run in day.runs[:_TOLD]
    ]
    if len(day.runs) > _TOLD:
        lines.append(f"and {len(day.runs) - _TOLD} more")
    return ", ".join(lines)
