"""One run, with everything the server said."""

from __future__ import annotations

from typing import Any

import panel as pn

from pwsops.errors import PwsopsError
from pwsops.rules.rights import Right
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import trouble
from pwsops.web.ui.markup import Markup


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
        refused = self._session.why_not(Right.RUN)
        self._details.show("run/run.html", run=run, now=snapshot.at, zone=snapshot.zone, refused=refused)
