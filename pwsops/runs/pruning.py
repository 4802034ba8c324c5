"""Removing what the policy of a profile keeps no longer: judged, proven, given up, deleted, noted; in that order.

Nothing goes before the newest backup that is kept was seen and is proven. Each step leaves a state that the next prune
understands, so that a process may die after any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import NamedTuple

from pwsops.catalogue import Catalogue, Connection, audit, profiles, refused_logins, retention, sightings
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.retention import DatabasePlan
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.errors import LoginRefused, MediaError, PwsopsError
from pwsops.profile import policy_of
from pwsops.rules.formatting import counted, size
from pwsops.rules.model import BackupKind, BackupSet, MediaState, Sighting
from pwsops.rules.retention import Action, Policy, RetentionPlan, StoredSet
from pwsops.runs.deleting import NOT_THERE, delete_files

AT_ONCE = 100
"""So many files are deleted by one question to the engine."""
PROOF_HOLDS = timedelta(days=7)
"""What was read as a whole within so long is not read again before something is removed for it."""
UNSEEN = "nothing is removed: the newest backup that is kept, {path}, {why}. Mount or mend that, and prune again"
CHANGED = "nothing is removed: its backups changed meanwhile. Prune again"
INTERRUPTED = "its deletion was interrupted"
UNKNOWN_END = "whether it was deleted is not known: {why}; that is looked at with the next prune"
UNRECORDED = "what the catalogue has of it cannot be read"
REFUSED = "it could not be deleted on {at:%Y-%m-%d %H:%M} UTC: {why}; that is tried again with the next prune"


class SetDecision(NamedTuple):
    """What becomes of one backup, or became of it, and why."""

    database: str
    set_id: str
    kind: BackupKind
    finished_at: datetime
    path: str
    size_bytes: int
    action: Action
    reason: str


class Retention(NamedTuple):
    """What becomes of a profile's backups, or became of them.

    Parameters
    ----------
    policy
        What the profile keeps.
    sets
        One decision for each, by database, the newest first.
    points
        By database, what can be restored after it, the newest first.
    hindrances
        By database, why nothing of it goes although something is obsolete.
    """

    policy: Policy
    sets: Sequence[SetDecision]
    points: Mapping[str, Sequence[StoredSet]]
    hindrances: Mapping[str, str]

    def having(self, action: Action) -> Sequence[SetDecision]:
        """Return the backups of which that becomes."""
        return [one for one in self.sets if one.action is action]


class Pruner:
    """Applies policies.

    Parameters
    ----------
    catalogue, clock
        Where backups are remembered, and the time.
    open_engine
        Gives the engine of a profile's instance, as the profile's login; raises `PwsopsError`.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock, open_engine: Callable[[ProfileRow], Engine]) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._open_engine = open_engine

    def prune(self, profile: ProfileRow, *, actor: str) -> Retention:
        """Remove what is obsolete of a profile's backups; what could not be removed is `RETAINED`, with the cause.

        Without a policy nothing is judged, and nothing is told.

        Raises `InvalidInput` for a profile that cannot be used, and `PwsopsError` where the catalogue cannot be.
        """
        profile.require_usable()
        engine, policy = cache(partial(self._opened, profile)), policy_of(profile.fields)
        self._settle(profile, engine)
        if policy.is_empty:
            return retention_of(policy, [])
        with self._catalogue.read() as connection:
            found = retention.plans(connection, profile, now=self._clock.now())
        return retention_of(policy, [self._prune(profile, each, engine, actor) for each in found])

    def _opened(self, profile: ProfileRow) -> Engine:
        try:
            return self._open_engine(profile)
        except LoginRefused as error:
            with self._catalogue.write() as connection:
                refused_logins.note(connection, profile, error, now=self._clock.now())
            raise

    def _settle(self, profile: ProfileRow, engine: Callable[[], Engine]) -> None:
        """Find out what became of deletions that nobody wrote the end of; what is there still is judged anew."""
        with self._catalogue.read() as connection:
            left = retention.begun(connection, profile)
        if not left:
            return
        try:
            seen = engine().look_for(left)
        except PwsopsError:
            return  # the next prune asks again
        instance, now = profile.fields["instance"], self._clock.now()
        states = {one.set_id: seen[one.set_id].state for one in left if one.set_id in seen}
        with self._catalogue.write() as connection:
            missing = [set_id for set_id, state in states.items() if state in NOT_THERE]
            retention.gone(connection, instance, missing, _why(profile), now=now)
            there = [set_id for set_id, state in states.items() if state in (MediaState.PRESENT, MediaState.DAMAGED)]
            retention.retained(connection, instance, there, INTERRUPTED, now=now)

    def _prune(
        self, profile: ProfileRow, found: DatabasePlan, engine: Callable[[], Engine], actor: str
    ) -> DatabasePlan:
        if not found.plan.removals:
            return found
        try:
            why = self._unseen(profile, found.plan.successor, engine())
        except PwsopsError as error:
            why = f"nothing is removed: {error}"
        if not why:
            with self._catalogue.write() as connection:
                fresh, why = self._given_up(connection, profile, found, actor)
            found = fresh or found
        if why:
            return replace(found, plan=found.plan.hindered(why))
        # What could not be deleted before was asked for again: what is told is what came of that.
        return replace(found, plan=self._deleted(profile, found.plan, engine()), refused={})

    def _unseen(self, profile: ProfileRow, successor: Sequence[StoredSet], engine: Engine) -> str:
        """Return why what is kept in their place cannot be seen now; empty: all of it is there."""
        instance = profile.fields["instance"]
        with self._catalogue.read() as connection:
            recorded = retention.recorded(connection, instance, _ids(successor))
        seen = engine.look_for(recorded)
        with self._catalogue.write() as connection:
            sightings.record(connection, instance, seen, now=self._clock.now())
        for one in successor:
            found = seen.get(one.set_id, Sighting(state=MediaState.UNKNOWN))
            if found.state is not MediaState.PRESENT:
                why = found.reason or "there was no time to look for it"
                return UNSEEN.format(path=successor[0].path, why=f"was not seen: {one.path}: {why}")
        return self._disproven(profile, successor[0].path, recorded, engine)

    def _disproven(self, profile: ProfileRow, newest: str, recorded: Sequence[BackupSet], engine: Engine) -> str:
        """Read again what was proven long ago; return why it does not hold, empty: all of it does."""
        instance, now = profile.fields["instance"], self._clock.now()
        with self._catalogue.read() as connection:
            fresh = retention.proven_since(connection, instance, [one.set_id for one in recorded], now - PROOF_HOLDS)
        for one in recorded:
            if one.set_id in fresh:
                continue
            try:
                engine.verify(one)
            except MediaError as error:
                with self._catalogue.write() as connection:
                    sightings.disprove(connection, instance, one, error.message, now=now)
                return UNSEEN.format(path=newest, why=f"is bad: {error.message}")
            with self._catalogue.write() as connection:
                sightings.prove(connection, instance, [one], now=self._clock.now())
        return ""

    def _given_up(
        self, connection: Connection, profile: ProfileRow, seen: DatabasePlan, actor: str
    ) -> tuple[DatabasePlan | None, str]:
        """Judge once more, in the transaction that gives up what is to go; returns the plan, and why not."""
        now, instance, database = self._clock.now(), profile.fields["instance"], seen.database
        profile = profiles.get(connection, profile.id)
        if profile.deleted_at is not None or profile.broken or profile.fields["instance"] != instance:
            return None, CHANGED
        fresh = next(iter(retention.plans(connection, profile, now=now, database=database)), None)
        if fresh is None or _ids(fresh.plan.successor) != _ids(seen.plan.successor):
            return fresh, CHANGED
        if fresh.plan.hindrance:
            return fresh, fresh.plan.hindrance
        if reads := retention.in_use(connection, instance, database):
            return fresh, f"nothing of {database} is removed now: {reads}. Prune again after that"
        going = fresh.plan.removals
        if going:
            retention.give_up(connection, instance, _ids(going), _why(profile), now=now)
            taken = size(sum(one.size_bytes for one in going))
            detail = f"removes {counted(len(going), 'backup')} of {instance}/{database} ({taken}): {_why(profile)}"
            audit.append(connection, at=now, actor=actor, action="prune profile", subject=profile.name, detail=detail)
        return fresh, ""

    def _deleted(self, profile: ProfileRow, plan: RetentionPlan, engine: Engine) -> RetentionPlan:
        """Delete what was given up, incrementals first; returns the plan as it came to be."""
        instance = profile.fields["instance"]
        stayed: dict[str, str] = {}
        for part in _parts(plan.removals):
            needed = {one.base_id: one.path for one in plan.removals if one.set_id in stayed}
            kept = {
                one.set_id: f"{needed[one.set_id]}, which needs it, is retained" for one in part if one.set_id in needed
            }
            with self._catalogue.read() as connection:
                going = retention.recorded(connection, instance, [one.set_id for one in part if one.set_id not in kept])
            ends = delete_files(engine, going)
            now, stays = self._clock.now(), kept | {one: end.why for one, end in ends.items() if end.is_there}
            with self._catalogue.write() as connection:
                gone = [set_id for set_id, end in ends.items() if end.is_there is False]
                retention.gone(connection, instance, gone, _why(profile), now=now)
                for set_id, why in stays.items():
                    retention.retained(connection, instance, [set_id], why, now=now)
            stayed |= {one.set_id: UNRECORDED for one in part if one.set_id not in ends} | stays
            stayed |= {one: UNKNOWN_END.format(why=end.why) for one, end in ends.items() if end.is_there is None}
        return plan.retaining(stayed)


