"""The runs, newest first."""

from __future__ import annotations

from typing import Any

import panel as pn

from pwsops.views.markup import Markup
from pwsops.views.session import Session

PAGE = 50


class History(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """The history's latest part, fifty runs at a time."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._list = Markup(session.act)
        self.refresh()

    def __panel__(self) -> Any:
        return self._list

    def refresh(self) -> None:
        """Show the session's present place."""
        snapshot, offset = self._session.snapshot, 0
        runs = self._session.ops.runs.list(limit=PAGE, offset=offset)
        self._list.show(
            "runs.html",
            title="Runs",
            runs=runs,
            now=snapshot.at,
            zone=snapshot.zone,
            all_link=False,
            paging=paging(offset, len(runs), self._session.ops.runs.count()),
        )


def paging(offset: int, shown: int, total: int) -> dict[str, Any]:
    """Say which part of the runs is shown and where the parts beside it begin; None where there are none."""
    return {
        "text": f"{offset + 1}\N{EN DASH}{offset + shown} of {total}" if shown else f"0 of {total}",
        "newer": max(0, offset - PAGE) if offset else None,
        "older": offset + PAGE if offset + shown < total else None,
    }
