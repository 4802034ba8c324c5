"""Moments that a database can be brought back to: the one record of all that judges, lists, plans or prunes them. Pure.

A restore point is a backup with the full that it needs, and what stands against restoring it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from pwsops.rules.model import LOST as LOST_STATES
from pwsops.rules.model import SKEW, BackupKind, MediaState
from pwsops.rules.protection import LOST, Cause, Finding, Protection, SetFacts

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
_UNKNOWN = (Cause.PLACE_UNKNOWN, Cause.ELSEWHERE, Cause.NOT_LOOKED_AT, Cause.KEY_NOT_LOOKED_AT)
"""With one of these nobody knows whether a backup can be restored now; trying tells."""


@dataclass(frozen=True, kw_only=True)
class RestorePoint:
    """A backup that might be restored, with the full that it needs, and what stands against that.

    `base` is None for a full, and where the full is not known. `seen_at`: when all its files were last seen; None:
    one never was.
    """

    set: SetFacts
    base: SetFacts | None
    findings: Sequence[Finding]
    seen_at: datetime | None

    @property
    def protection(self) -> Protection:
        """What a database is at best that rests on it."""
        return worst(self.findings)

    @property
    def restorable(self) -> bool:
        """Whether it may be relied on: nothing is known to keep it from being restored, nor its date from counting."""
        return not any(each.cause in LOST or each.cause in _NOT_TO_RELY_ON for each in self.findings)

    @property
    def can_be_restored(self) -> bool | None:
        """Whether it can be restored now, as far as can be told without reading it; None: nobody could look."""
        causes = {each.cause for each in self.findings}
        if causes & LOST or Cause.RECORD_UNREADABLE in causes:
            return False
        return None if causes.intersection(_UNKNOWN) else True

    @property
    def is_present(self) -> bool | None:
        """Whether all its files were seen where they were written; None: one could not be looked at."""
        states = [each.seen_state for each in self.chain]
        if any(state in LOST_STATES for state in states) or self.misses_base:
            return False
        return True if all(state is MediaState.PRESENT for state in states) else None

    @property
    def misses_base(self) -> bool:
        """Whether it needs a full of which there is no record."""
        return self.set.kind is not BackupKind.FULL and self.base is None

    @property
    def chain(self) -> Sequence[SetFacts]:
        """The sets that a restore applies, in order, as far as they are known."""
        return [self.set] if self.base is None else [self.base, self.set]

    @property
    def at(self) -> datetime:
        """The moment that it brings back: nothing in it is newer."""
        return self.set.finished_at

    @property
    def proven_at(self) -> datetime | None:
        """Since when all of it has been proven: the older of its proofs; None: one was never read as a whole."""
        proofs = [each.proven_at for each in self.chain]
        return None if None in proofs or self.misses_base else min(filter(None, proofs))

    @property
    def newness(self) -> tuple[datetime, int]:
        """What tells the newer of two for a verdict, which counts the age of the data."""
        return self.set.data_at, self.set.order


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The point for a moment; None: there is none. `passed`: newer ones, not after it, that cannot be restored."""

    point: RestorePoint | None
    passed: Sequence[RestorePoint] = ()


def protecting(sets: Sequence[SetFacts]) -> list[SetFacts]:
    """Return the sets that protect a database at all.

    A safety copy is taken of whatever there is, without a look at its structure, and shows nothing to be restorable.
    """
    return [each for each in sets if not each.is_safety_copy]


def restore_points(sets: Sequence[SetFacts], now: datetime) -> list[RestorePoint]:
    """Return the restore point of each set, in the same order. Takes time in proportion to their number."""
    bases: dict[str, SetFacts] = {}
    for each in sets:
        if _may_be_base(each):
            bases.setdefault(each.set_id, each)
    lost_since = _lost_since(sets)
    return [_point(each, bases, now, lost_since[each.order]) for each in sets]


def point_of(newest: SetFacts, sets: Sequence[SetFacts], now: datetime) -> RestorePoint:
    """Return the restore point of one set, whose full is among `sets`."""
    bases = {each.set_id: each for each in reversed(sets) if _may_be_base(each)}
    return _point(newest, bases, now, _lost_since([*sets, newest])[newest.order])


def newest_first(points: Sequence[RestorePoint]) -> list[RestorePoint]:
    """Return points in the order in which their runs were claimed, the last first: clocks may have been wrong.

    One of no run has its place behind the runs that were recorded before it.
    """
    latest = 0
    keyed = []
    for each in sorted(points, key=lambda each: each.set.order):
        latest = max(latest, each.set.run_id or 0)
        keyed.append(((each.set.run_id or latest, each.set.order), each))
    return [each for _, each in sorted(keyed, key=lambda one: one[0], reverse=True)]


def at_moment(points: Sequence[RestorePoint], moment: datetime) -> Choice:
    """Choose the newest point that is not after a moment, of those that are not known to be lost.

    One that nobody could look at is chosen: an older one in its place would lose data without need, and its restore
    says so where it is gone. A safety copy is never chosen: it holds what somebody wanted to get away from.
    """
    before = [each for each in points if each.at <= moment and not each.set.is_safety_copy]
    before.sort(key=lambda each: (each.at, each.set.order), reverse=True)
    for number, each in enumerate(before):
        if each.can_be_restored is not False:
            return Choice(point=each, passed=before[:number])
    return Choice(point=None, passed=before)


