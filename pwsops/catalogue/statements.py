"""What this home says of a profile, to be kept beside its backups; and statements taken over into a catalogue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from pwsops.catalogue import home_key, instances, profiles, rows, runs
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.schema import backup_sets, holds, run_items
from pwsops.catalogue.schema import runs as run_table
from pwsops.messages import is_text
from pwsops.profile import BackupProfile, to_plain
from pwsops.rules.model import BackupKind, ProfileState, RunStatus, Trigger
from pwsops.rules.statements import (
    MOST_HOLDS,
    MOST_ITEMS,
    MOST_RUNS,
    MOST_SETS,
    StatedHold,
    StatedItem,
    StatedRun,
    Statement,
)

_HOLD = tuple(field.name for field in fields(StatedHold))
_RUN = tuple(field.name for field in fields(StatedRun) if field.name != "items")
_ITEM = tuple(field.name for field in fields(StatedItem))


def of_profile(connection: Connection, profile: ProfileRow, *, machine: str, now: datetime) -> Statement | None:
    """Return what this home knows of a profile and its files do not tell; None: its instance is gone."""
    instance = instances.find(connection, profile.fields["instance"])
    if instance is None:
        return None
    sets = _sets(connection, profile.id)
    its_runs = _runs(connection, profile.id)
    return Statement(
        home_id=home_key.read(connection).home_id,
        profile_id=profile.id,
        machine=machine,
        saved_at=now,
        instance=instance.name,
        address=os.path.abspath(os.path.expanduser(instance.address)),  # it is of this machine
        options=instance.options,
        profile=to_plain(profile.fields),
        amended_at=profile.amended_at,
        secrets=_secrets(profile),
        sets=tuple(sets[:MOST_SETS]),
        is_cut=len(sets) > MOST_SETS or len(its_runs) > MOST_RUNS,
        holds=_holds(connection, profile, now),
        runs=tuple(its_runs[:MOST_RUNS]),
    )


def _secrets(profile: ProfileRow) -> Sequence[str]:
    saved = profile.sealed_certificate_password
    return () if saved is None else ("the password under which certificates are saved with the backups",)


def _sets(connection: Connection, profile_id: int) -> Sequence[str]:
    """Return the identities of the backups of a profile that were not replaced, and of one more than are told of."""
    where = (backup_sets.c.profile_id == profile_id, backup_sets.c.replaced_at.is_(None))
    newest = select(backup_sets.c.set_id).where(*where).order_by(backup_sets.c.id.desc()).limit(MOST_SETS + 1)
    return [set_id for set_id in connection.execute(newest).scalars() if isinstance(set_id, str)]


def _holds(connection: Connection, profile: ProfileRow, now: datetime) -> Sequence[StatedHold]:
    """Return the holds in force on backups of a profile's databases, whoever took those."""
    where = (
        holds.c.instance == profile.fields["instance"],
        holds.c.database.in_(profile.fields["databases"]),
        holds.c.removed_at.is_(None),
    )
    found = rows.read(connection, holds, select(holds).where(*where).order_by(holds.c.id.desc()).limit(MOST_HOLDS))
    sound = [row for row in found if not isinstance(row, rows.Unreadable)]
    stated = [StatedHold(**{key: row[key] for key in _HOLD}) for row in sound]
    return tuple(one for one in stated if one.until is None or one.until > now)


def _runs(connection: Connection, profile_id: int) -> Sequence[StatedRun]:
    """Return the runs of a profile that have ended, the last first, and one more than are told of."""
    ended = [status.value for status in RunStatus if status.ended]
    where = (run_table.c.profile_id == profile_id, run_table.c.status.in_(ended))
    newest = select(run_table).where(*where).order_by(run_table.c.id.desc()).limit(MOST_RUNS + 1)
    found = runs.read(connection, newest)
    items = runs.items(connection, [row["id"] for row in found])
    ended_items = {run: [each for each in its if RunStatus(each["status"]).ended] for run, its in items.items()}
    fit = [row for row in found if len(ended_items[row["id"]]) <= MOST_ITEMS]
    return [_run(row, ended_items[row["id"]]) for row in fit]


def _run(row: runs.RunRow, items: Sequence[runs.RunRow]) -> StatedRun:
    values = {key: row[key] for key in _RUN}
    values |= {"status": RunStatus(values["status"]), "kind": BackupKind(values["kind"])}
    values |= {"trigger": Trigger(values["trigger"]), "items": tuple(map(_item, items))}
    return StatedRun(**values)


def _item(row: runs.RunRow) -> StatedItem:
    values: dict[str, Any] = {key: row[key] for key in _ITEM}
    values |= {"status": RunStatus(values["status"]), "kind": values["kind"] and BackupKind(values["kind"])}
    if values["path"] is not None and not is_text(values["path"]):
        values["path"] = None
    return StatedItem(**values)


def take_over(
    connection: Connection, profile: BackupProfile, history: Sequence[StatedRun], *, place: str, now: datetime
) -> int:
    """Remember a profile, not in force, with its runs in the order given; gives its id. Its name must be free."""
    profile_id = profiles.add(connection, profile, state=ProfileState.INACTIVE, now=now)
    for one in history:
        values = {key: getattr(one, key) for key in _RUN}
        values |= {"profile_id": profile_id, "profile": profile.name, "owner": None, "cancel_requested": False}
        values |= {"instance": profile.instance, "place": place, "directory": profile.directory}
        run_id = connection.execute(insert(run_table).values(values).returning(run_table.c.id)).scalar_one()
        if one.items:
            connection.execute(insert(run_items), [{**asdict(item), "run_id": run_id} for item in one.items])
    return profile_id


def unite_holds(connection: Connection, instance: str, stated: Sequence[StatedHold]) -> int:
    """Remember the holds of an instance that are not known yet, also not as taken back; give how many these are."""
    columns = [holds.c[key] for key in _HOLD]
    known = {tuple(row) for row in connection.execute(select(*columns).where(holds.c.instance == instance))}
    new = [one for one in stated if tuple(getattr(one, key) for key in _HOLD) not in known]
    if new:
        connection.execute(insert(holds), [{**asdict(one), "instance": instance} for one in new])
    return len(new)
