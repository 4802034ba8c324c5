"""What a policy decides about, and what became of the backups that it let go.

A backup whose deletion begins is given up first, in the transaction that judges it once more: from then on nothing is
built on it, and its absence is no loss. A process that dies in between leaves such rows; they are settled by looking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, case, func, select, update

from pwsops.catalogue import holds, looks, rows, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.restores import OPEN
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import backup_sets, restores, run_items, runs
from pwsops.catalogue.sightings import Known
from pwsops.profile import policy_of
from pwsops.rules.model import BackupKind, BackupSet, MediaState, RunStatus
from pwsops.rules.replacing import Order
from pwsops.rules.retention import Hold, RetentionPlan, StoredSet, plan_retention

_KINDS = {kind.value: kind for kind in BackupKind}
_LOST = {
    MediaState.MISSING.value: "is gone",
    MediaState.OTHER.value: "was replaced by another backup",
    MediaState.DAMAGED.value: "is damaged",
}
_COLUMNS = [
    backup_sets.c[name]
    for name in (
        "id", "set_id", "database", "path", "finished_at", "size_bytes", "base_id", "profile_id", "run_id", "kind",
        "proven_at", "disproven_at", "seen_state", "retained_at", "retained_why",
    )
]  # fmt: skip
_DETAIL = func.json_extract(backup_sets.c.details, "$.is_damaged")
_IS_DAMAGED = case((func.json_valid(backup_sets.c.details) == 1, _DETAIL), else_=0).label("is_damaged")
UNREADABLE = (
    "nothing of {database} is removed: what the catalogue has of one of its backups cannot be read (backup_sets {id}, "
    "{reason}), so that nobody knows what it needs. Correct or remove that row, and prune again"
)
UNREADABLE_HOLD = "nothing is removed: what a hold is on cannot be read ({reason}). Take it back, and prune again"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """That a file could not be deleted: when, and why."""

    at: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class DatabasePlan:
    """What becomes of a profile's backups of one database.

    Parameters
    ----------
    kinds
        Of each backup, by `set_id`.
    refused
        What could not be deleted when that was tried, by `set_id`.
    """

    database: str
    plan: RetentionPlan
    kinds: Mapping[str, BackupKind]
    refused: Mapping[str, Refusal]


class _Found:
    """The rows of one database: the profile's own and all others, and which of them cannot be read."""

    def __init__(self) -> None:
        self.own: list[RowMapping] = []
        self.others: list[RowMapping] = []
        self.unreadable: list[Unreadable] = []


def plans(
    connection: Connection, profile: ProfileRow, *, now: datetime, database: str | None = None
) -> list[DatabasePlan]:
    """Return what the policy of a profile decides, by database; asks no server, and the catalogue once for all."""
    profile.require_usable()
    instance = profile.fields["instance"]
    where = [sets.taken_of(instance, database), backup_sets.c.replaced_at.is_(None)]
    statement = select(*_COLUMNS, _IS_DAMAGED).where(*where)
    found: dict[str, _Found] = defaultdict(_Found)
    for row in rows.read(connection, backup_sets, statement):
        if not isinstance(row, Unreadable) and row["kind"] not in _KINDS:
            row = Unreadable(id=row["id"], values=dict(row), reason="`kind` cannot be read")
        if isinstance(row, Unreadable):
            found[row.values["database"] or ""].unreadable.append(row)
        else:
            of = found[row["database"]]
            (of.own if row["profile_id"] == profile.id else of.others).append(row)
    held = holds.of_instance(connection, instance)
    outside = {one.database: one.outside for one in looks.databases(connection, instance)}
    nameless = found.pop("", _Found()).unreadable
    made = []
    for name, of in sorted(found.items()):
        if of.own:
            of.unreadable += nameless
            plan = plan_retention(
                [_stored(row) for row in of.own],
                policy_of(profile.fields),
                now=now,
                others=[*map(_stored, of.others), *map(_of_outside, outside.get(name, ()))],
                holds=held.get(name, ()),
            )
            doubt = _doubt(name, of.unreadable, held.get("", ()))
            made.append(_of_database(name, of, plan.hindered(doubt) if doubt and plan.removals else plan))
    return made


def _doubt(database: str, unreadable: Sequence[Unreadable], held: Sequence[Hold]) -> str:
    """Return why nobody can tell what has to stay; empty: all that matters can be read."""
    if unreadable:
        bad = unreadable[0]
        return UNREADABLE.format(database=database, id=bad.id, reason=bad.reason)
    return UNREADABLE_HOLD.format(reason=held[0].reason) if held else ""


def _of_database(database: str, found: _Found, plan: RetentionPlan) -> DatabasePlan:
    return DatabasePlan(
        database=database,
        plan=plan,
        kinds={row["set_id"]: _KINDS[row["kind"]] for row in found.own},
        refused={
            row["set_id"]: Refusal(at=row["retained_at"], why=row["retained_why"])
            for row in found.own
            if row["retained_at"] is not None
        },
    )


