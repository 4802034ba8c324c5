"""A page of the history as a frame, and in colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from pwsops.reports.frames import frame
from pwsops.reports.tables import PAGE, kept
from pwsops.rules.highlight import INKS, highlight

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def page_frame(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Return a frame of runs, in their order: columns and types of the table of runs, without the instance.

    Parameters
    ----------
    rows
        The values of each run; instants as such, durations in seconds.
    """
    found = [[kept(value) for value in row] for row in rows]
    return frame(PAGE, [found] if found else [])


def styled(runs: pd.DataFrame) -> Styler:
    """Return a frame whose rows stand out as `highlight` says, as a notebook shows it."""

    def look(row: Any) -> list[str]:
        ink = INKS.get(highlight(row))
        return ["" if ink is None else f"color: {ink.text}; background-color: {ink.ground}"] * len(row)

    return runs.style.apply(look, axis="columns")
