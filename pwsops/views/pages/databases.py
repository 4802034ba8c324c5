"""Databases."""

from __future__ import annotations

from typing import Any

import panel as pn

from pwsops.views.markup import Markup
from pwsops.views.session import Session


class Databases(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Databases."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._piece = Markup(session.act)
        self.refresh()

    def __panel__(self) -> Any:
        return self._piece

    def refresh(self) -> None:
        """Show the session's present place."""
