"""The look of notebooks: figures, tables and key numbers in the colours and the type of the pages.

A notebook does its own work in plain sight; what is here only spares it the paint.
"""

from __future__ import annotations

import atexit
import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
from bokeh.models import HoverTool
from bokeh.plotting import figure

from pwsops import commands
from pwsops.errors import Refused
from pwsops.operations.sample_home import is_sample, open_or_sample
from pwsops.rules import verdict_words
from pwsops.rules.protection import Verdict
from pwsops.web import access, app
from pwsops.web.choices import Choices, instant
from pwsops.web.panel_compat import cell_outputs, served_document
from pwsops.web.ui import formatting
from pwsops.web.ui.figures import paint
from pwsops.web.ui.theme import FONT, LIGHT

if TYPE_CHECKING:
    import pandas as pd

    from pwsops.operations import Operations

__all__ = [
    "BAD",
    "COLOURS",
    "GOOD",
    "LATE",
    "Choices",
    "begin",
    "cards",
    "duration",
    "instant",
    "is_sample",
    "is_served",
    "legend_above",
    "moment",
    "next_step",
    "note",
    "open_home",
    "page",
    "picture",
    "reasons",
    "sawtooth",
    "say_sample",
    "share",
    "size",
    "table",
    "together",
]

COLOURS = (LIGHT.accent, "#2a9d8f", "#8e6bbf", "#c98b2b", "#5b8fc7", "#7f8c99")
"""For things of one rank, such as databases; state has colours of its own."""
GOOD, BAD, LATE = "#8fbfa1", "#d9730d", LIGHT.red
_NAMES_A_LINE = 4
_EMPTY = "–"
_GAPS = ("None", "NaT", "<NA>", "nan")
"""How what is missing reads, whatever the type of its column."""


def _own(name: str) -> str:
    """Return a colour as CSS has it: of what stands around it, or the light one."""
    return f"var(--pw-{name.replace('_', '-')}, {getattr(LIGHT, name)})"


_TEXT = ":host { color: var(--pw-text, inherit); }"
_STYLE = f"""
<style>
.pw-cards {{ display: flex; flex-wrap: wrap; gap: 12px; font: 13px/1.45 {FONT}, Arial, sans-serif; }}
.pw-cards div {{ flex: 1 1 150px; border: 1px solid {_own("line")}; border-radius: 8px; padding: 10px 14px;
  color: {_own("text")}; background: {_own("surface")}; }}
.pw-cards strong {{ display: block; font-size: 21px; font-weight: 500; }}
.pw-cards .bad strong {{ color: {_own("orange")}; }}
.pw-table table {{ border-collapse: collapse; width: 100%; color: {_own("text")}; background: {_own("surface")};
  font: 13px/1.45 {FONT}, Arial, sans-serif; font-variant-numeric: tabular-nums; }}
.pw-table th, .pw-table td {{ border-bottom: 1px solid {_own("line")}; padding: 5px 10px; text-align: left;
  vertical-align: top; }}
.pw-table th {{ color: {_own("muted")}; font-weight: 500; }}
.pw-table .num {{ text-align: right; white-space: nowrap; }}
.pw-table .bad td {{ background: {_own("orange_soft")}; }}
</style>
"""


def begin() -> None:
    """Make pictures and cells work in this notebook, also without a network and in the page it is turned into.

    Raises
    ------
    Refused
        `panel serve` serves it, and somebody on another machine asks for it.
    """
    if is_served():
        _check_peer()
    pn.extension("tabulator", inline=True)


def _check_peer() -> None:
    try:
        access.check_peer()
    except Refused as error:
        app.refusal(error).servable()
        raise


def open_home(home: str = "") -> Operations:
    """Open a home, or one of samples where there is nothing to see yet; it is closed with the page, or the kernel.

    Parameters
    ----------
    home
        As `open_or_sample` has it.
    """
    operations = open_or_sample(home)
    if is_served():
        pn.state.on_session_destroyed(lambda _: operations.close())
    else:
        atexit.register(operations.close)
    return operations


def is_served() -> bool:
    """Whether `panel serve` serves this notebook: then it is run whenever somebody opens its page."""
    return served_document() is not None


def page() -> None:
    """Show all that this notebook has shown so far as one page, where `panel serve` serves it; else do nothing."""
    if not is_served():
        return
    # The toolkit would lay the cells out in a template that asks for a font from elsewhere.
    parts = cell_outputs()
    texts = [part for part in parts if isinstance(part, str)]
    title = next((text.partition("\n")[0].lstrip("# ") for text in texts if text.startswith("# ")), app.TITLE)
    shown = [note(part) if isinstance(part, str) else part for part in parts]
    column = pn.Column(*shown, sizing_mode="stretch_width", margin=(14, 16))
    app.toolkit_page(title=title, main=[column], busy_indicator=None).servable()