def _ids(sets: Sequence[StoredSet]) -> list[str]:
    return [one.set_id for one in sets]


def _why(profile: ProfileRow) -> str:
    return f"the policy of {profile.name}: {policy_of(profile.fields)}"


def _parts(removals: Sequence[StoredSet]) -> Iterator[Sequence[StoredSet]]:
    """Yield what is deleted together: incrementals before the fulls they need, and what one file holds at once."""
    of_fulls = {one.path for one in removals if one.base_id is None}
    for late in (False, True):
        files: dict[str, list[StoredSet]] = {}
        for one in removals:
            if (one.path in of_fulls) is late:
                files.setdefault(one.path, []).append(one)
        paths = list(files)
        for at in range(0, len(paths), AT_ONCE):
            yield [one for path in paths[at : at + AT_ONCE] for one in files[path]]


def retention_of(policy: Policy, found: Sequence[DatabasePlan]) -> Retention:
    """Return plans as they are told: what could not be deleted before is retained until that is tried again."""
    return Retention(
        policy=policy,
        sets=[decision for each in found for decision in _decisions(each)],
        points={each.database: each.plan.points for each in found},
        hindrances={each.database: each.plan.hindrance for each in found if each.plan.hindrance},
    )


def _decisions(found: DatabasePlan) -> Iterator[SetDecision]:
    for backup, action, reasons in found.plan.decisions:
        refused = found.refused.get(backup.set_id) if action is Action.REMOVE else None
        if refused is not None:
            action, reasons = Action.RETAINED, [REFUSED.format(at=refused.at, why=refused.why)]
        yield SetDecision(
            found.database,
            backup.set_id,
            backup.kind,
            backup.finished_at,
            backup.path,
            backup.size_bytes,
            action,
            "; ".join(reasons),
        )
