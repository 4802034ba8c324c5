"""Whether a database is protected, and if not, why and since when: the one judgement that every face shows. Pure.

Protected needs all of: an active profile with a run to come, and a service that does it; a newest restorable point
whose whole chain was proven and seen lately, of an instant that has passed, not older than the schedule allows; a
database and an instance that can be asked. Each need that is not met is a finding with a cause of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

from pwsops.rules.expected import Expected, expected
from pwsops.rules.model import SKEW, BackupKind, MediaState, ProfileState, RunStatus
from pwsops.rules.protection import LOST, Cause, Condition, Facts, Finding, ProfileFacts, Protection, SetFacts, Verdict

SEEN_LATELY = timedelta(minutes=30)
"""A file, or a certificate of a server, counts as there for so long after it was seen. The service looks every five
minutes, an open page every minute: several looks have to fail before this is over, and nobody is told for longer than
this what is no more."""


_SEEN = {
    MediaState.MISSING: Cause.FILES_GONE,
    MediaState.OTHER: Cause.OTHER_SET,
    MediaState.DAMAGED: Cause.FILE_DAMAGED,
    MediaState.ELSEWHERE: Cause.ELSEWHERE,
    MediaState.UNKNOWN: Cause.PLACE_UNKNOWN,
}
_NOT_TO_RELY_ON = (Cause.CLOCK_IN_DOUBT, Cause.RECORD_UNREADABLE)
_TROUBLES = (Cause.PROFILE_BROKEN, Cause.PROFILE_TRIPPED, Cause.RUN_FAILED, Cause.RUN_MISSED)
"""What nobody chose for a profile: a further one that is inactive, or past its last day, is as somebody wanted it."""
_CONDITIONS = {
    Condition.GONE: Cause.DATABASE_GONE,
    Condition.OFFLINE: Cause.DATABASE_OFFLINE,
    Condition.UNREADABLE: Cause.DATABASE_UNREADABLE,
    Condition.REFUSES: Cause.DATABASE_REFUSES,
    Condition.UNSEEN: Cause.DATABASE_UNSEEN,
}


@dataclass(frozen=True, kw_only=True)
class _Point:
    """A backup that might be restored, and what stands against that."""

    set: SetFacts
    findings: Sequence[Finding]
    seen_at: datetime | None

    @property
    def protection(self) -> Protection:
        return _worst(self.findings)

    @property
    def restorable(self) -> bool:
        return not any(each.cause in LOST or each.cause in _NOT_TO_RELY_ON for each in self.findings)

    @property
    def newness(self) -> tuple[datetime, int]:
        return self.set.data_at, self.set.order


def judge(facts: Facts, now: datetime) -> Verdict:
    """Return the verdict on a database: of all ways in which it might be protected, the best counts."""
    points = [_point(each, facts.sets, now) for each in facts.sets]
    profiles: Sequence[ProfileFacts | None] = facts.profiles or [None]
    plans = [_Plan(profile=each, expected=_expected(each, now)) for each in profiles]
    chains: Sequence[_Point | None] = points or [None]
    ways = [_way(plan, point, now) for plan, point in product(plans, chains)]
    way = min(ways, key=lambda each: each.rank)
    against = [*_shared(facts), *way.findings]
    protection = _worst(against)
    newer = _newer_lost(points, way.point)
    if protection is not Protection.PROTECTED:
        against += {each.cause: each for each in reversed(newer)}.values()
    restorable = way.point is not None and way.point.protection is not Protection.UNPROTECTED
    point = way.point if restorable and way.point is not None and not way.point.set.unreadable else None
    return Verdict(
        instance=facts.instance,
        database=facts.database,
        protection=protection,
        covered=bool(facts.profiles),
        findings=tuple(_in_order(against)),
        notes=tuple(newer) if protection is Protection.PROTECTED else (),
        beside=tuple(_beside(facts.profiles)) if protection is Protection.PROTECTED else (),
        point=point.set if point else None,
        restorable=frozenset(each.set.set_id for each in points if each.restorable),
        checked_at=point.seen_at if point else None,
        profile=way.profile.name if way.profile else "",
    )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A profile, or none, and what its schedule lets expect by now; None where it is not in force."""

    profile: ProfileFacts | None
    expected: Expected | None


