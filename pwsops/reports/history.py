"""A page of the history as a frame, and in colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pwsops.reports.frames import frame
from pwsops.reports.tables import PAGE
from pwsops.rules.highlight import INKS, highlight

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def page_frame(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Return a frame of runs, in their order: columns and types of the table of runs, without the instance.

    Parameters
    ----------
    rows
        The values of each run; instants as such, durations in seconds.
    """
    kept = [[_kept(value) for value in row] for row in rows]
    return frame(PAGE, [kept] if kept else [])


def styled(runs: pd.DataFrame) -> Styler:
    """Return a frame whose rows stand out as `highlight` says, as a notebook shows it."""

    def look(row: Any) -> list[str]:
        ink = INKS.get(highlight(row))
        return ["" if ink is None else f"color: {ink.text}; background-color: {ink.ground}"] * len(row)

    return runs.style.apply(look, axis="columns")


def _kept(value: Any) -> Any:
    """Return a value as the catalogue keeps it, which is what tables are made of."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, float):
        return round(value * 1e6)
    return value
