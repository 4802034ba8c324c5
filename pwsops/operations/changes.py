"""Whether anything changed that a page shows."""

from __future__ import annotations

from pwsops.operations.access import Context


class Changes:
    """One cheap number to compare, so that pages are redrawn only when there is something new."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def version(self) -> int:
        """Give a number that differs from the last one when any process has changed the catalogue in between."""
        return self._context.core.catalogue.version()
