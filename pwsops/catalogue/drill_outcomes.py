"""What becomes of drills, and its entries in the audit log: each function is part of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pwsops.catalogue import audit, drills, planning, sightings
from pwsops.catalogue.drills import DrillRow, Wanted
from pwsops.rules.drills import OUTCOME_WORDS, Cause, Judgement, Outcome, told
from pwsops.rules.model import BackupSet, Message

INTERRUPTED = Judgement(
    outcome=Outcome.UNTESTED,
    cause=Cause.INTERRUPTED,
    why="The drill did not come to its end: pwsops was killed, or the machine went down.",
    next_step="Drill again; what is left of its scratch is dropped.",
)


def begun(connection: Connection, wanted: Wanted, *, owner: str, now: datetime) -> int:
    """Remember a drill that begins; gives its id. The caller has made sure that no other of it is open."""
    number = drills.add(connection, wanted, owner=owner, now=now)
    where = "" if wanted.on_instance == wanted.instance else f" on {wanted.on_instance}"
    what = f"set {wanted.position} of {wanted.path}" if wanted.path else "the newest backup"
    asked = f", {len(wanted.queries)} queries" if wanted.queries else ""
    subject = f"{wanted.instance}/{wanted.database}"
    audit.append(
        connection,
        at=now,
        actor=wanted.actor,
        action="drill begins",
        subject=subject,
        detail=f"drill {number}: {what}{where}{asked}",
    )
    return number


def ended(
    connection: Connection,
    row: DrillRow,
    judgement: Judgement,
    *,
    now: datetime,
    measured: Mapping[str, Any],
    messages: Sequence[Message],
    good: Iterable[tuple[str, BackupSet]] = (),
    bad: Iterable[tuple[str, BackupSet]] = (),
) -> None:
    """Keep what a drill has shown, unless it has ended already.

    `good` and `bad` are the sets that it proved, or found bad, as each instance recorded them.
    """
    if not drills.end(connection, row.id, judgement, now=now, measured=measured, messages=messages):
        return
    for instance, backup_set in good:
        sightings.prove(connection, instance, [backup_set], now=now)
    for instance, backup_set in bad:
        sightings.disprove(connection, instance, backup_set, judgement.why, now=now)
        planning.replan_without_base(connection, instance, now=now)
    _note_end(connection, row, judgement, actor=row.actor, now=now)


def interrupted(connection: Connection, row: DrillRow, *, now: datetime) -> None:
    """End a drill that nobody carries on, unless somebody else did."""
    if drills.end(connection, row.id, INTERRUPTED, now=now):
        _note_end(connection, row, INTERRUPTED, actor=audit.SERVICE, now=now)


def dropped(connection: Connection, row: DrillRow, *, now: datetime) -> None:
    """Note that what a process left of a scratch is gone."""
    drills.scratch_dropped(connection, row.id, now=now)
    audit.append(
        connection,
        at=now,
        actor=audit.SERVICE,
        action="drop scratch",
        subject=row.subject,
        detail=f"{row.scratch} of drill {row.id}, which was left behind",
    )


def _note_end(connection: Connection, row: DrillRow, judgement: Judgement, *, actor: str, now: datetime) -> None:
    why = told(judgement.cause, judgement.why)
    detail = f"drill {row.id}: {row.what}" + (f": {why}" if why else "")
    action = f"drill {OUTCOME_WORDS[judgement.outcome]}"
    audit.append(connection, at=now, actor=actor, action=action, subject=row.subject, detail=detail)
