"""Removing what the policy of a profile keeps no longer: judged, proven, given up, deleted, noted; in that order.

Nothing goes before the newest backup that is kept was seen and is proven. Each step leaves a state that the next prune
understands, so that a process may die after any of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import NamedTuple

from pwsops.catalogue import Catalogue, Connection, audit, profiles, refused_logins, retention, sightings
from pwsops.catalogue.keys import Keys, Opens
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.retention import DatabasePlan
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.errors import Conflict, LoginRefused, MediaError, PwsopsError
from pwsops.profile import policy_of
from pwsops.rules.formatting import counted, size
from pwsops.rules.model import BackupKind, BackupSet, MediaState, Sighting
from pwsops.rules.retention import Action, Decision, Policy, RetentionPlan, StoredSet
from pwsops.runs.deleting import NOT_THERE, End, delete_files
from pwsops.runs.liveness import Liveness

AT_ONCE = 100
"""So many files are deleted by one question to the engine."""
_NAMED = 20
"""So many files are named in an entry of the audit log."""
PROOF_HOLDS = timedelta(days=7)
"""What was read as a whole within so long is not read again before something is removed for it."""
UNSEEN = "nothing is removed: the newest backup that is kept, {path}, {why}. Mount or mend that, and prune again"
CHANGED = "nothing is removed: its backups changed meanwhile. Prune again"
INTERRUPTED = "its deletion was interrupted"
UNKNOWN_END = "whether it was deleted is not known: {why}; that is looked at with the next prune"
UNRECORDED = "it was not removed: what the catalogue has of it cannot be read. Correct or remove its entry"
NOT_AGREED = "it was not among those that were to be removed when that was agreed to; prune again"
ELSEWHERE = (
    "nothing of {database} is removed now: another process of this home removes backups of it. Prune again after that"
)


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
    opens
        Whether the home's key opens a sealed private key; see `Keys`.
    open_engine
        Gives the engine of a profile's instance, as the profile's login; raises `PwsopsError`.
    liveness
        In whose name backups are given up.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        opens: Opens,
        open_engine: Callable[[ProfileRow], Engine],
        liveness: Liveness,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._opens = opens
        self._open_engine = open_engine
        self._liveness = liveness
        self._lock = threading.Lock()
        self._pruned: set[int] = set()

    def preview(self, connection: Connection, profile: ProfileRow) -> Retention:
        """Return what `prune` would do as far as is known here; asks no server, and changes nothing."""
        plans = self._plans(connection, profile)
        return retention_of(policy_of(profile.fields), plans)

    def prune(self, profile: ProfileRow, *, actor: str, agreed: Collection[str] | None = None) -> Retention:
        """Remove what is obsolete of a profile's backups; what could not be removed is `RETAINED`, with the cause.

        Without a policy nothing is judged, and nothing is told.

        Parameters
        ----------
        agreed
            The `set_id` of those that may go; None: whatever is obsolete.

        Raises `InvalidInput` for a profile that cannot be used, `Conflict` while a prune of it goes on, and
        `PwsopsError` where the catalogue cannot be used.
        """
        profile.require_usable()
        engine, policy = cache(partial(self._opened, profile)), policy_of(profile.fields)
        with self._alone(profile):
            self._settle(profile, engine)
            if policy.is_empty:
                return retention_of(policy, [])
            with self._catalogue.read() as connection:
                found = self._plans(connection, profile)
            return retention_of(policy, [self._prune(profile, each, engine, actor, agreed) for each in found])

    @contextmanager
    def _alone(self, profile: ProfileRow) -> Iterator[None]:
        """Let one prune of a profile go on at a time; a second is refused, as the first may hang with its server."""
        with self._lock:
            if profile.id in self._pruned:
                raise Conflict(
                    f"The backups of profile {profile.name} are being pruned just now.", hint="Prune again after that."
                )
            self._pruned.add(profile.id)
        try:
            yield
        finally:
            with self._lock:
                self._pruned.discard(profile.id)

    def _plans(self, connection: Connection, profile: ProfileRow, database: str | None = None) -> list[DatabasePlan]:
        keys = Keys(connection, self._opens)
        return retention.plans(connection, profile, keys=keys, now=self._clock.now(), database=database)

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
            begun = retention.begun(connection, profile)
        # What a process that lives has begun is that one's to end; of this one no prune goes on.
        left = [one for one, owner in begun if owner == self._liveness.token or not self._liveness.is_alive(owner)]
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
            retention.gone(connection, instance, missing, now=now)
            there = [set_id for set_id, state in states.items() if state in (MediaState.PRESENT, MediaState.DAMAGED)]
            retention.retained(connection, instance, dict.fromkeys(there, INTERRUPTED), now=now)

    def _prune(
        self,
        profile: ProfileRow,
        found: DatabasePlan,
        engine: Callable[[], Engine],
        actor: str,
        agreed: Collection[str] | None,
    ) -> DatabasePlan:
        if not found.plan.removals:
            return found
        try:
            why = self._unseen(profile, found.plan.successor, engine())
        except PwsopsError as error:
            why = f"nothing is removed: {error}"
        if not why:
            with self._catalogue.write() as connection:
                fresh, why = self._given_up(connection, profile, found, actor, agreed)
            found = fresh or found
        if why:
            return replace(found, plan=found.plan.hindered(why))
        # What could not be deleted before was asked for again: what is told is what came of that.
        done = replace(found, plan=self._deleted(profile, found.plan, engine()), refused={})
        self._note_end(profile, done, actor)
        return done

    def _note_end(self, profile: ProfileRow, done: DatabasePlan, actor: str) -> None:
        """Write into the audit log what became of what was given up."""
        ends = list(done.plan.decisions)
        parts = [
            f"{counted(len(some), 'backup')} {words}: {_listed(some)}"
            for action, words in ((Action.REMOVE, "removed"), (Action.RETAINED, "retained"), (Action.GONE, "not there"))
            if (some := [one for one in ends if one.action is action])
        ]
        detail = f"{profile.fields['instance']}/{done.database}: {'; '.join(parts)}"
        with suppress(PwsopsError), self._catalogue.write() as connection:  # it is in the catalogue all the same
            now = self._clock.now()
            audit.append(connection, at=now, actor=actor, action="prune profile", subject=profile.name, detail=detail)

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
            ids = [one.set_id for one in recorded]
            fresh = retention.proven_since(connection, instance, ids, now - PROOF_HOLDS, now=now)
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
        self,
        connection: Connection,
        profile: ProfileRow,
        seen: DatabasePlan,
        actor: str,
        agreed: Collection[str] | None,
    ) -> tuple[DatabasePlan | None, str]:
        """Judge once more, in the transaction that gives up what is to go; returns the plan, and why not."""
        now, instance, database = self._clock.now(), profile.fields["instance"], seen.database
        profile = profiles.get(connection, profile.id)
        if profile.deleted_at is not None or profile.broken or profile.fields["instance"] != instance:
            return None, CHANGED
        fresh = next(iter(self._plans(connection, profile, database)), None)
        if fresh is None or _ids(fresh.plan.successor) != _ids(seen.plan.successor):
            return fresh, CHANGED
        if fresh.plan.hindrance:
            return fresh, fresh.plan.hindrance
        if reads := retention.in_use(connection, instance, database):
            return fresh, f"nothing of {database} is removed now: {reads}. Prune again after that"
        others = retention.owners(connection, instance, database) - {self._liveness.token}
        if any(map(self._liveness.is_alive, others)):
            return fresh, ELSEWHERE.format(database=database)
        readable = {one.set_id for one in retention.recorded(connection, instance, _ids(fresh.plan.removals))}
        stay = {one.set_id: UNRECORDED for one in fresh.plan.removals if one.set_id not in readable}
        if agreed is not None:
            stay |= {one.set_id: NOT_AGREED for one in fresh.plan.removals if one.set_id not in agreed}
        fresh = replace(fresh, plan=fresh.plan.ended(stayed=stay))
        if going := fresh.plan.removals:
            owner = self._liveness.token
            retention.give_up(connection, instance, _ids(going), _why(profile), owner=owner, now=now)
            taken = size(sum(one.size_bytes for one in going))
            detail = f"removes {counted(len(going), 'backup')} of {instance}/{database} ({taken}): {_why(profile)}"
            audit.append(connection, at=now, actor=actor, action="prune profile", subject=profile.name, detail=detail)
        return fresh, ""

    def _deleted(self, profile: ProfileRow, plan: RetentionPlan, engine: Engine) -> RetentionPlan:
        """Delete what was given up, incrementals first; returns the plan as it came to be."""
        ends = dict.fromkeys(_ids(plan.removals), End(None, "it was not come to"))
        try:
            for part in _parts(plan.removals):
                needed = {one.base_id: one.path for one in plan.removals if ends[one.set_id].is_there}
                ends |= self._part_deleted(profile.fields["instance"], part, needed, engine)
        except PwsopsError as error:
            # The files may be gone; what is not written down is looked at with the next prune.
            ends = {one: End(None, str(error)) if end.is_there is None else end for one, end in ends.items()}
        return plan.ended(
            stayed={
                **plan.stayed,
                **{one: end.why for one, end in ends.items() if end.is_there},
                **{one: UNKNOWN_END.format(why=end.why) for one, end in ends.items() if end.is_there is None},
            },
            gone={one: end.why for one, end in ends.items() if end.is_there is False and not end.was_deleted},
            lost=[one for one, end in ends.items() if end.is_lost],
        )

    def _part_deleted(
        self, instance: str, part: Sequence[StoredSet], needed: Mapping[str | None, str], engine: Engine
    ) -> dict[str, End]:
        """Delete some, but those that one needs which stayed, and write down what became of each."""
        ends = {
            one.set_id: End(True, f"{needed[one.set_id]}, which needs it, is retained")
            for one in part
            if one.set_id in needed
        }
        with self._catalogue.read() as connection:
            going = retention.recorded(connection, instance, [one.set_id for one in part if one.set_id not in ends])
        ends |= delete_files(engine, going)
        now = self._clock.now()
        with self._catalogue.write() as connection:
            retention.gone(connection, instance, [one for one, end in ends.items() if end.is_there is False], now=now)
            stayed = {one: end.why for one, end in ends.items() if end.is_there}
            retention.retained(connection, instance, stayed, now=now)
            seen = {one: end.seen for one, end in ends.items() if end.seen is not None}
            sightings.record(connection, instance, seen, now=now)
        return ends


def _listed(decisions: Sequence[Decision]) -> str:
    paths = list(dict.fromkeys(one.backup.path for one in decisions))
    more = len(paths) - _NAMED
    return ", ".join([*paths[:_NAMED], *([f"and {more:,} more"] if more > 0 else [])])


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
    """Return plans as they are told."""
    known = {each.database: each.known for each in found}
    return Retention(
        policy=policy,
        sets=[decision for database, plan in known.items() for decision in _decisions(database, plan)],
        points={database: plan.points for database, plan in known.items()},
        hindrances={database: plan.hindrance for database, plan in known.items() if plan.hindrance},
    )


def _decisions(database: str, plan: RetentionPlan) -> Iterator[SetDecision]:
    for backup, action, reasons in plan.decisions:
        yield SetDecision(
            database,
            backup.set_id,
            backup.kind,
            backup.finished_at,
            backup.path,
            backup.size_bytes,
            action,
            "; ".join(reasons),
        )
