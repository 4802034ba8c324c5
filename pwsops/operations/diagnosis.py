"""Why a profile fails: its last errors, what changed since it last worked, and what would be lost meanwhile."""

from __future__ import annotations

from pwsops.catalogue import audit, runs
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_profile
from pwsops.operations.mapping import run_views
from pwsops.operations.records import AuditEntry, Diagnosis
from pwsops.rules import breaker
from pwsops.rules.model import RunStatus
from pwsops.rules.rights import Right

_CHANGES = 8
_CHANGING = ("edit profile", "activate profile", "deactivate profile")


def diagnose(context: Context, name: str) -> Diagnosis:
    """Diagnose a profile; raises `NotFound`. Who changed what is told to those who may read the audit log."""
    with context.read() as connection:
        row = find_profile(connection, name)
        failed = runs.newest_of(connection, row.id, RunStatus.FAILED, limit=breaker.LIMIT)
        worked = runs.newest_of(connection, row.id, RunStatus.SUCCEEDED, limit=1)
        last_success = run_views(connection, worked)[0] if worked else None
        since = None if last_success is None else last_success.finished_at
        changes = audit.about(connection, subject=row.name, actions=_CHANGING, since=since, limit=_CHANGES)
        if not context.principal.has(Right.EVIDENCE):
            changes = []
        return Diagnosis(
            failures=tuple(run_views(connection, failed, with_messages=True)),
            last_success=last_success,
            changes=tuple(AuditEntry(**change) for change in changes),
            tripped_at=row.tripped_at,
        )
