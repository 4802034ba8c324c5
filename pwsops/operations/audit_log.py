"""Who did what, when; and whether the log itself is whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pwsops.catalogue import audit, audit_search
from pwsops.catalogue.audit_search import AuditFilter as AuditQuery
from pwsops.errors import InvalidInput, PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.audit_verification import places, problem, verified, verified_for
from pwsops.operations.periods import check_period
from pwsops.operations.records import AuditEntry, AuditPage
from pwsops.operations.rights import needs
from pwsops.rules.audit import AuditState, Kind, Verification
from pwsops.rules.rights import Right

__all__ = ["EVERYTHING", "AuditLog", "AuditQuery", "AuditState", "Kind", "Verification"]

EVERYTHING = AuditQuery()
PAGE = 50
_TROUBLE = "a place of heads cannot be written, or its configuration is not in force"


class AuditLog:
    """Read and verify the log. It is written by what is done; `record` is for what leaves nothing else."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.EVIDENCE, "read the audit log")
    def list(self, limit: int = 100, query: AuditQuery = EVERYTHING) -> list[AuditEntry]:
        """Return the newest entries that fit, newest first."""
        return list(self.page(query, size=limit).entries)

    @needs(Right.EVIDENCE, "read the audit log")
    def page(self, query: AuditQuery = EVERYTHING, *, before: int | None = None, size: int = PAGE) -> AuditPage:
        """Return part of the log, newest first; `before`: the entries with a smaller number."""
        check_period("the audit log", query.since, query.until)
        with suppress(PwsopsError):  # to read is more than to write down how often something was refused
            self._context.core.events.flush()
        with self._context.read() as connection:
            found = audit_search.page(connection, query, limit=size + 1, before=before)
            total = audit_search.total(connection, query)
        entries = [AuditEntry(**row) for row in found]
        more = len(entries) > size
        return AuditPage(entries=entries[:size], total=total, older=entries[size - 1].id if more else None)

    @needs(Right.EVIDENCE, "read the audit log")
    def actions(self) -> Sequence[str]:
        """Return every action that the log tells of, in order."""
        with self._context.read() as connection:
            return audit_search.actions(connection)

    @needs(Right.HOST, "write into the audit log")
    def record(self, action: str, subject: str, detail: str = "") -> None:
        """Add an entry for what happens outside of the catalogue: a sign-in, a refusal, an export.

        What strangers can repeat (its action ends with failed, refused, denied or begun) is counted where it is
        repeated.
        """
        self._context.core.events.record(self._context.actor, action, subject, detail)

    @needs(Right.EVIDENCE, "read the audit log")
    def verify(self) -> Verification:
        """Compare every entry with its digest, its number and the heads that left the home; takes seconds if large.

        Who is given some instances is told whether the log is whole, and nothing of its entries but how many they see.
        """
        return verified_for(self._context)

    @needs(Right.HOST, "verify the audit log with other heads")
    def verify_with(self, heads: Sequence[Path]) -> Verification:
        """Verify the log as `verify` does, also with these files of heads: the home may not know of them any more."""
        return verified(self._context.core, heads)

    @needs(Right.HOST, "acknowledge what is wrong with the audit log")
    def acknowledge(self, reason: str) -> None:
        """Write down that what a verification finds now is explained, and why.

        Heads that contradict the log, and a log that was begun anew, are told as acknowledged from then on, never as
        whole. The entry's own head leaves the home: what stands behind it in a place of heads is not covered.

        Raises `InvalidInput` without a reason, `Refused` where nothing is wrong, and `PwsopsError` where the log has no
        key and none can be sealed.
        """
        if not reason.strip():
            raise InvalidInput(
                "Nothing was acknowledged: there is no reason.", hint="Say what happened, and who knows."
            )
        core = self._context.core
        found = verified(core)
        if found.state is AuditState.WHOLE:
            raise Refused("There is nothing to acknowledge: the audit log is whole.", hint="`pwsops audit verify`")
        with core.catalogue.write() as connection:
            entry = f"{reason.strip()} [{found.state.value}: {found.summary}]"
            audit.acknowledge(connection, now=core.clock.now(), actor=self._context.actor, reason=entry)

    @needs(Right.HOST, "give the audit log a new key")
    def begin_new_key(self) -> int:
        """Use a new key for the log from now on, and return its number: the former one is lost, or known to others.

        What the former one covers stays checked by it, where the home's key opens it still. Raises `PwsopsError` where
        the home has no key to seal the new one with.
        """
        core = self._context.core
        with core.catalogue.write() as connection:
            return audit.begin_anew(connection, now=core.clock.now(), actor=self._context.actor)

    @needs(Right.EVIDENCE, "read the audit log")
    def places(self) -> Sequence[str]:
        """Return where the heads of the log go, as people call it; nothing to who is given some instances."""
        return places(self._context.core) if self._context.principal.instances is None else ()

    @needs(Right.LOOK, "look whether the audit log leaves the home")
    def problem(self) -> str:
        """Return why this process could not tell the newest head, or does not heed the configuration; quick.

        Who is not told where the home is, is told no more than that.
        """
        found = problem(self._context.core)
        return found if not found or self._context.principal.sees_home else _TROUBLE
