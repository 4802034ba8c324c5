"""The colours of figures that a notebook draws, light or dark."""

from __future__ import annotations

from typing import Any

from pwsops.web.ui.theme import Palette


def paint(drawn: Any, colours: Palette) -> None:
    """Paint a figure's ground, lines and type in a palette; what it shows keeps its colours.

    Parameters
    ----------
    drawn
        A `bokeh.plotting.figure`.
    """
    drawn.background_fill_color = drawn.border_fill_color = colours.surface
    drawn.title.text_color = colours.text
    for grid in drawn.ygrid:
        grid.grid_line_color = colours.line
    for axis in (*drawn.xaxis, *drawn.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = colours.edge
        axis.axis_label_text_color = axis.major_label_text_color = colours.muted
    for legend in drawn.legend:
        legend.label_text_color = colours.text
        legend.background_fill_color = colours.surface