def _expected(profile: ProfileFacts | None, now: datetime) -> Expected | None:
    if profile is None or profile.recurrence is None or profile.state is not ProfileState.ACTIVE:
        return None
    return expected(profile.recurrence, now, usual_s=profile.usual_s)


@dataclass(frozen=True, kw_only=True)
class _Way:
    """One profile with one backup, and what stands against their protecting the database."""

    profile: ProfileFacts | None
    point: _Point | None
    findings: Sequence[Finding]

    @property
    def rank(self) -> tuple[int, int, float, int, bool]:
        """The best way is the least; of equal ones, that of an active profile has more to tell."""
        idle = self.profile is None or self.profile.state is not ProfileState.ACTIVE
        if self.point is None:
            return -_worst(self.findings).rank, 0, 0.0, 0, idle
        newness = (-self.point.set.data_at.timestamp(), -self.point.set.order)
        return -_worst(self.findings).rank, -self.point.protection.rank, *newness, idle


def _way(plan: _Plan, point: _Point | None, now: datetime) -> _Way:
    profile = plan.profile
    of_profile = [Finding(cause=Cause.NO_PROFILE)] if profile is None else list(_of_profile(profile))
    if point is None:
        since = None if profile is None else profile.amended_at
        return _Way(
            profile=profile, point=None, findings=(Finding(cause=Cause.NEVER_BACKED_UP, since=since), *of_profile)
        )
    if profile is not None and plan.expected is not None:
        of_profile += _of_age(profile, plan.expected, point.set, now)
    return _Way(profile=profile, point=point, findings=(*point.findings, *of_profile))


def _of_profile(profile: ProfileFacts) -> Iterator[Finding]:
    if profile.recurrence is None:
        yield Finding(cause=Cause.PROFILE_BROKEN, subject=profile.name, detail=profile.broken)
    elif profile.state is ProfileState.TRIPPED:
        yield Finding(
            cause=Cause.PROFILE_TRIPPED, since=profile.tripped_at, subject=profile.name, detail=profile.last_error
        )
    elif profile.state is ProfileState.INACTIVE:
        yield Finding(cause=Cause.PROFILE_INACTIVE, subject=profile.name)
    elif profile.next_due_at is None:
        yield Finding(cause=Cause.PROFILE_ENDED, subject=profile.name)
    elif profile.last_status is RunStatus.FAILED:
        yield Finding(cause=Cause.RUN_FAILED, since=profile.last_at, subject=profile.name, detail=profile.last_error)
    elif profile.last_status is RunStatus.MISSED:
        yield Finding(cause=Cause.RUN_MISSED, since=profile.last_at, subject=profile.name, detail=profile.last_error)


def _beside(profiles: Sequence[ProfileFacts]) -> list[Finding]:
    """Return what is wrong with profiles that do not protect a database; the one that does has no finding."""
    return [each for profile in profiles for each in _of_profile(profile) if each.cause in _TROUBLES]


def _of_age(profile: ProfileFacts, due: Expected, newest: SetFacts, now: datetime) -> Iterator[Finding]:
    if due.begins_at is not None and due.begins_at - newest.data_at > due.allowed:
        since = profile.amended_at
        yield Finding(cause=Cause.NOT_BEGUN, since=since, subject=profile.name, at=due.begins_at)
    # What was due by a schedule that came later was never to be run; then the age alone counts.
    elif due.due_at is not None and profile.amended_at < due.due_at and newest.data_at < due.due_at - SKEW:
        yield Finding(cause=Cause.OVERDUE, since=due.overdue_at, subject=profile.name)
    elif now - newest.data_at > due.allowed:
        yield Finding(cause=Cause.OVERDUE, since=newest.data_at + due.allowed, subject=profile.name)


