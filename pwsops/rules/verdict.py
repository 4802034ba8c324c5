"""Whether a database is protected, and if not, why and since when: the one judgement that every face shows. Pure.

Protected needs all of: an active profile with a run to come, and a service that does it; a newest restorable point
whose whole chain was proven and seen lately, of an instant that has passed, not older than the schedule allows; a
database and an instance that can be asked. Each need that is not met is a finding with a cause of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from pwsops.rules.expected import Expected, expected
from pwsops.rules.model import SKEW, ProfileState, RunStatus
from pwsops.rules.protection import LOST, Cause, Condition, Facts, Finding, ProfileFacts, Protection, SetFacts, Verdict
from pwsops.rules.restore_points import SEEN_LATELY as SEEN_LATELY
from pwsops.rules.restore_points import RestorePoint, point_of, protecting, restore_points, worst

_TROUBLES = (Cause.PROFILE_BROKEN, Cause.PROFILE_TRIPPED, Cause.RUN_FAILED, Cause.RUN_MISSED)
"""What nobody chose for a profile: a further one that is inactive, or past its last day, is as somebody wanted it."""
_CONDITIONS = {
    Condition.GONE: Cause.DATABASE_GONE,
    Condition.OFFLINE: Cause.DATABASE_OFFLINE,
    Condition.UNREADABLE: Cause.DATABASE_UNREADABLE,
    Condition.REFUSES: Cause.DATABASE_REFUSES,
    Condition.UNSEEN: Cause.DATABASE_UNSEEN,
}


def judge(facts: Facts, now: datetime) -> Verdict:
    """Return the verdict on a database: of all ways in which it might be protected, the best counts."""
    points = restore_points(protecting(facts.sets), now)
    profiles: Sequence[ProfileFacts | None] = facts.profiles or [None]
    plans = [_Plan(profile=each, expected=_expected(each, now)) for each in profiles]
    chains: Sequence[RestorePoint | None] = points or [None]
    ways = [_way(plan, point, now) for plan, point in product(plans, chains)]
    way = min(ways, key=lambda each: each.rank)
    against = [*_shared(facts), *way.findings]
    protection = worst(against)
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
    point: RestorePoint | None
    findings: Sequence[Finding]

    @property
    def rank(self) -> tuple[int, int, float, int, bool]:
        """The best way is the least; of equal ones, that of an active profile has more to tell."""
        idle = self.profile is None or self.profile.state is not ProfileState.ACTIVE
        if self.point is None:
            return -worst(self.findings).rank, 0, 0.0, 0, idle
        newness = (-self.point.set.data_at.timestamp(), -self.point.set.order)
        return -worst(self.findings).rank, -self.point.protection.rank, *newness, idle


def _way(plan: _Plan, point: RestorePoint | None, now: datetime) -> _Way:
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
    return point_of(newest, sets, now).protection is Protection.PROTECTED


def _newer_lost(points: Sequence[RestorePoint], chosen: RestorePoint | None) -> list[Finding]:
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


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return each finding once, the worst first."""
    once = {(each.cause, each.subject): each for each in reversed(findings)}
    order = list(Cause)
    return sorted(once.values(), key=lambda each: (each.cause.protection.rank, order.index(each.cause)))