def picture(title: str, *, height: int = 300, hover: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Return an empty figure over time, to zoom and to drag.

    Parameters
    ----------
    hover
        What is told of what the pointer is on: names, and columns in Bokeh's own words.
    """
    drawn = figure(
        title=title,
        height=height,
        sizing_mode="stretch_width",
        tools="xpan,xwheel_zoom,box_zoom,reset,save",
        **{"x_axis_type": "datetime", **options},
    )
    drawn.toolbar.logo = None
    drawn.toolbar.autohide = True
    drawn.outline_line_color = None
    drawn.xgrid.grid_line_color = None
    drawn.title.text_font_size, drawn.title.text_font_style = "14px", "normal"
    for axis in (*drawn.xaxis, *drawn.yaxis):
        axis.minor_tick_line_color, axis.axis_label_text_font_style = None, "normal"
    paint(drawn, LIGHT)
    if hover is not None:
        drawn.add_tools(HoverTool(tooltips=list(hover.items()), formatters={"@at": "datetime", "@until": "datetime"}))
    return drawn


def legend_above(drawn: Any) -> Any:
    """Put the legend above, where it hides nothing; a click on a name hides what it names."""
    legend = drawn.legend[0]
    drawn.add_layout(legend, "above")
    legend.orientation, legend.ncols, legend.click_policy = "horizontal", _NAMES_A_LINE, "hide"
    legend.border_line_color, legend.margin = None, 0
    paint(drawn, LIGHT)
    return drawn


def note(text: str) -> Any:
    """Return a paragraph, in Markdown."""
    return pn.pane.Markdown(text, sizing_mode="stretch_width", stylesheets=[_TEXT])


def say_sample(operations: Operations) -> Any:
    """Show that the data is invented, where it is."""
    if not is_sample(operations):
        return None
    return note(
        "> **Sample data.** There is nothing to see yet in the home that was asked for. What is shown is invented, "
        f"in a home of its own, which may be deleted: `{operations.home}`"
    )


def cards(*numbers: tuple[str, str] | tuple[str, str, bool]) -> Any:
    """Return key numbers: each its value, what it is, and whether it is bad."""
    parts = [
        f'<div class="{"bad" if any(rest) else ""}"><strong>{html.escape(value)}</strong>{html.escape(name)}</div>'
        for value, name, *rest in numbers
    ]
    return pn.pane.HTML(f'{_STYLE}<div class="pw-cards">{"".join(parts)}</div>', sizing_mode="stretch_width")


def table(
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    says: Mapping[str, Callable[[Any], str]] | None = None,
    bad: Callable[[Any], bool] = lambda row: False,
    empty: str = "There is nothing to show.",
) -> Any:
    """Return a table as people read it; every text is escaped.

    Parameters
    ----------
    columns
        The columns to show, in order, each with its heading.
    says
        How the values of a column read, where not as they are.
    bad
        Whether a row is to stand out.
    """
    says = says or {}
    numbers = {name for name in columns if name in says or frame[name].dtype.kind in "if"}
    head = "".join(f'<th scope="col"{_aligned(name in numbers)}>{html.escape(columns[name])}</th>' for name in columns)
    body = "".join(
        f'<tr class="{"bad" if bad(row) else ""}">'
        + "".join(
            f"<td{_aligned(name in numbers)}>{html.escape(_cell_text(row[name], says.get(name)))}</td>"
            for name in columns
        )
        + "</tr>"
        for _, row in frame.iterrows()
    )
    if not body:
        body = f'<tr><td colspan="{len(columns)}">{html.escape(empty)}</td></tr>'
    filled = commands.in_page(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return pn.pane.HTML(f'{_STYLE}<div class="pw-table">{filled}</div>', sizing_mode="stretch_width")


def together(*parts: Any) -> Any:
    """Put parts under each other."""
    return pn.Column(*(part for part in parts if part is not None), sizing_mode="stretch_width")


def moment(at: Any) -> str:
    """Return an instant to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}"


def duration(seconds: Any) -> str:
    """Return a duration in words."""
    return formatting.duration(float(seconds))


def size(size_bytes: Any) -> str:
    """Return a size in words."""
    return formatting.size(int(size_bytes))


def share(part: Any) -> str:
    """Return a share in percent, rounded down: what is not all must not read as 100%."""
    return f"{int(float(part) * 1000) / 10:g}%"


def reasons(verdict: Verdict) -> str:
    """Return why a database is not protected, or what is to be known of it all the same, as the overview says it."""
    return verdict_words.explanation(verdict, verdict_words.utc)


def next_step(verdict: Verdict) -> str:
    """Return what to do first about a database; empty where all is well."""
    return verdict_words.step(verdict)


def sawtooth(rows: pd.DataFrame) -> tuple[Sequence[Any], Sequence[float]]:
    """Return the corners of a line through the rows of `Operations.reports.exposure`: instants, and hours of loss.

    Where nothing could be restored the line is broken.
    """
    at: list[Any] = []
    hours: list[float] = []
    columns: Any = (rows[name].tolist() for name in ("since", "until", "least_s", "most_s"))
    for since, until, least_s, most_s in zip(*columns, strict=True):
        at += [since, until, until]
        hours += [least_s / 3600, most_s / 3600, float("nan")]
    return at, hours


def _aligned(number: bool) -> str:
    return ' class="num"' if number else ""


def _cell_text(value: Any, say: Callable[[Any], str] | None) -> str:
    if str(value) in _GAPS:
        return _EMPTY
    return say(value) if say is not None else f"{value:,}" if isinstance(value, int) else str(value)
