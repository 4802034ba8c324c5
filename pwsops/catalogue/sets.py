"""Backup sets that we took or came to know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    exists,
    func,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import backup_sets, instances, run_instance, run_items, runs, runs_with_profiles
from pwsops.rules.model import BackupKind, BackupSet, MediaState
from pwsops.rules.replacing import Order
from pwsops.rules.run_mark import SAFETY

_FIELDS = tuple(BackupSet.__dataclass_fields__)
TOOK_S = "took_s"
"""The detail of a set that says for how many seconds it was worked on, by a clock that nobody sets."""
_NEEDED = (backup_sets.c.thumbprint, backup_sets.c.database_thumbprint)
"""Where a set says which certificates a restore of it needs."""


def place_of(instance: str) -> ColumnElement[str]:
    """Return where an instance is now, as the catalogue knows it."""
    known = select(instances.c.place).where(instances.c.name == instance).scalar_subquery()
    return func.coalesce(known, "")


def place_of_run(run_id: int | None, instance: str) -> ColumnElement[str]:
    """Return where the instance was when a run began; where nobody noted that, or of no run, where it is now."""
    noted = select(runs.c.place).where(runs.c.id == run_id).scalar_subquery()
    return func.coalesce(noted, place_of(instance))


def taken_of(
    instance: str, database: str | ColumnElement[str] | None = None, *, among: FromClause = backup_sets
) -> ColumnElement[bool]:
    """Return the condition for sets (of a table or its alias) of an instance, and one database, where it is now.

    An instance whose address was changed, or that was removed and added again, is another one: its databases are not
    those that the former sets hold.
    """
    there = (among.c.instance == instance) & (among.c.place == place_of(instance))
    return there if database is None else there & (among.c.database == database)


def is_no_safety_copy(*, among: FromClause = backup_sets) -> ColumnElement[bool]:
    """Return the condition for sets that were not taken of what a restore replaced: those protect nothing."""
    return ~func.coalesce(among.c.description, "").startswith(SAFETY, autoescape=True)


def add(
    connection: Connection,
    backup_set: BackupSet,
    *,
    instance: str,
    profile_id: int | None,
    run_id: int | None,
    now: datetime,
    proven: bool = False,
) -> None:
    """Remember a set, of the place where its run began. Sets that stood in the same file are noted as replaced.

    `proven` tells that it was just verified as it was written, and so lies there.
    """
    place = place_of_run(run_id, instance)
    same_place = (
        (backup_sets.c.instance == instance)
        & (backup_sets.c.place == place)
        & (backup_sets.c.path == backup_set.path)
        & (backup_sets.c.position == backup_set.position)
        & (backup_sets.c.set_id != backup_set.set_id)
        & backup_sets.c.replaced_at.is_(None)
    )
    connection.execute(update(backup_sets).where(same_place).values(replaced_at=now))
    values = {key: getattr(backup_set, key) for key in _FIELDS}
    values |= {"kind": backup_set.kind.value, "details": dict(backup_set.details)}
    values |= {"instance": instance, "place": place, "profile_id": profile_id, "run_id": run_id}
    if proven:
        present = MediaState.PRESENT.value
        values |= {"proven_at": now, "seen_state": present, "state_since": now, "seen_at": now}
    connection.execute(insert(backup_sets).values(values).on_conflict_do_nothing())


def is_overtaken(connection: Connection, backup_set: BackupSet, *, instance: str, run_id: int) -> bool:
    """Whether a later run has written into the place of a set that was found late."""
    later = exists().where(
        backup_sets.c.instance == instance,
        backup_sets.c.path == backup_set.path,
        backup_sets.c.position == backup_set.position,
        backup_sets.c.set_id != backup_set.set_id,
        backup_sets.c.run_id > run_id,
    )
    return bool(connection.execute(select(later)).scalar())


def mark_replaced(connection: Connection, paths: Sequence[str], *, instance: str, now: datetime) -> None:
    """Note that the sets in these files are gone: a later backup took their place."""
    if paths:
        there = (
            (backup_sets.c.instance == instance) & backup_sets.c.path.in_(paths) & backup_sets.c.replaced_at.is_(None)
        )
        connection.execute(update(backup_sets).where(there).values(replaced_at=now))


def of_database(
    connection: Connection, instance: str, database: str, *, profile_id: int | None = None
) -> list[BackupSet]:
    """Return the sets of a database that were not replaced, the one taken last first; only one profile's if given."""
    where = [taken_of(instance, database), backup_sets.c.replaced_at.is_(None)]
    if profile_id is not None:
        where.append(backup_sets.c.profile_id == profile_id)
    return _sets(connection, where)


