"""The week as a figure: a strip of hours for each day, in which runs that overlap show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from bokeh.models import Block

from pwsops.web.ui import formatting
from pwsops.web.ui.charts.figures import SMALL, Canvas, columns, compact, label, palette
from pwsops.web.ui.charts.hours import Hour, Week
from pwsops.web.ui.charts.month import day_name
from pwsops.web.ui.theme import Palette

HEIGHT = 320
_NAMES = 2.4
"""The width of the days' names, in hours."""
_HEAD = 0.6
_MOST = 0.85
"""How strong the colour of an hour with the most runs is."""
_STRONG = 0.5
"""From this part of the most runs on, the ground is so strong that text has the other colour."""
_CELL = ("x", "y", "ground", "alpha", "line", "width", "words")
_TEXT = ("x", "y", "text", "colour", "style")


class WeekFigure:
    """Seven strips of hours; `on_day` is told which day was tapped."""

    def __init__(self, on_day: Callable[[date], None]) -> None:
        self._on_day = on_day
        self._days: Sequence[date] = ()
        self._canvas = canvas = Canvas((-_NAMES, 24), (7, -_HEAD), HEIGHT, self._tapped)
        self.figure = canvas.figure
        block = Block(x="x", y="y", width=0.94, height=0.9, fill_color="ground", fill_alpha="alpha")
        block.line_color, block.line_width = "line", "width"
        cells = canvas.draw(block, canvas.source("cells", *_CELL))
        canvas.tell(cells)
        canvas.text(canvas.source("heads", *_TEXT), "text", "colour", text_align="center")
        canvas.text(canvas.source("counts", *_TEXT), "text", "colour", text_align="center", text_font_style="style")
        canvas.text(canvas.source("names", *_TEXT), "text", "colour", SMALL, text_font_style="style")
        self.sources = canvas.sources

    def show(
        self,
        week: Week,
        hours: Mapping[tuple[int, int], Hour],
        changes: Mapping[date, tuple[str, float]],
        words: str,
        *,
        today: date,
        dark: bool,
    ) -> None:
        """Draw a week; `words` say the same in a sentence."""
        self._days = week.days
        colours = palette(dark=dark)
        most = max((hour.coming + hour.ended for hour in hours.values()), default=0) or 1
        cells, counts, names = [], [], []
        for number, day in enumerate(week.days):
            names += _names(number, day, changes.get(day, ("", 0.0))[1], colours, is_today=day == today)
            for clock in range(24):
                hour = hours.get((number, clock))
                text = f"{day_name(day)}, {clock:02}:00: {hour_words(hour)}"
                cells.append({"x": clock + 0.03, "y": number + 0.05, "words": text, **_paint(hour, most, colours)})
                if hour is not None and (hour.coming or hour.ended or hour.under_way):
                    counts.append(label(clock + 0.5, number + 0.5, *_count(hour, most, colours)))
        heads = [label(clock + 0.5, -_HEAD / 2, f"{clock:02}", colours.muted) for clock in range(24)]
        self._canvas.show(
            words,
            {
                "cells": columns(cells, *_CELL),
                "counts": columns(counts, *_TEXT),
                "names": columns(names, *_TEXT),
                "heads": columns(heads, *_TEXT),
            },
        )

    def _tapped(self, x: float, y: float) -> None:
        if -_NAMES <= x < 24 and 0 <= y < len(self._days):
            self._on_day(self._days[int(y)])


def hour_words(hour: Hour | None) -> str:
    """Return what an hour holds, in words."""
    if hour is None:
        return "the clocks pass over this hour"
    words = []
    if hour.ended:
        words.append(
            f"{formatting.counted(hour.ended, 'run')} ended" + (f", {hour.trouble} badly" if hour.trouble else "")
        )
    if hour.under_way:
        words.append(f"{formatting.counted(hour.under_way, 'run')} under way")
    if hour.coming:
        words.append(f"{formatting.counted(hour.coming, 'run')} to come")
    if hour.others:
        words.append(f"{formatting.counted(hour.others, 'run')} of other profiles")
    if hour.clashes:
        words.append("runs overlap")
    if hour.repeated:
        words.append("the clocks show this hour twice")
    return ", ".join(words) or "no runs"


def _paint(hour: Hour | None, most: int, colours: Palette) -> dict[str, Any]:
    plain = {"ground": colours.raised, "alpha": 1.0, "line": colours.line, "width": 1}
    if hour is None:
        return {**plain, "ground": colours.canvas, "alpha": 0.0}
    if hour.trouble:
        plain |= {"ground": colours.orange_soft}
    elif hour.succeeded and not hour.coming:
        plain |= {"ground": colours.ok_soft}
    elif hour.coming:
        plain |= {"ground": colours.accent, "alpha": 0.2 + (_MOST - 0.2) * hour.coming / most}
    if hour.clashes:
        plain |= {"line": colours.orange, "width": 2.5}
    return plain


def _names(number: int, day: date, put_forward_s: float, colours: Palette, *, is_today: bool) -> list[dict[str, Any]]:
    """Return a day's name, and below it what clocks do on it."""
    name = f"{day:%a} {day.day} {day:%b}"
    colour, style = (colours.accent, "bold") if is_today else (colours.text, "normal")
    found = [label(-_NAMES, number + (0.35 if put_forward_s else 0.5), name, colour, style)]
    if put_forward_s:
        way = "forward" if put_forward_s > 0 else "back"
        found.append(label(-_NAMES, number + 0.72, f"clocks {way}", colours.muted))
    return found


def _count(hour: Hour, most: int, colours: Palette) -> tuple[str, str, str]:
    """Return the text of an hour, its colour and its style."""
    if hour.trouble:
        return f"\N{BLACK UP-POINTING TRIANGLE}{compact(hour.trouble)}", colours.orange, "bold"
    if not hour.coming:
        colour = colours.running if hour.under_way else colours.ok if hour.succeeded else colours.muted
        return compact(hour.ended + hour.under_way), colour, "normal"
    colour = colours.on_accent if hour.coming / most > _STRONG else colours.text
    return compact(hour.coming), colour, "bold" if hour.clashes else "normal"