def why_not(point: RestorePoint) -> str:
    """Return what keeps a point from being restored, or from being known to be there; empty: nothing does."""
    reasons = [_words(each) for each in point.findings if each.cause in LOST or each.cause not in _HARMLESS]
    return "; ".join(dict.fromkeys(reasons))


_HARMLESS = (Cause.NOT_PROVEN, Cause.FOREIGN_BASE)
"""A restore proves what it reads, and a file of another tool that is there serves."""


def _words(finding: Finding) -> str:
    about = finding.detail if finding.subject in finding.detail else f"{finding.subject}: {finding.detail}"
    about = about if finding.detail else finding.subject
    if finding.cause is Cause.BASE_MISSING and not finding.detail:
        return f"the full that {finding.subject} needs is not known here"
    if finding.cause is Cause.CLOCK_IN_DOUBT:
        return "it is dated after now: a clock was, or is, wrong"
    return f"{finding.cause.value} ({about})" if about else finding.cause.value


def worst(findings: Sequence[Finding]) -> Protection:
    """Return what a database is at best while all of these hold."""
    return min((each.cause.protection for each in findings), key=lambda each: each.rank, default=Protection.PROTECTED)


def _point(newest: SetFacts, bases: Mapping[str, SetFacts], now: datetime, lost_since: datetime | None) -> RestorePoint:
    since = None if newest.foreign else lost_since
    findings = list(_of_set(newest, now, since))
    if newest.kind is BackupKind.FULL:
        return RestorePoint(set=newest, base=None, findings=tuple(findings), seen_at=newest.seen_at)
    base = bases.get(newest.base_id or "")
    if not any(each.cause in LOST for each in findings):
        findings += _of_base(newest, base, now, since)  # what is lost itself needs no base any more
    seen = [each.seen_at if each else None for each in (newest, base)]
    seen_at = None if None in seen else min(filter(None, seen))
    return RestorePoint(set=newest, base=base, findings=tuple(findings), seen_at=seen_at)


def _may_be_base(one: SetFacts) -> bool:
    return one.kind is BackupKind.FULL and not one.is_safety_copy


def _lost_since(sets: Sequence[SetFacts]) -> dict[int, datetime | None]:
    """Return by order since when files of newer backups have not been there, or not to be looked at; None: they are.

    Whatever took those may have taken an older one as well: that it was seen before says nothing any more.
    """
    there = (None, MediaState.PRESENT)
    found: dict[int, datetime | None] = {}
    latest: datetime | None = None
    for order, same in groupby(sorted(sets, key=lambda each: each.order, reverse=True), key=lambda each: each.order):
        found[order] = latest
        lost = [each.state_since for each in same if each.seen_state not in there and each.state_since is not None]
        latest = max([*lost, *filter(None, [latest])], default=None)
    return found


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


def _of_set(one: SetFacts, now: datetime, lost_at: datetime | None) -> Iterator[Finding]:
    """Yield what stands against restoring one set, its base aside; `lost_at`: when a newer one was found lost."""
    if one.unreadable:
        yield Finding(
            cause=Cause.RECORD_UNREADABLE, since=one.finished_at, subject=one.path or one.set_id, detail=one.unreadable
        )
    if one.of_failed_item:
        yield Finding(cause=Cause.FAILED_ITEM, since=one.finished_at, subject=one.path)
    if one.is_damaged:
        yield Finding(cause=Cause.SET_DAMAGED, since=one.finished_at, subject=one.path)
    if one.disproven_at is not None:
        yield Finding(cause=Cause.DISPROVEN, since=one.disproven_at, subject=one.path, detail=one.disproven_reason)
    if one.missing_key:
        yield Finding(cause=Cause.KEY_MISSING, subject=one.path, detail=one.missing_key)
    if one.key_seen_at is not None and not -SKEW <= now - one.key_seen_at <= SEEN_LATELY:
        yield Finding(cause=Cause.KEY_NOT_LOOKED_AT, since=one.key_seen_at, subject=one.path, detail=one.key_on_server)
    if max(one.data_at, one.finished_at) > now + SKEW:
        yield Finding(cause=Cause.CLOCK_IN_DOUBT, subject=one.path, at=max(one.data_at, one.finished_at))
    if one.proven_at is None and not one.unreadable:
        yield Finding(cause=Cause.NOT_PROVEN, since=one.finished_at, subject=one.path)
    yield from _of_look(one, now, lost_at)


def _of_look(one: SetFacts, now: datetime, lost_at: datetime | None) -> Iterator[Finding]:
    if one.seen_state in _SEEN:
        cause = _SEEN[one.seen_state]
        if cause is Cause.FILES_GONE and one.stripes > 1:
            cause = Cause.STRIPE_MISSING
        # What could not be looked at is known as of when it was seen last, not as of when nobody could look.
        since = one.state_since if cause in LOST else one.seen_at or one.state_since
        yield Finding(cause=cause, since=since, subject=one.path, detail=one.seen_reason)
    elif one.unreadable:
        return  # nobody can look for what is not known
    elif not _was_seen_lately(one, now, lost_at):
        yield Finding(cause=Cause.NOT_LOOKED_AT, since=one.seen_at or one.finished_at, subject=one.path)


def _was_seen_lately(one: SetFacts, now: datetime, lost_at: datetime | None) -> bool:
    """Whether the last look found it, not long ago, and no newer one was found lost since."""
    if one.seen_state is None or one.seen_at is None or one.seen_at < (lost_at or one.seen_at):
        return False
    return -SKEW <= now - one.seen_at <= SEEN_LATELY