def _shared(facts: Facts) -> Iterator[Finding]:
    """Yield what stands against any way."""
    if facts.access_owed_since is not None:
        yield Finding(cause=Cause.ACCESS_OWED, since=facts.access_owed_since, detail=facts.access_owed_why)
    if facts.damaged_since is not None:
        yield Finding(cause=Cause.DATABASE_DAMAGED, since=facts.damaged_since, detail=facts.damaged_why)
    if facts.condition in _CONDITIONS:
        yield Finding(cause=_CONDITIONS[facts.condition], since=facts.condition_since, detail=facts.condition_reason)
    if not facts.service_running:
        yield Finding(cause=Cause.SERVICE_STOPPED)
    if facts.unreached_since is not None:
        # What was known before stays known; only that nothing newer is.
        yield Finding(
            cause=Cause.INSTANCE_UNREACHED,
            since=facts.answered_at or facts.unreached_since,
            subject=facts.instance,
            detail=facts.unreached_why,
        )


def awaits_first(facts: Facts, now: datetime) -> bool:
    """Whether the first backup of a database is still to come: since its profiles were saved, none has been due."""
    active = [each for each in facts.profiles if each.state is not ProfileState.INACTIVE]
    return bool(active) and all(_is_new(each, now) for each in active)


def _is_new(profile: ProfileFacts, now: datetime) -> bool:
    due = _expected(profile, now)
    if due is None or profile.last_status in (RunStatus.FAILED, RunStatus.MISSED):
        return False
    return due.due_at is None or profile.amended_at >= due.due_at


def is_sound(newest: SetFacts, sets: Sequence[SetFacts], now: datetime) -> bool:
    """Whether nothing stands against a backup itself, with the full that it needs of `sets`."""
    return _point(newest, sets, now).protection is Protection.PROTECTED


def _point(newest: SetFacts, sets: Sequence[SetFacts], now: datetime) -> _Point:
    since = _lost_at(newest, sets)
    if newest.kind is BackupKind.FULL:
        return _Point(set=newest, findings=tuple(_of_set(newest, now, since)), seen_at=newest.seen_at)
    base = next((each for each in sets if each.kind is BackupKind.FULL and each.set_id == newest.base_id), None)
    findings = list(_of_set(newest, now, since))
    if not any(each.cause in LOST for each in findings):
        findings += _of_base(newest, base, now, since)  # what is lost itself needs no base any more
    seen = [each.seen_at if each else None for each in (newest, base)]
    return _Point(set=newest, findings=tuple(findings), seen_at=None if None in seen else min(filter(None, seen)))


def _lost_at(backup: SetFacts, sets: Sequence[SetFacts]) -> datetime | None:
    """Return since when the files of newer backups have not been there, or not to be looked at; None: they are.

    Whatever took those may have taken this one as well: that it was seen before says nothing any more.
    """
    there = (None, MediaState.PRESENT)
    newer = [each for each in sets if each.order > backup.order and each.seen_state not in there]
    known = [each.state_since for each in newer if each.state_since is not None]
    return None if backup.foreign else max(known, default=None)


def _of_base(newest: SetFacts, base: SetFacts | None, now: datetime, lost_at: datetime | None) -> Iterator[Finding]:
    if base is None:
        yield Finding(cause=Cause.BASE_MISSING, subject=newest.path)
        return
    if base.foreign:
        yield Finding(cause=Cause.FOREIGN_BASE, since=base.finished_at, subject=base.path)
    for each in _of_set(base, now, lost_at):
        if each.cause in LOST:
            yield Finding(
                cause=Cause.BASE_MISSING, since=each.since, subject=newest.path, detail=each.detail or base.path
            )
        else:
            yield each


