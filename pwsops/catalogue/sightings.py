"""What was proven of backups and seen of them, and what instances last said: facts that a verdict rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, select, union_all, update

from pwsops.catalogue import profiles, sets
from pwsops.catalogue.rows import Unreadable, read, values_of
from pwsops.catalogue.schema import backup_sets, restores, run_items, seen_databases
from pwsops.rules.model import LOST, BackupKind, BackupSet, MediaState, RunStatus, Sighting
from pwsops.rules.protection import SetFacts
from pwsops.rules.run_mark import is_safety_copy

AT_ONCE = 10_000
"""So many ids fit into one statement."""

Place = tuple[str, str]
"""An instance and a database on it."""


class Known(NamedTuple):
    """A backup, and what is known of it."""

    backup_set: BackupSet
    facts: SetFacts


def every(connection: Connection, instance: str, database: str) -> tuple[list[Known], list[SetFacts]]:
    """Return all backups of a database that were not replaced, and the facts of those whose row cannot be read."""
    here = [sets.taken_of(instance, database), backup_sets.c.replaced_at.is_(None)]
    found = sets.read(connection, select(backup_sets).where(*here))
    known = [of_row(row) for row in found if not isinstance(row, Unreadable)]
    return known, [of_unreadable(row) for row in found if isinstance(row, Unreadable)]


def lost(connection: Connection, instance: str, database: str) -> frozenset[str]:
    """Return the `set_id` of each set of a database that was looked for and is gone, or was found bad."""
    where = [sets.taken_of(instance, database), backup_sets.c.replaced_at.is_(None), ~may_be_there()]
    return frozenset(connection.execute(select(backup_sets.c.set_id).where(*where)).scalars())


def record(connection: Connection, instance: str, seen: Mapping[str, Sighting], *, now: datetime) -> None:
    """Keep what a look at sets found, by `set_id`. What could not be looked at was still seen when it was seen last.

    A set that was noted as replaced and lies in its file again (a disk was away meanwhile) is one that is there.
    """
    here = backup_sets.c.instance == instance
    found = []
    for ids in _portions(list(seen)):
        columns = (backup_sets.c.set_id, backup_sets.c.path, backup_sets.c.seen_state, backup_sets.c.state_since)
        for row in read(connection, backup_sets, select(*columns).where(here, backup_sets.c.set_id.in_(ids))):
            known = values_of(row)
            set_id, path = known["set_id"], known["path"]
            state, reason = seen[set_id].state.value, seen[set_id].reason
            since = known["state_since"] if known["seen_state"] == state else None
            found.append({"which": set_id, "state": state, "reason": reason, "since": since or now})
            if path is not None:
                _bring_back(connection, here, path, seen[set_id].holds, now=now)
    values: dict[str, Any] = {
        "seen_state": bindparam("state"),
        "seen_reason": bindparam("reason"),
        "state_since": bindparam("since"),
    }
    statement = update(backup_sets).where(here, backup_sets.c.set_id == bindparam("which"))
    there = [row for row in found if row["state"] == MediaState.PRESENT.value]
    others = [row for row in found if row["state"] != MediaState.PRESENT.value]
    if there:
        connection.execute(statement.values(values | {"seen_at": now}), there)
    if others:
        connection.execute(statement.values(values), others)


def _bring_back(
    connection: Connection, here: ColumnElement[bool], path: str, holds: Sequence[str], *, now: datetime
) -> None:
    if holds:
        there = here & (backup_sets.c.path == path) & backup_sets.c.set_id.in_(holds)
        # What is being deleted just now is there only for as long as that takes.
        over = backup_sets.c.prune_began_at.is_(None) | backup_sets.c.pruned_at.is_not(None)
        values: dict[str, Any] = {"replaced_at": None, "prune_began_at": None, "pruned_at": None, "pruned_why": ""}
        values |= {"seen_state": MediaState.PRESENT.value, "seen_reason": ""}
        values |= {"state_since": now, "seen_at": now}
        gone = backup_sets.c.replaced_at.is_not(None) & over
        connection.execute(update(backup_sets).where(there, gone).values(values))


def prove(connection: Connection, instance: str, found: Iterable[BackupSet], *, now: datetime) -> None:
    """Note that these sets were read as a whole where they lie, and are good."""
    values: dict[str, Any] = {"proven_at": now, "disproven_at": None, "disproven_reason": "", "seen_reason": ""}
    values |= {"seen_state": MediaState.PRESENT.value, "state_since": now, "seen_at": now}
    for backup_set in found:
        connection.execute(update(backup_sets).where(*_this(instance, backup_set)).values(values))


def disprove(connection: Connection, instance: str, backup_set: BackupSet, reason: str, *, now: datetime) -> None:
    """Note that a set was read where it lies and cannot be restored; it stays so until it is proven again."""
    values = {"disproven_at": now, "disproven_reason": reason}
    connection.execute(update(backup_sets).where(*_this(instance, backup_set)).values(values))


def is_known(connection: Connection, instance: str, database: str) -> bool:
    """Whether a database of exactly that name is told of anywhere: in a profile, a backup, a restore, or a look."""
    named = (row.fields["databases"] for row in profiles.living(connection) if row.fields["instance"] == instance)
    if any(database in names for names in named):
        return True
    known_in = (
        select(table.c.database).where(table.c.instance == instance, table.c.database == database)
        for table in (seen_databases, backup_sets, restores)
    )
    return connection.execute(union_all(*known_in).limit(1)).first() is not None


def known_ids(connection: Connection, instance: str, set_ids: Sequence[str]) -> set[str]:
    """Return which of these sets the catalogue has a row of, replaced ones too."""
    found: set[str] = set()
    for ids in _portions(set_ids):
        where = (backup_sets.c.instance == instance, backup_sets.c.set_id.in_(ids))
        found.update(connection.execute(select(backup_sets.c.set_id).where(*where)).scalars())
    return found


def failed_runs(connection: Connection, run_ids: Iterable[int]) -> set[tuple[int, str]]:
    """Return which of these runs failed for which database."""
    where = (run_items.c.run_id.in_(list(run_ids)), run_items.c.status == RunStatus.FAILED.value)
    columns = (run_items.c.id, run_items.c.run_id, run_items.c.database)
    found = [values_of(row) for row in read(connection, run_items, select(*columns).where(*where))]
    return {(row["run_id"], row["database"]) for row in found}


def of_outside(backup_set: BackupSet, sighting: Sighting, *, of_failed_item: bool, now: datetime) -> Known:
    """Return what is known of a backup that the catalogue has no row of: nobody here proved it."""
    facts = SetFacts(
        **_shared(vars(backup_set)),
        order=0,
        seen_state=sighting.state,
        seen_reason=sighting.reason,
        state_since=now,
        seen_at=now if sighting.state is MediaState.PRESENT else None,
        of_failed_item=of_failed_item,
        foreign=True,
    )
    return Known(backup_set, facts)


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def _this(instance: str, backup_set: BackupSet) -> list[ColumnElement[bool]]:
    # A copy of it elsewhere says nothing of the file that the catalogue knows.
    return [
        backup_sets.c.instance == instance,
        backup_sets.c.set_id == backup_set.set_id,
        backup_sets.c.path == backup_set.path,
    ]


def may_be_there() -> ColumnElement[bool]:
    """Return the condition for sets that nobody found gone or bad."""
    lost = [state.value for state in LOST]
    unknown = backup_sets.c.seen_state.is_(None) | backup_sets.c.seen_state.not_in(lost)
    return unknown & backup_sets.c.disproven_at.is_(None)


def of_row(row: RowMapping) -> Known:
    """Return what is known of a set that the catalogue has a row of."""
    state = row["seen_state"]
    facts = SetFacts(
        **_shared(row),
        order=row["id"],
        run_id=row["run_id"],
        proven_at=row["proven_at"],
        disproven_at=row["disproven_at"],
        disproven_reason=row["disproven_reason"],
        seen_state=None if state is None else MediaState(state),
        seen_reason=row["seen_reason"],
        state_since=row["state_since"],
        seen_at=row["seen_at"],
    )
    return Known(sets.from_row(row), facts)


UNREADABLE_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for when a backup was taken of which that cannot be read: too old for any schedule."""


