"""Removing what the policy of a profile keeps no longer: judged, proven, given up, deleted, noted; in that order.

Nothing goes before the newest backup that is kept was seen and is proven. Each step leaves a state that the next prune
understands, so that a process may die after any of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from typing import NamedTuple

from pwsops.catalogue import Catalogue, Connection, audit, profiles, refused_logins, retention, sightings
from pwsops.catalogue.keys import Keys, Opens
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.retention import DatabasePlan
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.errors import LoginRefused, MediaError, PwsopsError
from pwsops.profile import policy_of
from pwsops.rules.formatting import counted, size
from pwsops.rules.model import BackupSet, MediaState, Sighting
from pwsops.rules.retention import Action, Decision, RetentionPlan, StoredSet
from pwsops.runs.deleting import End, delete_files, is_gone, is_there
from pwsops.runs.going_prunes import GoingPrunes
from pwsops.runs.retention_outcome import Retention, retention_of

AT_ONCE = 100
"""So many files are deleted by one question to the engine."""
_NAMED = 20
"""So many files are named in an entry of the audit log."""
PROOF_HOLDS = timedelta(days=7)
"""What was read as a whole within so long is not read again before something is removed for it."""
UNSEEN = "nothing is removed: the newest backup that is kept, {path}, {why}. Mount or mend that, and prune again"
CHANGED = "nothing is removed: its backups changed meanwhile. Prune again"
STOPPED = "nothing is removed: it was stopped"
NOT_COME_TO = "the prune was stopped before it came to that"
UNKNOWN_END = "whether it was deleted is not known: {why}; that is looked at with the next prune"
UNRECORDED = "it was not removed: what the catalogue has of it cannot be read. Correct or remove its entry"
NOT_AGREED = "it was not among those that were to be removed when that was decided; prune again"
ELSEWHERE = "nothing of {database} is removed now: another prune removes backups of it. Prune again after that"


class _Work(NamedTuple):
    """One prune: of what, through which engine, for whom, of what alone, and in whose name."""

    profile: ProfileRow
    engine: Callable[[], Engine]
    actor: str
    agreed: Collection[str] | None
    owner: str
    cancel: threading.Event

    @property
    def instance(self) -> str:
        """The name of the profile's instance."""
        return str(self.profile.fields["instance"])


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
    going
        The prunes that go on.
    reconcile_restores
        Ends the restores that nobody carries on: they read nothing any more.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        opens: Opens,
        open_engine: Callable[[ProfileRow], Engine],
        going: GoingPrunes,
        reconcile_restores: Callable[[], None],
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._opens = opens
        self._open_engine = open_engine
        self._going = going
        self._reconcile_restores = reconcile_restores

    def preview(self, connection: Connection, profile: ProfileRow) -> Retention:
        """Return what `prune` would do as far as is known here; asks no server, and changes nothing."""
        plans = self._plans(connection, profile)
        return retention_of(policy_of(profile.fields), plans)

    def prune(
        self,
        profile: ProfileRow,
        *,
        actor: str,
        agreed: Collection[str] | None = None,
        cancel: threading.Event | None = None,
    ) -> Retention:
        """Remove what is obsolete of a profile's backups; what could not be removed is `RETAINED`, with the cause.

        Without a policy nothing is judged, and nothing is told.

        Parameters
        ----------
        agreed
            The `set_id` of those that may go; None: whatever is obsolete, unless the plan is in doubt.
        cancel
            Stops it before the next backup is read, or the next files are deleted.

        Raises `InvalidInput` for a profile that cannot be used, `Conflict` while a prune of it goes on, and
        `PwsopsError` where the catalogue cannot be used.
        """
        profile.require_usable()
        policy = policy_of(profile.fields)
        self._reconcile_restores()
        with self._going.begin(profile, cancel) as prune:
            work = _Work(profile, cache(partial(self._open_engine, profile)), actor, agreed, prune.owner, prune.cancel)
            refused = self._settle(work)
            if policy.is_empty:
                return retention_of(policy, [])
            with self._catalogue.read() as connection:
                found = self._plans(connection, profile)
            done = []
            for each in found:
                one, refused = self._prune(work, each, refused)
                done.append(one)
            return retention_of(policy, done)

    def _plans(self, connection: Connection, profile: ProfileRow, database: str | None = None) -> list[DatabasePlan]:
        keys = Keys(connection, self._opens)
        return retention.plans(connection, profile, keys=keys, now=self._clock.now(), database=database)

    def _refused(self, work: _Work, error: LoginRefused) -> str:
        """Note that the server does not let the login in: whoever asks again locks it. Returns why nothing goes."""
        with suppress(PwsopsError), self._catalogue.write() as connection:
            refused_logins.note(connection, work.profile, error, now=self._clock.now())
        return f"nothing is removed: {error}"

    def _settle(self, work: _Work) -> str:
        """Find out what became of deletions that nobody wrote the end of; what is there still is judged anew.

        Also those of other profiles of the instance, which may be gone. Returns why the login was refused, if it was.
        """
        instance, now = work.instance, self._clock.now()
        with self._catalogue.write() as connection:
            left = retention.claim_left(connection, instance, self._going.goes_on, owner=work.owner)
        if not left:
            return ""
        refused = ""
        try:
            seen = work.engine().look_for(left)
        except PwsopsError as error:
            seen = dict[str, Sighting]()  # the next prune asks again
            refused = self._refused(work, error) if isinstance(error, LoginRefused) else ""
        with self._catalogue.write() as connection:
            missing = [one.set_id for one in left if is_gone(seen.get(one.set_id))]
            retention.gone(connection, instance, missing, owner=work.owner, now=now)
            there = [one.set_id for one in left if is_there(seen.get(one.set_id))]
            words = dict.fromkeys(there, retention.INTERRUPTED)
            retention.retained(connection, instance, words, owner=work.owner, now=now)
            retention.release(connection, instance, [one.set_id for one in left], owner=work.owner)
        return refused

    def _prune(self, work: _Work, found: DatabasePlan, refused: str) -> tuple[DatabasePlan, str]:
        """Remove what is obsolete of a database; `refused`: why the login was. Returns what came of both."""
        if not found.plan.removals:
            return found, refused
        why = refused or (found.plan.doubt if work.agreed is None else "")
        try:
            why = why or self._unseen(work, found.plan.successor)
        except LoginRefused as error:
            why = refused = self._refused(work, error)
        except PwsopsError as error:
            why = f"nothing is removed: {error}"
        if not why:
            stay = self._unrecorded(work, found)
            with self._catalogue.write() as connection:
                fresh, why = self._given_up(connection, work, found, stay)
            found = fresh or found
        if why:
            return replace(found, plan=found.plan.hindered(why)), refused
        if not found.plan.removals:
            return found, refused
        # What could not be deleted before was asked for again: what is told is what came of that.
        plan, refused = self._deleted(work, found.plan)
        done = replace(found, plan=plan, refused={})
        self._note_end(work, done)
        return done, refused

    def _note_end(self, work: _Work, done: DatabasePlan) -> None:
        """Write into the audit log what became of what was given up."""
        ends = list(done.plan.decisions)
        parts = [
            f"{counted(len(some), 'backup')} {words}: {_listed(some)}"
            for action, words in ((Action.REMOVE, "removed"), (Action.RETAINED, "retained"), (Action.GONE, "not there"))
            if (some := [one for one in ends if one.action is action])
        ]
        detail = f"{work.instance}/{done.database}: {'; '.join(parts)}"
        with suppress(PwsopsError), self._catalogue.write() as connection:  # it is in the catalogue all the same
            now, name = self._clock.now(), work.profile.name
            audit.append(connection, at=now, actor=work.actor, action="prune profile", subject=name, detail=detail)

    def _unseen(self, work: _Work, successor: Sequence[StoredSet]) -> str:
        """Return why what is kept in their place cannot be seen now; empty: all of it is there."""
        with self._catalogue.read() as connection:
            recorded = retention.recorded(connection, work.instance, _ids(successor))
        seen = work.engine().look_for(recorded)
        with self._catalogue.write() as connection:
            sightings.record(connection, work.instance, seen, now=self._clock.now())
        for one in successor:
            found = seen.get(one.set_id, Sighting(state=MediaState.UNKNOWN))
            if found.state is not MediaState.PRESENT:
                why = found.reason or "there was no time to look for it"
                return UNSEEN.format(path=successor[0].path, why=f"was not seen: {one.path}: {why}")
        return self._disproven(work, successor[0].path, recorded)

    def _disproven(self, work: _Work, newest: str, recorded: Sequence[BackupSet]) -> str:
        """Read again what was proven long ago; return why it does not hold, empty: all of it does."""
        instance, now = work.instance, self._clock.now()
        with self._catalogue.read() as connection:
            ids = [one.set_id for one in recorded]
            fresh = retention.proven_since(connection, instance, ids, now - PROOF_HOLDS, now=now)
        for one in recorded:
            if one.set_id in fresh:
                continue
            try:
                work.engine().verify(one, cancel=work.cancel)
            except MediaError as error:
                with self._catalogue.write() as connection:
                    sightings.disprove(connection, instance, one, error.message, now=now)
                return UNSEEN.format(path=newest, why=f"is bad: {error.message}")
            with self._catalogue.write() as connection:
                sightings.prove(connection, instance, [one], now=self._clock.now())
        return STOPPED if work.cancel.is_set() else ""

    def _unrecorded(self, work: _Work, found: DatabasePlan) -> dict[str, str]:
        """Return which backups cannot be deleted since nobody can read what is to be deleted, by `set_id`, and why."""
        ids = _ids(found.plan.removals)
        with self._catalogue.read() as connection:
            readable = {one.set_id for one in retention.recorded(connection, work.instance, ids)}
        return {set_id: UNRECORDED for set_id in ids if set_id not in readable}

    def _given_up(
        self, connection: Connection, work: _Work, seen: DatabasePlan, stay: Mapping[str, str]
    ) -> tuple[DatabasePlan | None, str]:
        """Judge once more, in the transaction that gives up what is to go; returns the plan, and why not."""
        now, instance, database = self._clock.now(), work.instance, seen.database
        profile = profiles.get(connection, work.profile.id)
        if profile.deleted_at is not None or profile.broken or profile.fields["instance"] != instance:
            return None, CHANGED
        fresh = next(iter(self._plans(connection, profile, database)), None)
        if fresh is None or _ids(fresh.plan.successor) != _ids(seen.plan.successor):
            return fresh, CHANGED
        if fresh.plan.hindrance:
            return fresh, fresh.plan.hindrance
        if reads := retention.in_use(connection, instance, database):
            return fresh, f"nothing of {database} is removed now: {reads}. Prune again after that"
        if any(map(self._going.goes_on, retention.owners(connection, instance, database))):
            return fresh, ELSEWHERE.format(database=database)
        agreed = set(_ids(seen.plan.removals)).intersection(*([work.agreed] if work.agreed is not None else []))
        not_agreed = {one.set_id: NOT_AGREED for one in fresh.plan.removals if one.set_id not in agreed}
        stay = {**not_agreed, **stay}
        fresh = replace(fresh, plan=fresh.plan.ended(stayed=stay))
        if going := fresh.plan.removals:
            retention.give_up(connection, instance, _ids(going), _why(profile), owner=work.owner, now=now)
            taken, name = size(sum(one.size_bytes for one in going)), profile.name
            detail = f"removes {counted(len(going), 'backup')} of {instance}/{database} ({taken}): {_why(profile)}"
            audit.append(connection, at=now, actor=work.actor, action="prune profile", subject=name, detail=detail)
        return fresh, ""

    def _deleted(self, work: _Work, plan: RetentionPlan) -> tuple[RetentionPlan, str]:
        """Delete what was given up, incrementals first; returns the plan as it came to be, and the login's refusal."""
        parts, ends, refused = list(_parts(plan.removals)), dict[str, End](), ""
        try:
            while parts and not work.cancel.is_set():
                stays = {one: end for one, end in ends.items() if end.is_there is not False}
                needed = {one.base_id: one.path for one in plan.removals if one.set_id in stays}
                ends |= self._part_deleted(work, parts[0], needed)
                del parts[0]
        except PwsopsError as error:
            # The files may be gone; what is not written down is looked at with the next prune.
            ends |= {one.set_id: End(None, str(error)) for one in parts.pop(0)}
            refused = self._refused(work, error) if isinstance(error, LoginRefused) else ""
        ends |= self._left(work, plan, [one.set_id for part in parts for one in part])
        ended = plan.ended(
            stayed={
                **plan.stayed,
                **{one: end.why for one, end in ends.items() if end.is_there},
                **{one: UNKNOWN_END.format(why=end.why) for one, end in ends.items() if end.is_there is None},
            },
            gone={one: end.why for one, end in ends.items() if end.is_there is False and not end.was_deleted},
            lost=[one for one, end in ends.items() if end.is_lost],
        )
        return ended, refused

    def _part_deleted(self, work: _Work, part: Sequence[StoredSet], needed: Mapping[str | None, str]) -> dict[str, End]:
        """Delete some, but those that one needs which stayed, and write down what became of each."""
        ends = {
            one.set_id: End(True, f"{needed[one.set_id]}, which needs it, is retained")
            for one in part
            if one.set_id in needed
        }
        with self._catalogue.read() as connection:
            asked = [one.set_id for one in part if one.set_id not in ends]
            going = retention.recorded(connection, work.instance, asked)
        ends |= delete_files(work.engine(), going)
        now, gone = self._clock.now(), [one for one, end in ends.items() if end.is_there is False]
        with self._catalogue.write() as connection:
            retention.gone(connection, work.instance, gone, owner=work.owner, now=now)
            stayed = {one: end.why for one, end in ends.items() if end.is_there}
            retention.retained(connection, work.instance, stayed, owner=work.owner, now=now)
            seen = {one: end.seen for one, end in ends.items() if end.seen is not None}
            sightings.record(connection, work.instance, seen, now=now)
        return ends

    def _left(self, work: _Work, plan: RetentionPlan, set_ids: Sequence[str]) -> dict[str, End]:
        """Give back what was not come to, and leave to the next prune of what nobody knows the end."""
        try:
            with self._catalogue.write() as connection:
                words = dict.fromkeys(set_ids, NOT_COME_TO)
                retention.retained(connection, work.instance, words, owner=work.owner, now=self._clock.now())
                retention.release(connection, work.instance, _ids(plan.removals), owner=work.owner)
        except PwsopsError as error:
            return dict.fromkeys(set_ids, End(None, str(error)))
        return dict.fromkeys(set_ids, End(True, NOT_COME_TO))


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
