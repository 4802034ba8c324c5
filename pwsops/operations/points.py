"""The moments that a database can be brought back to, as they are now: recorded, and looked for on their disks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pwsops.catalogue import profiles, sightings
from pwsops.catalogue.keys import Keys
from pwsops.catalogue.protection import with_key
from pwsops.engines.protocol import Engine
from pwsops.errors import NotFound
from pwsops.operations.access import Context
from pwsops.operations.periods import local_zone
from pwsops.rules.formatting import listed
from pwsops.rules.model import LOST, BackupKind, BackupSet
from pwsops.rules.moments import as_zone, write_moment
from pwsops.rules.protection import SetFacts
from pwsops.rules.restore_points import RestorePoint, at_moment, newest_first, restore_points, why_not
from pwsops.rules.validity import is_zone
from pwsops.runs.found_media import look_for

SHOWN_AS_ONE = timedelta(minutes=1)
"""Many lists show times to the minute: who writes one of those may mean a backup of a few seconds later."""


@dataclass(frozen=True, kw_only=True)
class PointView:
    """One moment that a database can be brought back to.

    Parameters
    ----------
    at, data_at
        Nothing in it is newer than the first; its data was read from the second on.
    run
        The run that took it; None: no run of this home did.
    position
        Of its set, in its file.
    chain
        The sets that a restore applies, in order; without those that cannot be read in the catalogue.
    proven_at
        Since when all of the chain has been proven; None: it never was.
    present
        Whether all files of the chain were seen where they were written, just now; None: one could not be looked at.
    restorable
        Whether it can be restored now, as far as can be told without reading it; None: nobody could look.
    why
        What is amiss where it is not restorable, or what else is to be known.
    lost_itself
        Its own file is gone, or holds something else: where the full lies is not asked.
    is_safety_copy
        Whether it holds what a restore replaced: no moment means it.
    """

    at: datetime
    data_at: datetime
    kind: BackupKind
    run: int | None
    set_id: str
    path: str
    position: int
    chain: Sequence[BackupSet]
    proven_at: datetime | None
    present: bool | None
    restorable: bool | None
    why: str
    lost_itself: bool
    is_safety_copy: bool

    @property
    def set(self) -> BackupSet | None:
        """The set that it ends with; None where its record cannot be read."""
        return next((one for one in self.chain if one.set_id == self.set_id), None)


@dataclass(frozen=True, kw_only=True)
class PointChoice:
    """The restore point that somebody's moment means.

    Parameters
    ----------
    moment, zone
        The instant that was meant, and the zone that it was read in.
    passed
        Newer points, not after the moment, that cannot be restored: each says why.
    after
        The first point after the moment that would look the same to the minute; None: there is none.
    """

    point: PointView
    moment: datetime
    zone: str
    passed: Sequence[PointView] = ()
    after: datetime | None = None

    @property
    def before_s(self) -> float:
        """By how much the point lies before the moment, in seconds."""
        return (self.moment - self.point.at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Points:
    """The restore points of one database, newest first, as rules and as faces know them.

    `told` leaves out of what instances said what is not told to who asks.
    """

    database: str
    points: Sequence[RestorePoint]
    sets: dict[str, BackupSet]
    told: Callable[[str], str]

    def views(self) -> Iterator[PointView]:
        """Yield each as it is shown."""
        return map(self.view, self.points)

    def view(self, point: RestorePoint) -> PointView:
        """Return one as it is shown."""
        one = point.set
        known = self.sets.get(one.set_id)
        return PointView(
            at=point.at,
            data_at=one.data_at,
            kind=one.kind,
            run=one.run_id,
            set_id=one.set_id,
            path=one.path,
            position=1 if known is None else known.position,
            chain=tuple(self.sets[each.set_id] for each in point.chain if each.set_id in self.sets),
            proven_at=point.proven_at,
            present=point.is_present,
            restorable=point.can_be_restored,
            why=self.told(why_not(point)),
            lost_itself=one.seen_state in LOST,
            is_safety_copy=one.is_safety_copy,
        )


def choose(found: Points, moment: datetime, zone: str) -> PointChoice:
    """Return the newest point that is not after a moment; raises `NotFound` where there is none."""
    choice = at_moment(found.points, moment)
    passed = tuple(map(found.view, choice.passed))
    usable = [each for each in found.points if each.can_be_restored is not False and not each.set.is_safety_copy]
    if choice.point is not None:
        after = min((each.at for each in usable if moment < each.at < moment + SHOWN_AS_ONE), default=None)
        return PointChoice(point=found.view(choice.point), moment=moment, zone=zone, passed=passed, after=after)
    clock = as_zone(zone)
    lost = [f"{write_moment(each.at, clock)}: {each.why}" for each in passed]
    oldest = min((each.at for each in usable), default=None)
    raise NotFound(
        f"No backup brings {found.database} back to {write_moment(moment, clock)} ({zone})"
        + (f": of that time are only such that cannot be restored ({listed(lost)})." if lost else ".")
        + (f" The oldest that can is of {write_moment(oldest, clock)}." if oldest else ""),
        hint="`pwsops points` lists the moments that there are; of a file that it does not list, give --file.",
    )


def of_run(found: Points, run_id: int) -> PointView:
    """Return the point that a run took; raises `NotFound` where it took none that is still recorded."""
    for view in found.views():
        if view.run == run_id:
            return view
    raise NotFound(
        f"The run {run_id} has no backup of {found.database} that is still recorded.",
        hint="`pwsops points` lists those there are, each with its run.",
    )


def zone_of(context: Context, instance: str, database: str) -> str:
    """Return the zone that times of a database are told in: that of its profile, else this machine's."""
    with context.read() as connection:
        known = [str(row.fields["timezone"]) for row in profiles.of_database(connection, instance, database)]
    return next(filter(is_zone, known), "") or local_zone()


def look(context: Context, engine: Engine, instance: str, database: str) -> Points:
    """Look for the files of all recorded backups of a database, and return its restore points, newest first.

    What is found is kept, and counts in the verdict. What could not be looked at is offered: it may be there.
    """
    core = context.core
    with context.read() as connection:
        before, _ = sightings.every(connection, instance, database)
    seen = look_for(engine, [one.backup_set for one in newest(before)])
    with core.catalogue.write() as connection:
        sightings.record(connection, instance, seen, now=core.clock.now())
    with context.read() as connection:
        known, unreadable = sightings.every(connection, instance, database)
        keys = Keys(connection, core.vault.opens)
        known = [with_key(keys, instance, one) for one in known]
    facts: list[SetFacts] = [*(one.facts for one in known), *unreadable]
    return Points(
        database=database,
        points=newest_first(restore_points(facts, core.clock.now())),
        sets={one.facts.set_id: one.backup_set for one in known},
        told=context.redacted,
    )


def newest(known: Sequence[sightings.Known]) -> list[sightings.Known]:
    """Return backups with the one recorded last first: an engine may not have the time to open all."""
    return sorted(known, key=lambda one: one.facts.order, reverse=True)
