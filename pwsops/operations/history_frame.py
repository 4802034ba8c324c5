"""A page of the history for pandas: the same fifty runs that the page shows, in the same colours.

pandas is loaded on first use: pages are drawn from the records, and their server never loads it for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pwsops.operations.records import HistoryPage, RunView
from pwsops.rules.highlight import Tone, highlight

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

__all__ = ["Tone", "frame", "highlight", "styled"]


def frame(page: HistoryPage) -> pd.DataFrame:
    """Return the runs of a page, one a row, in its order; `docs/reports.md` has the columns."""
    from pwsops.reports.history import page_frame

    return page_frame(map(_values, page.runs))


def styled(page: HistoryPage) -> Styler:
    """Return `frame(page)` with errors in red and warnings in orange, for a cell of a notebook."""
    from pwsops.reports import history

    return history.styled(frame(page))


def _values(run: RunView) -> tuple[Any, ...]:
    sizes = [item.size_bytes for item in run.items if item.size_bytes is not None]
    return (
        run.id,
        run.profile,
        ", ".join(item.database for item in run.items) or None,
        run.status.value,
        run.kind.value,
        run.trigger.value,
        run.due_at,
        run.started_at,
        run.finished_at,
        run.duration_s,
        sum(sizes),
        run.missed_count,
        run.missed_until,
        run.summary,
    )
