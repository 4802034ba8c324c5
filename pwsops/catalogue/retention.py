"""What a policy decides about, and what became of the backups that it let go.

A backup whose deletion begins is given up first, in the transaction that judges it once more: from then on nothing is
built on it, and its absence is no loss. A process that dies in between leaves such rows; they are settled by looking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, update

from pwsops.catalogue import drills, holds, looks, restores, rows, schema, sets
from pwsops.catalogue.keys import Keys
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.restores import OPEN
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import backup_sets, run_items, runs
from pwsops.catalogue.sightings import Known
from pwsops.profile import policy_of
from pwsops.rules.model import SKEW, BackupKind, BackupSet, MediaState, RunStatus
from pwsops.rules.retention import Hold, RetentionPlan, StoredSet, plan_retention

_KINDS = {kind.value: kind for kind in BackupKind}
_LOST = {
    MediaState.MISSING.value: "is gone",
    MediaState.OTHER.value: "was replaced by another backup",
    MediaState.DAMAGED.value: "is damaged",
}
_DETAIL = func.json_extract(backup_sets.c.details, "$.is_damaged")
# Few details say so, and reading all of them would take most of the time.
_MAY_SAY = (func.instr(backup_sets.c.details, "is_damaged") > 0) & (func.json_valid(backup_sets.c.details) == 1)
_IS_DAMAGED = case((_MAY_SAY, _DETAIL), else_=0)
_WHY_LOST = case(
    (backup_sets.c.disproven_at.is_not(None), "was read and found bad"),
    (_IS_DAMAGED == 1, "is of a damaged database"),
    ((backup_sets.c.kind != BackupKind.FULL.value) & backup_sets.c.base_id.is_(None), "needs a full that is not known"),
    *((backup_sets.c.seen_state == state, why) for state, why in _LOST.items()),
    else_="",
).label("why_lost")
_IS_PROVEN = (backup_sets.c.proven_at.is_not(None) & backup_sets.c.disproven_at.is_(None)).label("is_proven")
_TEXTS = [backup_sets.c[name] for name in ("set_id", "path", "kind", "database")]
_NUMBERS = [backup_sets.c[name] for name in ("finished_at", "size_bytes")]
_OPTIONAL = {"run_id": "integer", "base_id": "text", "profile_id": "integer", "proven_at": "integer"}
_OPTIONAL |= {"disproven_at": "integer", "seen_state": "text", "thumbprint": "text", "database_thumbprint": "text"}
_IS_ODD = or_(
    *(func.typeof(column) != "text" for column in _TEXTS),
    *(func.typeof(column) != "integer" for column in _NUMBERS),
    *(func.typeof(backup_sets.c[name]).not_in((kind, "null")) for name, kind in _OPTIONAL.items()),
    backup_sets.c.kind.not_in([kind.value for kind in BackupKind]),
)
_ORDER = func.coalesce(backup_sets.c.run_id, 0) * 2**32 + backup_sets.c.id
"""The order of the claims, as one number: a clock may have been wrong when a backup was dated."""
_COLUMNS = [
    *(backup_sets.c[name] for name in ("set_id", "path", "finished_at")),
    _ORDER.label("order"),
    *(backup_sets.c[name] for name in ("base_id", "size_bytes")),
    _IS_PROVEN,
    _WHY_LOST,
    *(backup_sets.c[name] for name in ("kind", "database", "profile_id", "thumbprint", "database_thumbprint")),
    _IS_ODD.label("is_odd"),
]
_PORTION = 5_000
RESTORES = 5
"""Of what so many restores into a database wrote over, the last ones, the newest backup stays."""
_IS_BEGUN = backup_sets.c.prune_began_at.is_not(None) & backup_sets.c.pruned_at.is_(None)
"""Whether its deletion began, and nobody wrote its end."""
NEEDS_KEY = "needs a private key that is nowhere: that of the certificate {missing}"
UNREADABLE = (
    "nothing of {database} is removed: what the catalogue has of one of its backups cannot be read (backup_sets {id}, "
    "{reason}), so that nobody knows what it needs. Correct or remove that row, and prune again"
)
REFUSED = "it could not be deleted on {at:%Y-%m-%d %H:%M} UTC: {why}; that is tried again with the next prune"
INTERRUPTED = "its deletion was interrupted"
UNREADABLE_HOLD = "nothing is removed: what a hold is on cannot be read ({reason}). Take it back, and prune again"


@dataclass(frozen=True, kw_only=True)
class DatabasePlan:
    """What becomes of a profile's backups of one database.

    Parameters
    ----------
    refused
        Why some could not be deleted when that was tried, by `set_id`: that is tried again.
    """

    database: str
    plan: RetentionPlan
    refused: Mapping[str, str]

    @property
    def known(self) -> RetentionPlan:
        """The plan as it is told: what could not be deleted before is retained until that is tried again."""
        return self.plan.ended(stayed={**self.refused, **self.plan.stayed}) if self.refused else self.plan


class _Found:
    """The backups of one database: the profile's own and all others."""

    def __init__(self) -> None:
        self.own: list[StoredSet] = []
        self.others: list[StoredSet] = []


