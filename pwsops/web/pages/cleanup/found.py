"""What is known of a profile's backups, arranged as the page shows it. Knows no page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from pwsops.operations.holds import HoldRow
from pwsops.operations.retention import Action, Retention, SetDecision
from pwsops.rules import retention_words
from pwsops.web.pages.cleanup.timeline import Tick, ticks
from pwsops.web.ui.formatting import Mark, counted, size

if TYPE_CHECKING:
    from pwsops.operations import Operations

SHOWN = 60
"""So many backups of a database are listed at first, and more each time somebody asks."""
MARKS = {
    Action.REMOVE: Mark(tone="orange", icon="cross", word="would go"),
    Action.RETAINED: Mark(tone="orange", icon="warning", word="retained"),
    Action.KEEP: Mark(tone="ok", icon="check", word="stays"),
    Action.GONE: Mark(tone="orange", icon="warning", word="gone already"),
}
_ORDER = (Action.REMOVE, Action.GONE, Action.RETAINED, Action.KEEP)


@dataclass(frozen=True, kw_only=True)
class Amount:
    """Some backups: in how many files they lie, how many bytes they have, and when they were taken."""

    files: int
    size_bytes: int
    first: datetime | None
    last: datetime | None

    def __str__(self) -> str:
        return f"{counted(self.files, 'file')}, {size(self.size_bytes)}" if self.files else "none"


def amount(sets: Sequence[SetDecision]) -> Amount:
    """Sum backups up."""
    taken = [one.finished_at for one in sets]
    return Amount(
        files=len({one.path for one in sets}),
        size_bytes=sum(one.size_bytes for one in sets),
        first=min(taken, default=None),
        last=max(taken, default=None),
    )


@dataclass(frozen=True, kw_only=True)
class DatabaseFound:
    """One database: its backups, what goes first, and the `set_id` of those that can be restored afterwards."""

    name: str
    sets: Sequence[SetDecision]
    restorable: frozenset[str]
    all: Amount
    going: Amount
    staying: Amount
    first_point: datetime | None
    last_point: datetime | None
    hindrance: str
    ticks: Sequence[Tick]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the catalogue knows of a profile's backups. Summed up once, not with each drawing: they may be many.

    Parameters
    ----------
    policy
        What it keeps, in words.
    has_policy
        Whether anything is ever removed.
    going, going_ids
        What would be tried to be removed: what would go, and what could not be removed before.
    tried
        What that amounts to.
    holds
        Those on its backups, and on backups of its databases of which nothing else is known any more.
    """

    instance: str
    directory: str
    policy: str
    has_policy: bool
    databases: Sequence[DatabaseFound]
    sums: Mapping[Action, Amount]
    going: Sequence[SetDecision]
    going_ids: frozenset[str]
    tried: Amount
    holds: Sequence[HoldRow]


def look(ops: Operations, name: str) -> Found:
    """Read what is known; asks no server. Raises `NotFound`, and `InvalidInput` for a profile that cannot be used."""
    view, retention = ops.profiles.view(name), ops.retention.preview(name)
    known = {one.set_id for one in retention.sets}
    going = retention.tried
    return Found(
        instance=view.instance,
        directory=view.directory,
        policy=retention_words.describe(retention.policy, incremental=view.incremental),
        has_policy=not retention.policy.is_empty,
        databases=[
            _database(retention, name, list(sets))
            for name, sets in groupby(retention.sets, key=lambda one: one.database)
        ],
        sums={action: amount(retention.having(action)) for action in Action},
        going=going,
        going_ids=frozenset(one.set_id for one in going),
        tried=amount(going),
        holds=[
            one
            for one in ops.holds.list(view.instance)
            if one.set_id in known or (not one.path and one.database in view.databases)
        ],
    )


def _database(retention: Retention, name: str, sets: Sequence[SetDecision]) -> DatabaseFound:
    points = retention.points.get(name, ())
    restorable = frozenset(point.set_id for point in points)
    return DatabaseFound(
        name=name,
        sets=sorted(sets, key=lambda one: _ORDER.index(one.action)),
        restorable=restorable,
        all=amount(sets),
        going=amount([one for one in sets if one.action is Action.REMOVE]),
        staying=amount([one for one in sets if one.action is not Action.REMOVE]),
        first_point=points[-1].finished_at if points else None,
        last_point=points[0].finished_at if points else None,
        hindrance=retention.hindrances.get(name, "") or retention.doubts.get(name, ""),
        ticks=ticks(sets, restorable),
    )


@dataclass(frozen=True, kw_only=True)
class Row:
    """One backup: what becomes of it, whether it can no longer be restored although it stays, and its holds."""

    one: SetDecision
    mark: Mark
    lost: bool
    holds: Sequence[HoldRow]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A database with as many of its backups as are listed; `left` more are not."""

    database: DatabaseFound
    rows: Sequence[Row]
    left: int


def listed(found: Found, limits: Mapping[str, int]) -> Sequence[Listed]:
    """Return the databases that have backups. `limits`: how many are listed of those that were asked for."""
    held: dict[str, list[HoldRow]] = {}
    for hold in found.holds:
        held.setdefault(hold.set_id, []).append(hold)
    return [_listed(one, held, limits.get(one.name, SHOWN)) for one in found.databases]


def _listed(database: DatabaseFound, held: Mapping[str, Sequence[HoldRow]], limit: int) -> Listed:
    rows = [
        Row(
            one=one,
            mark=MARKS[one.action],
            lost=one.action is not Action.REMOVE and one.set_id not in database.restorable,
            holds=held.get(one.set_id, ()),
        )
        for one in database.sets[:limit]
    ]
    return Listed(database=database, rows=rows, left=len(database.sets) - len(rows))
