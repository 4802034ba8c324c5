"""Whether anything changed that a page shows."""

from __future__ import annotations

from pwsops.operations.access import Context
from pwsops.operations.rights import needs
from pwsops.rules.rights import Right


class Changes:
    """One cheap number to compare, so that pages are redrawn only when there is something new."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "see whether anything changed")
    def version(self) -> int:
        """Return a number that differs from the last one when any process has changed the catalogue in between."""
        return self._context.core.catalogue.version()
