"""Who did what, when; and whether the log itself is whole."""

from __future__ import annotations

from pwsops.catalogue import audit
from pwsops.operations.access import Context
from pwsops.operations.records import AuditEntry


class AuditLog:
    """Read the audit log. Nobody writes to it but by doing something."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, limit: int = 100) -> list[AuditEntry]:
        """Give the newest entries, newest first."""
        with self._context.core.catalogue.read() as connection:
            return [AuditEntry(**row) for row in audit.newest(connection, limit=limit)]

    def first_broken(self) -> int | None:
        """Give the id of the first entry that was tampered with; None: the log is whole."""
        with self._context.core.catalogue.read() as connection:
            return audit.first_broken(connection)