def _stored(row: RowMapping) -> StoredSet:
    return StoredSet(
        row["set_id"],
        row["path"],
        row["finished_at"],
        Order(row["run_id"] or 0, row["id"]),
        row["base_id"],
        row["size_bytes"],
        row["proven_at"] is not None and row["disproven_at"] is None,
        _why_lost(row),
    )


def _why_lost(row: RowMapping) -> str:
    if row["disproven_at"] is not None:
        return "was read and found bad"
    if row["is_damaged"]:
        return "is of a damaged database"
    return _LOST.get(row["seen_state"], "")


def _of_outside(known: Known) -> StoredSet:
    one = known.backup_set
    return StoredSet(one.set_id, one.path, one.finished_at, Order(0, 0), one.base_id, one.size_bytes, False)


def in_use(connection: Connection, instance: str, database: str) -> str:
    """Return what reads backups of a database now, or may, in words; empty: nothing does."""
    its = select(backup_sets.c.set_id).where(backup_sets.c.instance == instance, backup_sets.c.database == database)
    into = (restores.c.instance == instance) & (restores.c.database == database)
    reads = restores.c.status.in_(OPEN) & (into | restores.c.set_id.in_(its))
    restore = connection.execute(select(restores.c.id).where(reads).limit(1)).scalar()
    if restore is not None:
        return f"restore {restore} reads its backups, or writes into it"
    items = run_items.join(runs, runs.c.id == run_items.c.run_id)
    goes_on = (runs.c.status == RunStatus.RUNNING.value) & run_items.c.status.in_(OPEN)
    where = (goes_on, runs.c.instance == instance, run_items.c.database == database)
    run = connection.execute(select(runs.c.id).select_from(items).where(*where).limit(1)).scalar()
    return "" if run is None else f"run {run} is backing it up"


def give_up(connection: Connection, instance: str, set_ids: Iterable[str], why: str, *, now: datetime) -> None:
    """Note that backups are about to be deleted: from now on nobody counts on them."""
    values = {"prune_began_at": now, "replaced_at": now, "pruned_why": why, "retained_at": None, "retained_why": ""}
    _change(connection, instance, set_ids, values)


def gone(connection: Connection, instance: str, set_ids: Iterable[str], why: str, *, now: datetime) -> None:
    """Note that the files of backups that were given up are gone, whatever another process noted meanwhile."""
    _change(
        connection, instance, set_ids, {"prune_began_at": now, "replaced_at": now, "pruned_at": now, "pruned_why": why}
    )


def retained(connection: Connection, instance: str, set_ids: Iterable[str], why: str, *, now: datetime) -> None:
    """Note that backups could not be deleted: they are there, and may be restored."""
    values = {"prune_began_at": None, "replaced_at": None, "pruned_why": "", "retained_at": now, "retained_why": why}
    _change(connection, instance, set_ids, values)


def _change(connection: Connection, instance: str, set_ids: Iterable[str], values: Mapping[str, object]) -> None:
    which = (backup_sets.c.instance == instance) & (backup_sets.c.set_id == bindparam("which"))
    if found := [{"which": set_id} for set_id in set_ids]:
        connection.execute(update(backup_sets).where(which).values(values), found)


def begun(connection: Connection, profile: ProfileRow) -> list[BackupSet]:
    """Return the backups of a profile whose deletion began, and of which nobody wrote down that they are gone."""
    open_ = backup_sets.c.prune_began_at.is_not(None) & backup_sets.c.pruned_at.is_(None)
    where = (open_, backup_sets.c.profile_id == profile.id, sets.taken_of(profile.fields["instance"]))
    return [sets.from_row(row) for row in sets.sound(connection, select(backup_sets).where(*where))]


def proven_since(connection: Connection, instance: str, set_ids: Sequence[str], since: datetime) -> frozenset[str]:
    """Return which of these backups were read as a whole and found good from an instant on."""
    where = (backup_sets.c.instance == instance, backup_sets.c.set_id.in_(set_ids), backup_sets.c.proven_at >= since)
    return frozenset(connection.execute(select(backup_sets.c.set_id).where(*where)).scalars())


def recorded(connection: Connection, instance: str, set_ids: Sequence[str]) -> list[BackupSet]:
    """Return these backups as they were recorded, in that order; those that cannot be read are left out."""
    found: dict[str, BackupSet] = {}
    for at in range(0, len(set_ids), rows.AT_ONCE):
        ids = backup_sets.c.set_id.in_(set_ids[at : at + rows.AT_ONCE])
        statement = select(backup_sets).where(backup_sets.c.instance == instance, ids)
        found |= {row["set_id"]: sets.from_row(row) for row in sets.sound(connection, statement)}
    return [found[set_id] for set_id in set_ids if set_id in found]