def plans(
    connection: Connection, profile: ProfileRow, *, keys: Keys, now: datetime, database: str | None = None
) -> list[DatabasePlan]:
    """Return what the policy of a profile decides, by database; asks no server.

    What was given up, and is not known to be gone, is judged again. `keys`: the private keys that there are.
    """
    profile.require_usable()
    instance = profile.fields["instance"]
    here = sets.taken_of(instance, database) & (backup_sets.c.replaced_at.is_(None) | _IS_BEGUN)
    found: dict[str, _Found] = defaultdict(_Found)
    readable, unreadable = _read(connection, here, _Needs(keys, instance))
    for one, name, profile_id in readable:
        (found[name].own if profile_id == profile.id else found[name].others).append(one)
    held = holds.of_instance(connection, instance)
    refused = _refused(connection, here)
    for seen in looks.databases(connection, instance):
        if seen.database in found:
            found[seen.database].others += map(_of_outside, seen.outside)
    policy, made = policy_of(profile.fields), []
    for name, of in sorted(found.items()):
        if of.own:
            restored = restores.into(connection, instance, name, limit=RESTORES)
            plan = plan_retention(
                of.own,
                policy,
                now=now,
                others=of.others,
                holds=held.get(name, ()),
                restored=restored,
                sources=sets.orders_of_database(connection, instance, name, among={each.set_id for each in restored}),
            )
            doubt = _doubt(name, [*unreadable.get(name, ()), *unreadable.get("", ())], held.get("", ()))
            plan = plan.hindered(doubt) if doubt and plan.removals else plan
            made.append(DatabasePlan(database=name, plan=plan, refused=refused))
    return made


class _Needs:
    """What keeps backups from being restored for want of a private key; each certificate is asked for once."""

    def __init__(self, keys: Keys, instance: str) -> None:
        self._keys, self._instance = keys, instance
        self._known: dict[tuple[str | None, str | None], str] = {(None, None): ""}

    def why_lost(self, thumbprint: str | None, of_database: str | None) -> str:
        """Return why nothing can be restored that needs these; empty: their keys are there."""
        pair = (thumbprint, of_database)
        if pair not in self._known:
            missing = self._keys.missing(self._instance, [each for each in pair if each is not None])
            self._known[pair] = NEEDS_KEY.format(missing=missing) if missing else ""
        return self._known[pair]


_Read = tuple[StoredSet, str, int | None]
"""A backup, the database it is of, and the profile that took it."""


def _read(
    connection: Connection, here: ColumnElement[bool], needs: _Needs
) -> tuple[Sequence[_Read], Mapping[str, Sequence[Unreadable]]]:
    """Return the backups, and the rows that hold what cannot be by database; under no name, where that is unknown."""
    statement = select(*_COLUMNS).where(here)
    unreadable: dict[str, list[Unreadable]] = defaultdict(list)
    try:
        portions = connection.execute(statement).partitions(_PORTION)
        return [_stored(row, needs) for row in chain.from_iterable(portions)], unreadable
    except Exception as error:
        if not rows.is_about_a_value(error):
            raise
    good = []  # this takes its time, and tells which cannot be read
    for row in rows.read(connection, backup_sets, statement.add_columns(backup_sets.c.id)):
        values = rows.values_of(row)
        if isinstance(row, Unreadable):
            unreadable[values["database"] or ""].append(row)
        elif values["is_odd"]:
            odd = Unreadable(id=values["id"], values=values, reason="what it holds is of no known kind")
            unreadable[values["database"]].append(odd)
        else:
            good.append(_stored(tuple(row.values())[:-1], needs))
    return good, unreadable