def unread_of_database(connection: Connection, instance: str, database: str) -> list[Unreadable]:
    """Return what cannot be read of a database's backups that were not replaced, the one taken last first."""
    where = (taken_of(instance, database), backup_sets.c.replaced_at.is_(None), is_no_safety_copy())
    found = read(connection, _last_first(select(backup_sets).where(*where)))
    return [row for row in found if isinstance(row, Unreadable)]


def of_run(connection: Connection, run_id: int) -> tuple[str, list[BackupSet]]:
    """Return the instance that a run worked on, and the sets that the run took there and that were not replaced."""
    owner = select(run_instance).select_from(runs_with_profiles).where(runs.c.id == run_id)
    instance = connection.execute(owner).scalar() or ""
    taken = select(run_items.c.set_id).where(run_items.c.run_id == run_id, run_items.c.set_id.is_not(None))
    where = (taken_of(instance), backup_sets.c.set_id.in_(taken), backup_sets.c.replaced_at.is_(None))
    return instance, _sets(connection, where)


def newest(connection: Connection, instance: str, database: str, *, profile_id: int) -> BackupSet | None:
    """Return the set of a database that a profile took last and that was not replaced."""
    where = (
        taken_of(instance, database),
        backup_sets.c.profile_id == profile_id,
        backup_sets.c.replaced_at.is_(None),
    )
    found = sound(connection, _last_first(select(backup_sets).where(*where)).limit(1))
    return from_row(found[0]) if found else None


def orders_of_database(
    connection: Connection, instance: str, database: str, *, among: Collection[str] | None = None
) -> dict[str, Order]:
    """Return when each set of a database was taken, by its id; those that were replaced as well.

    `among`: the ids of a few that are asked for.
    """
    columns = backup_sets.c.set_id, backup_sets.c.run_id, backup_sets.c.id
    which = taken_of(instance, database)
    if among is not None:
        which &= backup_sets.c.set_id.in_(among)
    found = connection.execute(select(*columns).where(which))
    return {set_id: Order(run_id or 0, row_id) for set_id, run_id, row_id in found}


def in_files_called(connection: Connection, name: str, position: int) -> list[tuple[BackupSet, str, str]]:
    """Return the sets of any instance in files that may be called so, with the instance and its place then.

    They were not replaced; the one written last comes first. Case, how letters are composed, and dots and blanks at
    the end tell no names apart, and a longer name may be among them: the caller compares the files.
    """
    like = re.sub(r"[^ -~]+", "%", re.sub(r"([\\%_])", r"\\\1", name.rstrip(". ")))
    where = (
        backup_sets.c.path.like(f"%{like}%", escape="\\"),
        backup_sets.c.position == position,
        backup_sets.c.replaced_at.is_(None),
    )
    found = sound(connection, _last_first(select(backup_sets).where(*where)))
    return [(from_row(row), row["instance"], row["place"]) for row in found]


def is_recorded(connection: Connection, instance: str | None, path: str) -> bool:
    """Whether a set was written to that path, and was not replaced; of an instance, or of any."""
    where = [backup_sets.c.path == path, backup_sets.c.replaced_at.is_(None)]
    if instance is not None:
        where.append(backup_sets.c.instance == instance)
    return connection.execute(select(backup_sets.c.id).where(*where).limit(1)).first() is not None


def owners_of_path(connection: Connection, path: str) -> frozenset[str]:
    """Return of which instances a set was ever written to that path, replaced ones included."""
    return frozenset(connection.execute(select(backup_sets.c.instance).where(backup_sets.c.path == path)).scalars())


def paths_of_others(connection: Connection, theirs: Collection[str]) -> frozenset[str]:
    """Return where sets lie of other instances than these, and of none of these."""
    columns = select(backup_sets.c.path, backup_sets.c.instance).where(backup_sets.c.replaced_at.is_(None))
    found = [tuple(row) for row in connection.execute(columns)]
    own = {path for path, instance in found if instance in theirs}
    return frozenset(path for path, instance in found if instance not in theirs and path not in own)


