"""What the figures of a calendar have in common: the canvas, its colours, and how it hears a tap. Bokeh."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bokeh.events import Tap
from bokeh.models import ColumnDataSource, Glyph, GlyphRenderer, HoverTool, Plot, Range1d, Text

from pwsops.web.ui.theme import DARK, FONT, LIGHT, Palette

Columns = Mapping[str, Sequence[Any]]
_FONT = f"{FONT}, sans-serif"
TINY, SMALL, PLAIN = "10px", "11px", "12px"


def palette(*, dark: bool) -> Palette:
    """Return the colours of a scheme."""
    return DARK if dark else LIGHT


class Canvas:
    """An empty figure whose ranges never move: what is drawn on it comes from sources whose data is replaced.

    Parameters
    ----------
    x, y
        The ranges; y runs down.
    height
        In pixels; the width is that of the page.
    on_tap
        Given where somebody tapped, in the units of the ranges.
    """

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], height: int, on_tap: Callable[[float, float], None]
    ) -> None:
        # Not `figure()`: the toolkit paints its axes and grids in colours of its own, and tells the server so.
        self.figure = Plot(
            x_range=Range1d(*x),
            y_range=Range1d(*y),
            height=height,
            sizing_mode="stretch_width",
            title=None,
            toolbar_location=None,
            min_border=0,
            outline_line_color=None,
            background_fill_alpha=0,
            border_fill_alpha=0,
            output_backend="canvas",
        )
        self.sources: dict[str, ColumnDataSource] = {}
        self._on_tap = on_tap
        self.figure.on_event(Tap, self._tapped)

    def source(self, name: str, *columns: str) -> ColumnDataSource:
        """Return a new source with these columns, empty."""
        self.sources[name] = ColumnDataSource(data={column: [] for column in columns}, name=name)
        return self.sources[name]

    def text(self, source: ColumnDataSource, column: str, colour: str, size: str = SMALL, **options: Any) -> Any:
        """Draw a column as text."""
        values = {"x": "x", "y": "y", "text_baseline": "middle", "text_font_size": size, "text_font": {"value": _FONT}}
        return self.draw(Text(text=column, text_color=colour, **{**values, **options}), source)

    def draw(self, glyph: Glyph, source: ColumnDataSource) -> GlyphRenderer[Any]:
        """Draw what a source has."""
        return self.figure.add_glyph(source, glyph)

    def tell(self, renderer: Any) -> None:
        """Show the column `words` where the pointer is."""
        template = f"<div style='max-width: 300px; font: 12px/1.4 {_FONT}'>@words</div>"
        self.figure.add_tools(HoverTool(renderers=[renderer], tooltips=template, visible=False))

    def show(self, words: str, columns: Mapping[str, Columns]) -> None:
        """Replace the data of all sources, and what the figure is called."""
        self.figure.html_attributes = {"role": "img", "aria-label": words}
        for name, data in columns.items():
            if self.sources[name].data != data:
                self.sources[name].data = dict(data)

    def _tapped(self, event: Tap) -> None:
        # What a browser sends is anything: only numbers are places.
        if all(isinstance(place, (int, float)) for place in (event.x, event.y)):
            self._on_tap(float(event.x), float(event.y))


def columns(rows: Sequence[Mapping[str, Any]], *names: str) -> Columns:
    """Return rows as columns."""
    return {name: [row[name] for row in rows] for name in names}


def label(x: float, y: float, text: str, colour: str, style: str = "normal") -> dict[str, Any]:
    """Return a row of a source of texts."""
    return {"x": x, "y": y, "text": text, "colour": colour, "style": style}


def compact(count: int) -> str:
    """Return a count in at most four characters: 999, 4.8k, 12k."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 9950 else f"{count / 1000:.0f}k"