def _stored(row: Sequence[Any], needs: _Needs) -> _Read:
    """Return a row by the order of its columns: by their names this takes twice as long."""
    set_id, path, finished_at, order, base_id, size_bytes, is_proven, why_lost, kind, database, profile_id, *rest = row
    *certificates, is_odd = rest
    if is_odd:
        raise ValueError(set_id)
    why_lost = why_lost or needs.why_lost(*certificates)
    one = StoredSet(set_id, path, finished_at, order, base_id, size_bytes, is_proven, why_lost, _KINDS[kind])
    return one, database, profile_id


def _refused(connection: Connection, here: ColumnElement[bool]) -> dict[str, str]:
    columns = (backup_sets.c.id, backup_sets.c.set_id, backup_sets.c.retained_at, backup_sets.c.retained_why)
    where = (here, backup_sets.c.retained_at.is_not(None))
    found = rows.read(connection, backup_sets, select(*columns).where(*where))
    return {
        row["set_id"]: REFUSED.format(at=row["retained_at"], why=row["retained_why"])
        for row in found
        if not isinstance(row, Unreadable)
    }


def _doubt(database: str, unreadable: Sequence[Unreadable], held: Sequence[Hold]) -> str:
    """Return why nobody can tell what has to stay; empty: all that matters can be read."""
    if unreadable:
        bad = unreadable[0]
        return UNREADABLE.format(database=database, id=bad.id, reason=bad.reason)
    return UNREADABLE_HOLD.format(reason=held[0].reason) if held else ""


def _of_outside(known: Known) -> StoredSet:
    one = known.backup_set
    return StoredSet(one.set_id, one.path, one.finished_at, -1, one.base_id, one.size_bytes, False)


def in_use(connection: Connection, instance: str, database: str) -> str:
    """Return what reads backups of a database now, or may, in words; empty: nothing does."""
    its = select(backup_sets.c.set_id).where(backup_sets.c.instance == instance, backup_sets.c.database == database)
    table = schema.restores
    into = (table.c.instance == instance) & (table.c.database == database)
    # Of a set that nobody recorded it is not known which full it needs.
    foreign = table.c.set_id.not_in(select(backup_sets.c.set_id))
    reads = table.c.status.in_(OPEN) & (into | table.c.set_id.in_(its) | foreign)
    restore = connection.execute(select(table.c.id).where(reads).limit(1)).scalar()
    if restore is not None:
        return f"restore {restore} reads its backups, or writes into it"
    if (drill := drills.reading(connection, instance, database)) is not None:
        return f"drill {drill} reads its backups"
    items = run_items.join(runs, runs.c.id == run_items.c.run_id)
    # One whose end is not known yet may still be written, or be found finished.
    goes_on = (runs.c.status == RunStatus.RUNNING.value) & run_items.c.status.in_(OPEN)
    under_way = goes_on | run_items.c.look_again_at.is_not(None)
    where = (under_way, runs.c.instance == instance, run_items.c.database == database)
    run = connection.execute(select(runs.c.id).select_from(items).where(*where).limit(1)).scalar()
    return "" if run is None else f"run {run} is backing it up, or its end is not known"


def give_up(
    connection: Connection, instance: str, set_ids: Sequence[str], why: str, *, owner: str, now: datetime
) -> None:
    """Note that backups are about to be deleted by a prune: from now on nobody counts on them."""
    values = {"prune_began_at": now, "prune_owner": owner, "replaced_at": now, "pruned_why": why}
    _change(connection, instance, set_ids, values | {"retained_at": None, "retained_why": ""})


def gone(connection: Connection, instance: str, set_ids: Sequence[str], *, owner: str, now: datetime) -> None:
    """Note that the files of backups that a prune gave up are gone."""
    values = {"replaced_at": now, "pruned_at": now, "prune_owner": None}
    _change(connection, instance, set_ids, values, owner=owner)


def retained(connection: Connection, instance: str, why: Mapping[str, str], *, owner: str, now: datetime) -> None:
    """Note of some that a prune gave up that they were not deleted, by `set_id` and why: they may be restored."""
    of_words: dict[str, list[str]] = defaultdict(list)
    for set_id, words in why.items():
        of_words[words].append(set_id)
    for words, set_ids in of_words.items():
        _change(connection, instance, set_ids, _given_back(words, now), owner=owner)


