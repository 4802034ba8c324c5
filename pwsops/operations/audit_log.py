"""Who did what, when; and whether the log itself is whole."""

from __future__ import annotations

from pwsops.catalogue import audit
from pwsops.operations.access import Context
from pwsops.operations.records import AuditEntry
from pwsops.operations.rights import needs
from pwsops.rules.rights import Right


class AuditLog:
    """Read the audit log. It is written by what is done; `record` is for what leaves nothing else in the catalogue."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.EVIDENCE, "read the audit log")
    def list(self, limit: int = 100) -> list[AuditEntry]:
        """Give the newest entries, newest first."""
        with self._context.read() as connection:
            return [AuditEntry(**row) for row in audit.newest(connection, limit=limit)]

    @needs(Right.HOST, "write into the audit log")
    def record(self, action: str, subject: str, detail: str = "") -> None:
        """Add an entry for what happens outside of the catalogue: a sign-in, a refusal, an export."""
        with self._context.core.catalogue.write() as connection:
            self._context.note(connection, action, subject, detail)

    @needs(Right.EVIDENCE, "read the audit log")
    def first_broken(self) -> int | None:
        """Give the id of the first entry that was tampered with; None: the log is whole."""
        with self._context.core.catalogue.read() as connection:
            return audit.first_broken(connection)
