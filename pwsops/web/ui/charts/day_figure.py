"""A day as a figure: a line for each profile, and its runs on it from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from bokeh.models import HBar, Scatter, Segment

from pwsops.rules.model import BackupKind, RunStatus
from pwsops.web.ui.charts.figures import SMALL, Canvas, columns, label, palette
from pwsops.web.ui.charts.hours import Entry, Line
from pwsops.web.ui.charts.month import OPEN, TROUBLE
from pwsops.web.ui.theme import Palette

DRAWN = 40
"""So many profiles are drawn; the list beside it has all of them."""
_NAMES = 0.24
"""The part of the width that the names of the profiles have."""
_NAME_LENGTH = 22
_LINE_PX, _HEAD_PX = 24, 26
_RIGHT = 1.02
"""Room for the last hour's name."""
_EVERY = 2
_BAR = ("left", "right", "y", "colour", "alpha", "words")
_MARK = ("x", "y", "marker", "colour", "line", "alpha", "words")
_TEXT = ("x", "y", "text", "colour")
_LINE = ("x0", "x1", "y0", "y1", "colour")


class DayFigure:
    """Lines of profiles over the hours of a day, which may be 23 or 25."""

    def __init__(self) -> None:
        self._canvas = canvas = Canvas((-24 * _NAMES, 24), (1, -1), 200, lambda x, y: None)
        self.figure = canvas.figure
        line = Segment(x0="x0", x1="x1", y0="y0", y1="y1", line_color="colour")
        canvas.draw(line, canvas.source("lines", *_LINE))
        bar = HBar(left="left", right="right", y="y", height=0.4, fill_color="colour", fill_alpha="alpha")
        bar.line_color = None
        canvas.tell(canvas.draw(bar, canvas.source("bars", *_BAR)))
        mark = Scatter(x="x", y="y", marker="marker", size=10, line_width=2, line_color="line", fill_color="colour")
        mark.fill_alpha = mark.line_alpha = "alpha"
        canvas.tell(canvas.draw(mark, canvas.source("marks", *_MARK)))
        canvas.text(canvas.source("heads", *_TEXT), "text", "colour", text_align="center")
        canvas.text(canvas.source("names", *_TEXT), "text", "colour", SMALL)
        self.sources = canvas.sources

    def show(
        self, lines: Sequence[Line], since: datetime, until: datetime, now: datetime, words: str, *, dark: bool
    ) -> None:
        """Draw a day, from `since` to `until`; `words` say the same in a sentence."""
        colours = palette(dark=dark)
        drawn = lines[:DRAWN]
        hours = _hours(until, since)
        self.figure.height = _HEAD_PX + _LINE_PX * max(1, len(drawn))
        self.figure.y_range.start, self.figure.y_range.end = max(1, len(drawn)), -_HEAD_PX / _LINE_PX
        self.figure.x_range.start, self.figure.x_range.end = -hours * _NAMES, hours * _RIGHT
        bars, marks, names = [], [], []
        for y, line in enumerate(drawn):
            colour = colours.muted if line.beside else colours.text
            names.append(label(-hours * _NAMES, y + 0.5, _cut(line.profile), colour))
            for entry in line.entries:
                drawn_as = _run(entry, line, colours)
                left = max(0.0, _hours(entry.begin, since))
                marks.append({"x": left, "y": y + 0.5, "marker": _marker(entry), **drawn_as})
                if entry.end is not None:
                    bars.append({"left": left, "right": min(hours, _hours(entry.end, since)), "y": y + 0.5, **drawn_as})
        self._canvas.show(
            words,
            {
                "bars": columns(bars, *_BAR),
                "marks": columns(marks, *_MARK),
                "names": columns(names, *_TEXT),
                "heads": columns(_heads(since, until, colours), *_TEXT),
                "lines": columns(_lines(len(drawn), hours, _hours(now, since), colours), *_LINE),
            },
        )


def _hours(instant: datetime, since: datetime) -> float:
    return instant.timestamp() / 3600 - since.timestamp() / 3600


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"


def _marker(entry: Entry) -> str:
    if entry.status in TROUBLE:
        return "triangle"
    return "square" if entry.kind is BackupKind.FULL else "circle"


def _run(entry: Entry, line: Line, colours: Palette) -> dict[str, Any]:
    colour = _colour(entry, colours)
    return {
        "colour": colour,
        "line": colours.orange if entry.clashes else colour,
        "alpha": 0.4 if line.beside else 0.85,
        "words": f"{line.profile}, {entry.begin:%H:%M}: {entry.words}" + (", overlaps" if entry.clashes else ""),
    }


def _colour(entry: Entry, colours: Palette) -> str:
    if entry.status is None:
        return colours.accent if entry.kind is BackupKind.FULL else colours.incremental
    if entry.status in TROUBLE:
        return colours.orange
    if entry.status in OPEN:
        return colours.running
    return colours.ok if entry.status is RunStatus.SUCCEEDED else colours.muted


def _heads(since: datetime, until: datetime, colours: Palette) -> list[dict[str, Any]]:
    """Return what a clock shows over the day: an hour that it passes over is not there, a repeated one is twice."""
    zone: tzinfo | None = since.tzinfo
    heads = list[dict[str, Any]]()
    for hour in range(0, int(_hours(until, since)) + 1, _EVERY):
        at = datetime.fromtimestamp(since.timestamp() + timedelta(hours=hour).total_seconds(), zone)
        heads.append(label(hour, -0.5, f"{at:%H}", colours.muted))
    return heads


def _lines(rows: int, hours: float, now: float, colours: Palette) -> list[dict[str, Any]]:
    across: list[dict[str, Any]] = [
        {"x0": 0, "x1": hours, "y0": row, "y1": row, "colour": colours.line} for row in range(rows + 1)
    ]
    if 0 <= now <= hours:
        across.append({"x0": now, "x1": now, "y0": -0.2, "y1": rows, "colour": colours.accent})
    return across