def release(connection: Connection, instance: str, set_ids: Sequence[str], *, owner: str) -> None:
    """Note that a prune does no more about some that it gave up: the next one finds out what became of them."""
    _change(connection, instance, set_ids, {"prune_owner": None}, owner=owner)


def _given_back(why: str, now: datetime) -> dict[str, object]:
    values: dict[str, object] = {
        "prune_began_at": None,
        "prune_owner": None,
        "replaced_at": None,
        "pruned_why": "",
        "retained_at": now,
    }
    return values | {"retained_why": why}


def _change(
    connection: Connection,
    instance: str,
    set_ids: Sequence[str],
    values: Mapping[str, object],
    *,
    owner: str | None = None,
) -> None:
    """Change backups; with `owner`, those alone that this prune gave up, and of which nobody wrote the end since."""
    where = backup_sets.c.instance == instance
    if owner is not None:
        where &= _IS_BEGUN & (backup_sets.c.prune_owner == owner)
    for at in range(0, len(set_ids), rows.AT_ONCE):
        which = backup_sets.c.set_id.in_(set_ids[at : at + rows.AT_ONCE])
        connection.execute(update(backup_sets).where(where, which).values(values))


def claim_left(
    connection: Connection, instance: str, goes_on: Callable[[str | None], bool], *, owner: str
) -> list[BackupSet]:
    """Let a prune find out what became of the backups that others gave up and left; returns them.

    `goes_on`: whether the prune of that owner does.
    """
    where = (_IS_BEGUN, sets.taken_of(instance))
    found = sets.sound(connection, select(backup_sets).where(*where))
    left = [sets.from_row(row) for row in found if not goes_on(row["prune_owner"])]
    _change(connection, instance, [one.set_id for one in left], {"prune_owner": owner})
    return left


def owners(connection: Connection, instance: str, database: str) -> frozenset[str]:
    """Return the prunes that began to delete backups of a database, and wrote no end of it."""
    where = (_IS_BEGUN, backup_sets.c.instance == instance, backup_sets.c.database == database)
    found = connection.execute(select(backup_sets.c.prune_owner).where(*where)).scalars()
    return frozenset(filter(None, found))


def take_back(
    connection: Connection, set_ids: Collection[str], goes_on: Callable[[str | None], bool], *, now: datetime
) -> str:
    """Give back what a prune that died gave up of some backups, since somebody needs them.

    Returns the path of one that a prune removes just now; then none is given back. Empty: there is none.
    """
    columns = backup_sets.c.id, backup_sets.c.path, backup_sets.c.prune_owner
    found = connection.execute(select(*columns).where(_IS_BEGUN, backup_sets.c.set_id.in_(set_ids))).all()
    for _, path, owner in found:
        if goes_on(owner):
            return str(path)
    which = backup_sets.c.id.in_([row_id for row_id, *_ in found])
    connection.execute(update(backup_sets).where(which).values(_given_back(INTERRUPTED, now)))
    return ""


def proven_since(
    connection: Connection, instance: str, set_ids: Sequence[str], since: datetime, *, now: datetime
) -> frozenset[str]:
    """Return which of these backups were read as a whole and found good from an instant on, and not in the future."""
    proven = (backup_sets.c.proven_at >= since) & (backup_sets.c.proven_at <= now + SKEW)
    where = (backup_sets.c.instance == instance, backup_sets.c.set_id.in_(set_ids), proven)
    return frozenset(connection.execute(select(backup_sets.c.set_id).where(*where)).scalars())


def recorded(connection: Connection, instance: str, set_ids: Sequence[str]) -> list[BackupSet]:
    """Return these backups as they were recorded, in that order; those that cannot be read are left out."""
    found: dict[str, BackupSet] = {}
    for at in range(0, len(set_ids), rows.AT_ONCE):
        ids = backup_sets.c.set_id.in_(set_ids[at : at + rows.AT_ONCE])
        statement = select(backup_sets).where(backup_sets.c.instance == instance, ids)
        found |= {row["set_id"]: sets.from_row(row) for row in sets.sound(connection, statement)}
    return [found[set_id] for set_id in set_ids if set_id in found]
