"""Backups of which nothing was recorded, put into the catalogue where they belong. What is known stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, func, select, type_coerce
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import rows, sets
from pwsops.catalogue.schema import LATEST, backup_sets, restores, run_items, runs
from pwsops.rules.model import BackupSet, MediaState
from pwsops.rules.rebuilding import Known, Placed

_FIELDS = tuple(BackupSet.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Between when what is known was taken.

    Parameters
    ----------
    newest
        By instance and database: when the last backup was finished, or the last restore begun.
    oldest
        By profile and database: when its first backup was finished.
    """

    newest: Mapping[tuple[str, str], datetime]
    oldest: Mapping[tuple[int | None, str], datetime]


def known(connection: Connection, found: Sequence[BackupSet]) -> Known:
    """Return what is recorded of sets that were found, and of the files that they lie in."""
    digests: dict[str, set[str | None]] = {}
    occupied: dict[str, str] = {}
    columns = (backup_sets.c.id, backup_sets.c.set_id, backup_sets.c.path, backup_sets.c.details)
    for ids in _portions([one.set_id for one in found]):
        statement = select(*columns).where(backup_sets.c.set_id.in_(ids))
        for row in map(rows.values_of, rows.read(connection, backup_sets, statement)):
            details = row["details"] if isinstance(row["details"], dict) else {}
            digests.setdefault(row["set_id"], set()).add(details.get("digest"))
    for paths in _portions([one.path for one in found]):
        where = (backup_sets.c.path.in_(paths), backup_sets.c.replaced_at.is_(None))
        there = connection.execute(select(backup_sets.c.path, backup_sets.c.set_id).where(*where))
        occupied |= {row.path: row.set_id for row in there}
    return Known(digests=digests, occupied=occupied)


def ends(connection: Connection) -> Ends:
    """Return between when what is known was taken."""
    newest: dict[tuple[str, str], datetime] = {}
    for table, column in ((backup_sets, backup_sets.c.finished_at), (restores, restores.c.started_at)):
        of = (table.c.instance, table.c.database)
        # A text sorts behind every number: what is no instant is nobody's last one.
        sound = type_coerce(column, BigInteger) <= LATEST
        for instance, database, at in connection.execute(select(*of, func.max(column)).where(sound).group_by(*of)):
            newest[instance, database] = max(at, newest.get((instance, database), at))
    own = (backup_sets.c.profile_id, backup_sets.c.database)
    found = connection.execute(
        select(*own, func.min(backup_sets.c.finished_at)).where(own[0].is_not(None)).group_by(*own)
    )
    return Ends(newest=newest, oldest={(profile_id, database): at for profile_id, database, at in found})


def add(
    connection: Connection, batch: Sequence[Placed], profile_of: Mapping[str, int | None], ends: Ends, *, now: datetime
) -> None:
    """Record sets, in the order given; they are not proven, and were seen where they lie.

    Parameters
    ----------
    profile_of
        By `set_id`, whose policy they are under; without one they are under none, and none removes them.
    ends
        As they were before the first of the sets.
    """
    places = {name: connection.execute(select(sets.place_of(name))).scalar_one() for name in {one[0] for one in batch}}
    run_of = _runs(
        connection, [one.backup_set.set_id for one in batch], {one for one in profile_of.values() if one is not None}
    )
    before = min(connection.execute(select(func.min(backup_sets.c.id))).scalar() or 0, 0)
    made = []
    for instance, one, is_late in batch:
        values = {key: getattr(one, key) for key in _FIELDS}
        values |= {
            "kind": one.kind.value,
            "details": dict(one.details),
            "instance": instance,
            "place": places[instance],
        }
        values |= {"seen_state": MediaState.PRESENT.value, "state_since": now, "seen_at": now}
        profile_id = profile_of.get(one.set_id)
        if not is_late and one.set_id not in run_of and (profile_id, one.database) in ends.oldest:
            # A policy counts in the order of the runs: what has none would count as the oldest, though it is not.
            profile_id = None
        values |= {"profile_id": profile_id, "run_id": run_of.get(one.set_id), "id": None}
        if is_late:
            before -= 1
            # The run that is known last has the highest number; a policy counts in the order of the records.
            kept = one.finished_at <= ends.oldest.get((profile_id, one.database), one.finished_at)
            values |= {"id": before, "run_id": None, "profile_id": profile_id if kept else None}
        made.append(values)
    connection.execute(insert(backup_sets).on_conflict_do_nothing(), made)


def _runs(connection: Connection, set_ids: Sequence[str], profile_ids: Collection[int]) -> dict[str, int]:
    """Return which runs of these profiles took sets, as far as their history is known."""
    if not profile_ids:
        return {}
    of_profiles = run_items.join(runs, runs.c.id == run_items.c.run_id)
    where = (run_items.c.set_id.in_(set_ids), runs.c.profile_id.in_(list(profile_ids)))
    found = connection.execute(select(run_items.c.set_id, runs.c.id).select_from(of_profiles).where(*where))
    return {row.set_id: row.id for row in found}


def _portions(given: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(given), rows.AT_ONCE):
        yield given[at : at + rows.AT_ONCE]
