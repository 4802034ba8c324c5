"""What the next run of a profile takes, where its full cannot be built on any more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from pwsops.catalogue import candidates, claims, profiles, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import backup_sets
from pwsops.rules.model import LOST, BackupKind

_LOST = {state.value for state in LOST}


def replan_without_base(connection: Connection, instance: str, *, foreign: Collection[str] = (), now: datetime) -> None:
    """Plan a full for each incremental profile of which no database has a base left: that is what its run would take.

    Parameters
    ----------
    foreign
        The databases whose base, on the server, is another tool's.
    """
    for row in profiles.living(connection):
        if row.fields["instance"] != instance or not row.fields["incremental"] or row.last_full_due_at is None:
            continue
        databases = row.fields["databases"]
        if all(name in foreign or base_is_lost(connection, row, name) for name in databases):
            profiles.set_state(connection, row.id, last_full_due_at=None)
            claims.plan_anew(connection, row.id, now=now)


def begin_anew(connection: Connection, instance: str, *, now: datetime) -> None:
    """Plan a full for each profile of an instance that is at another place now: nothing there is to build on."""
    for row in profiles.living(connection):
        if row.fields["instance"] == instance:
            profiles.set_state(connection, row.id, last_full_due_at=None)
            claims.plan_anew(connection, row.id, now=now)


def base_is_lost(connection: Connection, row: ProfileRow, database: str) -> bool:
    """Whether the newest full that a profile took of a database is known to be of no use; False: it has none.

    One whose row cannot be read is of none: no run builds on it.
    """
    statement = (
        select(backup_sets)
        .where(
            sets.taken_of(row.fields["instance"], database),
            backup_sets.c.profile_id == row.id,
            backup_sets.c.kind.is_distinct_from(BackupKind.DIFFERENTIAL.value),
            backup_sets.c.copy_only.is_(False),
            backup_sets.c.replaced_at.is_(None),
        )
        .order_by(backup_sets.c.finished_at.desc())
        .limit(candidates.NEWEST)
    )
    found = sets.read(connection, statement)
    newest = next((row for row in found if not isinstance(row, Unreadable)), None)
    if newest is None:
        return bool(found)
    return newest["seen_state"] in _LOST or newest["disproven_at"] is not None