def _of_set(backup: SetFacts, now: datetime, lost_at: datetime | None) -> Iterator[Finding]:
    """Yield what stands against restoring one set, its base aside; `lost_at`: when a newer one was found lost."""
    if backup.unreadable:
        yield Finding(
            cause=Cause.RECORD_UNREADABLE,
            since=backup.finished_at,
            subject=backup.path or backup.set_id,
            detail=backup.unreadable,
        )
    if backup.of_failed_item:
        yield Finding(cause=Cause.FAILED_ITEM, since=backup.finished_at, subject=backup.path)
    if backup.is_damaged:
        yield Finding(cause=Cause.SET_DAMAGED, since=backup.finished_at, subject=backup.path)
    if backup.disproven_at is not None:
        yield Finding(
            cause=Cause.DISPROVEN, since=backup.disproven_at, subject=backup.path, detail=backup.disproven_reason
        )
    if backup.missing_key:
        yield Finding(cause=Cause.KEY_MISSING, subject=backup.path, detail=backup.missing_key)
    if backup.key_seen_at is not None and not -SKEW <= now - backup.key_seen_at <= SEEN_LATELY:
        yield Finding(
            cause=Cause.KEY_NOT_LOOKED_AT, since=backup.key_seen_at, subject=backup.path, detail=backup.key_on_server
        )
    if max(backup.data_at, backup.finished_at) > now + SKEW:
        yield Finding(cause=Cause.CLOCK_IN_DOUBT, subject=backup.path, at=max(backup.data_at, backup.finished_at))
    if backup.proven_at is None and not backup.unreadable:
        yield Finding(cause=Cause.NOT_PROVEN, since=backup.finished_at, subject=backup.path)
    yield from _of_look(backup, now, lost_at)


def _of_look(backup: SetFacts, now: datetime, lost_at: datetime | None) -> Iterator[Finding]:
    if backup.seen_state in _SEEN:
        cause = _SEEN[backup.seen_state]
        if cause is Cause.FILES_GONE and backup.stripes > 1:
            cause = Cause.STRIPE_MISSING
        # What could not be looked at is known as of when it was seen last, not as of when nobody could look.
        since = backup.state_since if cause in LOST else backup.seen_at or backup.state_since
        yield Finding(cause=cause, since=since, subject=backup.path, detail=backup.seen_reason)
    elif backup.unreadable:
        return  # nobody can look for what is not known
    elif not _was_seen_lately(backup, now, lost_at):
        yield Finding(cause=Cause.NOT_LOOKED_AT, since=backup.seen_at or backup.finished_at, subject=backup.path)


def _was_seen_lately(backup: SetFacts, now: datetime, lost_at: datetime | None) -> bool:
    """Whether the last look found it, not long ago, and no newer one was found lost since."""
    if backup.seen_state is None or backup.seen_at is None or backup.seen_at < (lost_at or backup.seen_at):
        return False
    return -SKEW <= now - backup.seen_at <= SEEN_LATELY


def _newer_lost(points: Sequence[_Point], chosen: _Point | None) -> list[Finding]:
    """Return why newer backups than the chosen one do not count, the newest first.

    Where the chosen one is a record that cannot be read, nothing known can be restored: all that is lost is told.
    """
    if chosen is None:
        return []
    newer = [each for each in points if chosen.set.unreadable or each.newness > chosen.newness]
    newer.sort(key=lambda each: each.newness, reverse=True)
    causes = (*LOST, Cause.RECORD_UNREADABLE)
    lost = [each for each in newer if each.protection is Protection.UNPROTECTED or each.set.unreadable]
    return [finding for each in lost for finding in each.findings if finding.cause in causes]


def _worst(findings: Sequence[Finding]) -> Protection:
    return min((each.cause.protection for each in findings), key=lambda each: each.rank, default=Protection.PROTECTED)


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return each finding once, the worst first."""
    once = {(each.cause, each.subject): each for each in reversed(findings)}
    order = list(Cause)
    return sorted(once.values(), key=lambda each: (each.cause.protection.rank, order.index(each.cause)))
