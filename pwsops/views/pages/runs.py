"""The runs, newest first, and one of them with everything the server said."""

from __future__ import annotations

from typing import Any

import panel as pn

from pwsops.errors import PwsopsError
from pwsops.views.markup import Markup
from pwsops.views.session import Session
from pwsops.views.store import trouble

PAGE = 50


class Runs(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
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
        snapshot, offset = self._session.snapshot, self._session.nav.offset
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


class Run(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """One run: its databases, and under each the messages with number, severity, cause and next step."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._details = Markup(session.act)
        self.refresh()

    def __panel__(self) -> Any:
        return self._details

    def refresh(self) -> None:
        """Show the run that the address names."""
        snapshot = self._session.snapshot
        try:
            run = self._session.ops.runs.get(self._session.nav.run)
        except PwsopsError as error:
            found = trouble(error, "Showing the run")
            self._details.show("trouble.html", message=found.message, hint=found.hint, command="")
            return
        self._details.show("run.html", run=run, now=snapshot.at, zone=snapshot.zone)