def of_unreadable(row: Unreadable) -> SetFacts:
    """Return what is known of a set of which some cannot be read. One of no known kind is taken for a full."""
    values = row.values
    kind, state = values["kind"], values["seen_state"]
    times = [values[key] for key in ("started_at", "finished_at", "proven_at") if values[key] is not None]
    return SetFacts(
        set_id=values["set_id"] or f"row {row.id}",
        kind=BackupKind(kind) if kind in list(BackupKind) else BackupKind.FULL,
        path=values["path"] or "",
        data_at=min(times, default=UNREADABLE_SINCE),
        finished_at=values["finished_at"] or max(times, default=UNREADABLE_SINCE),
        order=row.id,
        run_id=values["run_id"],
        base_id=values["base_id"],
        proven_at=values["proven_at"],
        disproven_at=values["disproven_at"],
        disproven_reason=values["disproven_reason"] or "",
        seen_state=MediaState(state) if state in list(MediaState) else None,
        seen_reason=values["seen_reason"] or "",
        state_since=values["state_since"],
        seen_at=values["seen_at"],
        is_safety_copy=is_safety_copy(values["description"]),
        unreadable=f"backup_sets {row.id}, {row.reason}",
    )


def _shared(values: Mapping[str, Any] | RowMapping) -> dict[str, Any]:
    details = values["details"]
    return {
        "set_id": values["set_id"],
        "kind": BackupKind(values["kind"]),
        "path": values["path"],
        "data_at": values["started_at"] or values["finished_at"],
        "finished_at": values["finished_at"],
        "base_id": values["base_id"],
        "stripes": max(1, len(details.get("stripes", ()))),
        "is_damaged": bool(details.get("is_damaged")),
        "is_safety_copy": is_safety_copy(values["description"]),
    }
