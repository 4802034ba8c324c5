"""What becomes of restores, and its entries in the audit log: each function is part of one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pwsops.catalogue import audit, restores, sightings
from pwsops.catalogue.restores import RestoreRow
from pwsops.engines.requests import RestoreResult
from pwsops.errors import Cancelled, EndUnknown, PwsopsError
from pwsops.rules.model import BackupSet, RunStatus

INTERRUPTED = (
    "How the restore ended is not known: pwsops was killed, the machine went down, or the catalogue could not be "
    "written. What the database holds now was not looked at."
)
INTERRUPTED_HINT = "Look at it now, and restore again if it does not hold the backup's data or lets nobody in."


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is restored where, and who wanted it."""

    instance: str
    database: str
    source: BackupSet
    actor: str

    @property
    def subject(self) -> str:
        """What the audit log calls the database."""
        return f"{self.instance}/{self.database}"

    @property
    def what(self) -> str:
        """Which set it is, for the audit log."""
        return f"set {self.source.position} of {self.source.path}"

    def note(self, connection: Connection, action: str, detail: str, *, now: datetime) -> None:
        """Write into the audit log what was done to it."""
        audit.append(connection, at=now, actor=self.actor, action=action, subject=self.subject, detail=detail)


def begun(connection: Connection, target: Target, *, owner: str, now: datetime) -> int:
    """Remember a restore that begins; gives its id. The caller has made sure that no other of it is open."""
    number = restores.add(
        connection,
        target.source,
        instance=target.instance,
        database=target.database,
        actor=target.actor,
        owner=owner,
        now=now,
    )
    target.note(connection, "restore begins", target.what, now=now)
    return number


def succeeded(
    connection: Connection,
    restore_id: int,
    target: Target,
    result: RestoreResult,
    *,
    good: Iterable[tuple[str, BackupSet]],
    now: datetime,
) -> None:
    """Keep what a restore did; `good` are the sets that it proved, as each instance recorded them."""
    for instance, backup_set in good:
        sightings.prove(connection, instance, [backup_set], now=now)
    restores.end(
        connection,
        restore_id,
        RunStatus.SUCCEEDED,
        now=now,
        restored_bytes=result.restored_bytes,
        kept_damaged_as=result.kept_damaged_as,
        messages=result.messages,
    )
    if result.created:
        target.note(connection, "create database", f"for a restore of {target.what}", now=now)
    target.note(connection, f"restore {RunStatus.SUCCEEDED.value}", target.what, now=now)


def failed(connection: Connection, restore_id: int, target: Target, error: PwsopsError, *, now: datetime) -> None:
    """Keep what went wrong with a restore, or that somebody stopped it."""
    status = RunStatus.CANCELLED if isinstance(error, Cancelled) else RunStatus.FAILED
    restores.end(
        connection,
        restore_id,
        status,
        now=now,
        error=error.message,
        hint=error.hint,
        interrupted=isinstance(error, EndUnknown),
        messages=error.messages,
    )
    target.note(connection, f"restore {status.value}", f"{target.what}: {error.message}", now=now)


def interrupted(connection: Connection, row: RestoreRow, *, now: datetime) -> None:
    """End, as failed, a restore that nobody carries on, unless somebody else did."""
    ended = restores.end(
        connection,
        row["id"],
        RunStatus.FAILED,
        now=now,
        error=INTERRUPTED,
        hint=INTERRUPTED_HINT,
        interrupted=True,
    )
    if ended:
        audit.append(
            connection,
            at=now,
            actor=audit.SERVICE,
            action=f"restore {RunStatus.FAILED.value}",
            subject=f"{row['instance']}/{row['database']}",
            detail=f"set {row['position']} of {row['path']}: {INTERRUPTED}",
        )