def owners(connection: Connection, set_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return of which instances each set was recorded, by its id, replaced ones included; empty: nobody recorded it."""
    found: dict[str, set[str]] = {set_id: set() for set_id in set_ids}
    statement = select(backup_sets.c.set_id, backup_sets.c.instance).where(backup_sets.c.set_id.in_(found))
    for set_id, instance in connection.execute(statement):
        found[set_id].add(instance)
    return {set_id: frozenset(names) for set_id, names in found.items()}


def ever(connection: Connection, set_id: str) -> BackupSet | None:
    """Return what was recorded of a set: of one that is still there before one that was replaced."""
    found = by_id(connection, set_id) or _sets(connection, [backup_sets.c.set_id == set_id])
    return found[0] if found else None


def of_instance(connection: Connection, instance: str, set_id: str) -> BackupSet | None:
    """Return a set of an instance, where it is now, that was not replaced."""
    where = (taken_of(instance), backup_sets.c.set_id == set_id, backup_sets.c.replaced_at.is_(None))
    return next(iter(_sets(connection, where)), None)


def by_id(connection: Connection, set_id: str) -> list[BackupSet]:
    """Return every set of that identity that was not replaced."""
    return _sets(connection, [backup_sets.c.set_id == set_id, backup_sets.c.replaced_at.is_(None)])


class EncryptedSet(NamedTuple):
    """What a set needs, and where it lies. `id` is its row's: a later set in the same file is another."""

    id: int
    thumbprint: str
    instance: str
    database: str
    path: str


def encrypted(connection: Connection) -> list[EncryptedSet]:
    """Return the sets that were not replaced and need a certificate; one that needs two is given twice."""
    found = union_all(
        *(select(backup_sets.c.id, *_place(column), backup_sets.c.path).where(*_needs(column)) for column in _NEEDED)
    )
    return [EncryptedSet(*row) for row in connection.execute(found)]


def any_encrypted(connection: Connection, instance: str) -> bool:
    """Whether a set of an instance that was not replaced needs a certificate."""
    here = backup_sets.c.instance == instance
    needed = (select(backup_sets.c.id).where(here, *_needs(column)) for column in _NEEDED)
    return connection.execute(union_all(*needed).limit(1)).first() is not None


def count_encrypted(connection: Connection) -> list[tuple[str, str, str, int]]:
    """Return for each certificate, instance and database how many sets that were not replaced need it. Quick."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for column in _NEEDED:
        key = _place(column)
        for *where, count in connection.execute(select(*key, func.count()).where(*_needs(column)).group_by(*key)):
            thumbprint, instance, database = where
            counted[thumbprint, instance, database] += count
    return [(*key, count) for key, count in sorted(counted.items())]


def _place(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    return (column.label("thumbprint"), backup_sets.c.instance, backup_sets.c.database)


def _needs(column: ColumnElement[Any]) -> tuple[ColumnElement[bool], ...]:
    return (column.is_not(None), backup_sets.c.replaced_at.is_(None))


def certificate_subject(connection: Connection, thumbprint: str) -> str:
    """Return a certificate's subject as one of the sets that need it says it; empty where none does."""
    statement = (
        select(backup_sets.c.details)
        .where(*_needs(backup_sets.c.thumbprint), backup_sets.c.thumbprint == thumbprint)
        .limit(1)
    )
    details = connection.execute(statement).scalar()
    return str((details or {}).get("certificate", ""))


def _sets(connection: Connection, where: Sequence[Any]) -> list[BackupSet]:
    return [from_row(row) for row in sound(connection, _last_first(select(backup_sets).where(*where)))]


def _last_first(statement: Select[Any]) -> Select[Any]:
    """Return it in the order of the claims, the last first: a clock may have been wrong when a set was dated."""
    return statement.order_by(backup_sets.c.run_id.desc(), backup_sets.c.id.desc())


def sound(connection: Connection, statement: Select[Any]) -> list[RowMapping]:
    """Return the rows of a statement on the sets that can be read: nothing can be restored by what the others say."""
    return [row for row in read(connection, statement) if not isinstance(row, Unreadable)]


def read(connection: Connection, statement: Select[Any]) -> list[RowMapping | Unreadable]:
    """Return the rows of a statement on the sets, in its order; those that mean nothing as `Unreadable`."""
    return [
        row if isinstance(row, Unreadable) else _checked(row) for row in rows.read(connection, backup_sets, statement)
    ]


def _checked(row: RowMapping) -> RowMapping | Unreadable:
    fits = {"kind": row["kind"] in list(BackupKind), "details": isinstance(row["details"], dict)}
    fits["seen_state"] = row.get("seen_state") in (None, *MediaState)
    reasons = [f"`{key}` cannot be read" for key, good in fits.items() if not good]
    return Unreadable(id=row["id"], values=dict(row), reason=", ".join(reasons)) if reasons else row


def from_row(row: RowMapping) -> BackupSet:
    """Return the set that a row keeps."""
    values = {key: row[key] for key in _FIELDS}
    return BackupSet(**(values | {"kind": BackupKind(values["kind"])}))
