"""The month as a figure: one continuous grid of weeks and days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from bokeh.models import Block, Scatter

from pwsops.rules.model import RunStatus
from pwsops.web.ui.charts.figures import PLAIN, SMALL, TINY, Canvas, columns, compact, label, palette
from pwsops.web.ui.charts.month import OPEN, WEEKS, Day
from pwsops.web.ui.theme import Palette

HEIGHT = 500
_EDGE = 0.01
"""Room for the lines around all of it."""
_HEAD = 0.32
"""The height of the names of the weekdays, in weeks."""
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEFT = 0.07
_CELL = ("x", "y", "ground", "line", "words")
_TEXT = ("x", "y", "text", "colour", "style")
_MARK = ("x", "y", "marker", "colour", "fill", "size")
_TICK = "\N{CHECK MARK}"
_NONE = "rgba(0, 0, 0, 0)"


class MonthFigure:
    """Six weeks of days; `on_day` is told which one was tapped."""

    def __init__(self, on_day: Callable[[date], None]) -> None:
        self._on_day = on_day
        self._weeks: Sequence[Sequence[Day]] = ()
        self._canvas = canvas = Canvas((-_EDGE, 7 + _EDGE), (WEEKS + _EDGE, -_HEAD), HEIGHT, self._tapped)
        self.figure = canvas.figure
        block = Block(x="x", y="y", width=1, height=1, fill_color="ground", line_color="line")
        cells = canvas.draw(block, canvas.source("cells", *_CELL))
        canvas.tell(cells)
        mark = Scatter(
            x="x", y="y", marker="marker", size="size", line_color="colour", fill_color="fill", line_width=1.5
        )
        canvas.draw(mark, canvas.source("marks", *_MARK))
        for name, size, options in (
            ("heads", SMALL, {"text_align": "center"}),
            ("numbers", PLAIN, {"text_font_style": "style"}),
            ("counts", SMALL, {"text_font_style": "style"}),
            ("notes", TINY, {"text_align": "right"}),
            ("spans", TINY, {}),
        ):
            canvas.text(canvas.source(name, *_TEXT), "text", "colour", size, **options)
        self.sources = canvas.sources

    def show(self, weeks: Sequence[Sequence[Day]], words: str, *, dark: bool) -> None:
        """Draw six weeks; `words` say the same in a sentence."""
        self._weeks = weeks
        colours = palette(dark=dark)
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in self.sources}
        rows["heads"] = [label(at + 0.5, -_HEAD / 2, name, colours.muted) for at, name in enumerate(_WEEKDAYS)]
        for y, week in enumerate(weeks):
            for x, day in enumerate(week):
                rows["cells"].append(_cell(day, x, y, colours))
                for name, row in (*_marked(day, x, y, colours), *_texts(day, x, y, colours)):
                    rows[name].append(row)
        shown = {"cells": _CELL, "marks": _MARK}
        self._canvas.show(words, {name: columns(found, *shown.get(name, _TEXT)) for name, found in rows.items()})

    def _tapped(self, x: float, y: float) -> None:
        if 0 <= x < 7 and 0 <= y < len(self._weeks):
            self._on_day(self._weeks[int(y)][int(x)].date)


def _marked(day: Day, x: int, y: int, colours: Palette) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the marks of a day with their counts: above, how runs ended; below, what is to come."""
    over, coming = _ended(day, colours), _coming(day, colours)
    # What stands alone stands in the middle.
    for down, parts in ((0.46 if coming else 0.55, over), (0.68 if over else 0.55, coming)):
        for at, (mark, count) in enumerate(parts):
            across = x + _LEFT + at * min(0.4, 0.9 / len(parts))
            yield "counts", label(across + 0.14, y + down, count, colours.text)
            if mark["marker"] == _TICK:
                yield "counts", label(across, y + down, _TICK, mark["colour"], "bold")
            else:
                yield "marks", {"x": across + 0.05, "y": y + down, **mark}


def _cell(day: Day, x: int, y: int, colours: Palette) -> dict[str, Any]:
    ground = colours.surface
    if day.today:
        ground = colours.accent_soft
    elif day.trouble:
        ground = colours.orange_soft
    elif day.past or not day.in_month:
        ground = colours.canvas
    return {"x": x, "y": y, "ground": ground, "line": colours.line, "words": day.words}


def _ended(day: Day, colours: Palette) -> list[tuple[dict[str, Any], str]]:
    """Return how its runs ended: a tick, a triangle for trouble, a ring for what is under way."""
    kinds = (
        (day.ended(RunStatus.SUCCEEDED), {"marker": _TICK, "colour": colours.ok}),
        (day.trouble, {"marker": "triangle", "colour": colours.orange, "fill": colours.orange, "size": 8}),
        (day.ended(*OPEN), {"marker": "circle", "colour": colours.running, "fill": _NONE, "size": 7}),
    )
    return [(mark, compact(count)) for count, mark in kinds if count]


def _coming(day: Day, colours: Palette) -> list[tuple[dict[str, Any], str]]:
    """Return what is to come: squares are full, dots incremental; rings belong to other profiles."""
    full, incremental = (0, 0) if day.runs is None else (day.runs.full, day.runs.incremental)
    kinds = (
        (full, {"marker": "square", "colour": colours.accent, "fill": colours.accent, "size": 8}),
        (incremental, {"marker": "circle", "colour": colours.incremental, "fill": colours.incremental, "size": 7}),
        (day.others, {"marker": "circle", "colour": colours.edge, "fill": _NONE, "size": 6}),
    )
    return [(mark, compact(count)) for count, mark in kinds if count]


def _texts(day: Day, x: int, y: int, colours: Palette) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return a day's number, what clocks do on it, and when its runs are or how often they overlap."""
    quiet = colours.muted if day.past or not day.in_month else colours.text
    colour, style = (colours.accent, "bold") if day.today else (quiet, "normal")
    yield "numbers", label(x + _LEFT, y + 0.18, day.number, colour, style)
    if day.put_forward_s:
        way = "+" if day.put_forward_s > 0 else "\N{MINUS SIGN}"
        text = f"clocks {way}{abs(day.put_forward_s) / 3600:g} h"
        yield "notes", label(x + 1 - _LEFT, y + 0.18, text, colours.text)
    if day.clashes:
        text = f"{compact(day.clashes)} \N{MULTIPLICATION SIGN} overlap"
        yield "spans", label(x + _LEFT, y + 0.9, text, colours.orange)
    elif day.span:
        yield "spans", label(x + _LEFT, y + 0.9, day.span, colours.muted)
