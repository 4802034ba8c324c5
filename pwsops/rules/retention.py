"""Which backups of a database its policy keeps, and why each: the rules of restic and borg, and what backups stand on.

A restore point is a backup whose whole chain (an incremental and its full) can be restored. A backup is obsolete when
no restore point that is kept needs it. Pure; what is done about it, and in which order, is `pwsops.runs.pruning`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain, pairwise
from operator import attrgetter
from typing import NamedTuple

from pwsops.rules.keep_rules import by_rules
from pwsops.rules.model import SKEW, BackupKind
from pwsops.rules.replacing import Order, Restored, is_written_over
from pwsops.rules.span import Span

NO_POLICY = "there is no policy: everything is kept"
OBSOLETE = "no rule keeps it, and nothing that is kept needs it"
_OBSOLETE = (OBSOLETE,)
IN_DOUBT = "it is dated in the future, so that a clock was wrong"
NEWEST_PROVEN = "it is the newest backup that is proven"
UNPROVEN = (
    "nothing is removed: the newest backup that is kept, {path}, {why}. Take a new backup, or verify that one, and "
    "prune again"
)
WRITTEN_OVER = "it is the newest proven backup of what a restore has written over"
_JUMP = timedelta(days=30)
_OFTEN = 3
_FEW = 10
_SHORT = timedelta(days=7)
JUMPED = (
    "after a run nothing is removed for now: {path} is dated {days} days after the one before it, far more than others "
    "lie apart, so that a clock may be wrong. If it is right, remove by hand what is to go"
)

COUNTS = ("last", "daily", "weekly", "monthly", "yearly")
"""The rules that keep a number of backups."""
MOST_KEPT = 100_000
"""A rule keeps so many at most."""


class Action(StrEnum):
    """What becomes of a backup. `RETAINED`: it is to go, and stays for now. `GONE`: it was not there any more."""

    KEEP = "keep"
    REMOVE = "remove"
    RETAINED = "retained"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is kept of a profile's backups of one database; 0 and None: that rule keeps none.

    Parameters
    ----------
    within
        All that are not older than that, counted from the newest one and not from now: where no backup is taken any
        more, none gets too old.
    last, daily, weekly, monthly, yearly
        So many of the last ones; the newest of so many days (weeks, months, years) that have one.
    timezone
        Whose days, weeks (from Monday), months and years these are; IANA name.
    proven
        So many of the newest proven chains are kept whatever the rules say.
    """

    within: Span | None = None
    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    timezone: str = "UTC"
    proven: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether it has no rule: then everything is kept."""
        return self.within is None and not any(getattr(self, name) for name in COUNTS)

    def __str__(self) -> str:
        """Return its rules as the command line takes them."""
        counts = [f"keep-{name} {count}" for name in COUNTS if (count := getattr(self, name))]
        return ", ".join([*([f"keep-within {self.within}"] if self.within else []), *counts]) or "no rule"


_RUN_AT, _ROWS = 32, 2**32 - 1


class StoredSet(NamedTuple):
    """A backup, as far as it matters here. A tuple, since a hundred thousand of them are judged at once.

    Parameters
    ----------
    order
        Its place in the order in which they were taken, which no clock has a part in: the number of its run, times
        2**32, and that of its row; see `Order`.
    is_proven
        Whether it was read as a whole and found good, and nothing was found against it since.
    why_lost
        Why nothing can be restored from it, in words that follow its name; empty: as far as known, it can be.
    """

    set_id: str
    path: str
    finished_at: datetime
    order: int
    base_id: str | None = None
    size_bytes: int = 0
    is_proven: bool = True
    why_lost: str = ""
    kind: BackupKind = BackupKind.FULL


class Hold(NamedTuple):
    """Somebody's word that a backup, and what it stands on, stays; until an instant, or until it is taken back."""

    set_id: str
    reason: str
    until: datetime | None = None


class Decision(NamedTuple):
    """What becomes of a backup, and all that speaks for it."""

    backup: StoredSet
    action: Action
    reasons: Sequence[str]

    @property
    def reason(self) -> str:
        """The reasons as one text."""
        return "; ".join(self.reasons)


@dataclass(frozen=True, kw_only=True)
class RetentionPlan:
    """What becomes of a profile's backups of one database.

    Parameters
    ----------
    newest_first
        All of them, the one taken last first.
    reasons
        What keeps those that are kept, by `set_id`.
    restorable
        The `set_id` of those that can be restored as far as anybody knows.
    successor
        The newest backup that is kept and what it stands on: it must be seen before anything goes.
    hindrance
        Why nothing may go although something is obsolete; empty: it may.
    doubt
        Why nothing goes unless somebody has looked at what goes; empty: it may.
    stayed, gone
        Why some that were to go stayed, or were not there any more, by `set_id`.
    lost
        The `set_id` of those that stayed and are bad, or of which nobody knows whether they are there.
    """

    newest_first: Sequence[StoredSet]
    reasons: Mapping[str, Sequence[str]]
    restorable: frozenset[str] = frozenset()
    successor: Sequence[StoredSet] = ()
    hindrance: str = ""
    doubt: str = ""
    stayed: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()

    @property
    def decisions(self) -> Iterator[Decision]:
        """Yield what becomes of each, the newest first: a hundred thousand are not kept twice."""
        for one in self.newest_first:
            if one.set_id in self.reasons:
                yield Decision(one, Action.KEEP, self.reasons[one.set_id])
            elif one.set_id in self.gone:
                yield Decision(one, Action.GONE, [self.gone[one.set_id]])
            elif why := self.stayed.get(one.set_id, self.hindrance):
                yield Decision(one, Action.RETAINED, [why])
            else:
                yield Decision(one, Action.REMOVE, _OBSOLETE)

    @property
    def points(self) -> Sequence[StoredSet]:
        """Return what can be restored once all of that is done, the newest first."""
        remaining = (one.backup for one in self.decisions if one.action in (Action.KEEP, Action.RETAINED))
        there = self.restorable - self.lost
        return [one for one in remaining if one.set_id in there]

    @property
    def removals(self) -> Sequence[StoredSet]:
        """Return what is to go, incrementals before the fulls they need."""
        found = [one.backup for one in self.decisions if one.action is Action.REMOVE]
        return sorted(found, key=lambda one: one.base_id is None)

    def hindered(self, why: str) -> RetentionPlan:
        """Return the plan with all that was to go retained, for this reason."""
        return replace(self, hindrance=why)

    def ended(
        self, *, stayed: Mapping[str, str], gone: Mapping[str, str] | None = None, lost: Collection[str] = ()
    ) -> RetentionPlan:
        """Return the plan with what became of some that were to go; see the parameters of those names."""
        return replace(self, stayed=stayed, gone=gone or {}, lost=frozenset(lost))


def plan_retention(
    own: Sequence[StoredSet],
    policy: Policy,
    *,
    now: datetime,
    others: Sequence[StoredSet] = (),
    holds: Collection[Hold] = (),
    restored: Sequence[Restored] = (),
    sources: Mapping[str, Order] | None = None,
) -> RetentionPlan:
    """Decide what becomes of a profile's backups of one database.

    Parameters
    ----------
    own
        The backups that the policy is for.
    now
        What the time is: a backup that is dated later is kept, and takes nobody's place.
    others
        All other backups of the database that are known. They may need one of `own`, or be what one stands on.
    holds
        What somebody wants to keep; those that are over count for nothing.
    restored
        Restores into the database. The newest proven one of what each wrote over is the last that holds that.
    sources
        When the sets that were restored were taken, by `set_id`.
    """
    database = _Database(own, others)
    latest = now + SKEW
    dated = [one for one in database.newest_first if one.finished_at <= latest]
    reasons: dict[str, list[str]] = {}
    for set_id, reason in chain(
        _by_policy(database, dated, policy),
        ((one.set_id, IN_DOUBT) for one in own if one.finished_at > latest),
        ((one.set_id, _held(one)) for one in holds if one.until is None or one.until > now),
        *(
            ((one.set_id, WRITTEN_OVER) for one in database.last_before(dated, each, (sources or {}).get(each.set_id)))
            for each in restored
        ),
        ((one.base_id, f"{one.path} of another profile needs it") for one in others if one.base_id is not None),
    ):
        if set_id in database.own:
            reasons.setdefault(set_id, []).append(reason)
    database.add_what_is_needed(reasons)
    return _plan(database, reasons, dated)


class _Database:
    """The backups of one database, and what each stands on."""

    def __init__(self, own: Sequence[StoredSet], others: Sequence[StoredSet]) -> None:
        self.own = {one.set_id: one for one in own}
        self._known = {one.set_id: one for one in others} | self.own
        self.newest_first = sorted(own, key=attrgetter("order"), reverse=True)
        """As they were taken, which no clock can spoil."""
        self.restorable = frozenset(one.set_id for one in own if self._is_restorable(one))
        self._paths_of_others = {one.path for one in others}

    def chain(self, one: StoredSet) -> list[StoredSet] | None:
        """Return a backup with what it stands on, itself first; None where part of that is not known."""
        found = [one]
        while (base_id := found[-1].base_id) is not None:
            base = self._known.get(base_id)
            if base is None or base in found:
                return None
            found.append(base)
        return found

    def _is_restorable(self, one: StoredSet) -> bool:
        if one.base_id is None:
            return not one.why_lost
        found = self.chain(one)
        return found is not None and not any(each.why_lost for each in found)

    def is_proven(self, one: StoredSet) -> bool:
        return one.set_id in self.restorable and all(each.is_proven for each in self.chain(one) or ())

    def newest_proven(self, newest_first: Sequence[StoredSet], count: int) -> Iterator[StoredSet]:
        """Yield the newest proven backup of each of so many chains, the chain used last first."""
        roots: set[str] = set()
        for one in newest_first:
            if len(roots) >= count:
                return
            found = self.chain(one)
            if found is not None and found[-1].set_id not in roots and self.is_proven(one):
                roots.add(found[-1].set_id)
                yield one

    def last_before(
        self, newest_first: Sequence[StoredSet], restore: Restored, source: Order | None
    ) -> Iterator[StoredSet]:
        """Yield the newest proven backup of what a restore wrote over.

        Of those of which it is not clear whether they were taken before it, the newest proven one as well.
        """
        run, row = restore.began
        # They may be a hundred thousand: what the order alone tells is asked first.
        before = (one for one in newest_first if one.order >> _RUN_AT <= run and one.order & _ROWS <= row)
        unclear = (one for one in newest_first if (one.order >> _RUN_AT <= run) != (one.order & _ROWS <= row))
        for line in (before, unclear):
            for one in line:
                taken = Order(one.order >> _RUN_AT, one.order & _ROWS)
                if is_written_over(restore, taken, one.finished_at, source) is not False and self.is_proven(one):
                    yield one
                    break

    def add_what_is_needed(self, reasons: dict[str, list[str]]) -> None:
        """Add what the kept backups stand on, and what lies in one file with them."""
        noted: set[str] = set()
        for one in [one for one in self.newest_first if one.set_id in reasons]:
            for base in (self.chain(one) or [one])[1:]:
                if base.set_id in self.own and base.set_id not in noted:
                    noted.add(base.set_id)
                    reasons.setdefault(base.set_id, []).append(f"{one.path}, which is kept, needs it")
        paths = {self.own[set_id].path for set_id in reasons} | self._paths_of_others
        for one in self.newest_first:
            if one.set_id not in reasons and one.path in paths:
                reasons[one.set_id] = ["its file holds another backup that is kept"]


def _by_policy(database: _Database, dated: Sequence[StoredSet], policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield what the rules keep of these (the one taken last first), with the reason; some several times.

    What cannot be restored takes no other's place. It is kept as long as it would be if it could: a disk that is away
    may come back.
    """
    if policy.is_empty:
        yield from ((one.set_id, NO_POLICY) for one in dated)
        return
    sound = [one for one in dated if one.set_id in database.restorable]
    yield from by_rules(sound, policy)
    if len(sound) < len(dated):
        good = {one.set_id for one in sound}
        yield from (each for each in by_rules(dated, policy) if each[0] not in good)
    yield from ((one.set_id, NEWEST_PROVEN) for one in database.newest_proven(dated, policy.proven))


def _held(hold: Hold) -> str:
    end = "" if hold.until is None else f" until {hold.until:%Y-%m-%d %H:%M} UTC"
    return f"it is held{end}: {hold.reason}"


def _plan(database: _Database, reasons: Mapping[str, Sequence[str]], dated: Sequence[StoredSet]) -> RetentionPlan:
    newest = next((one for one in dated if one.set_id in reasons), None)
    obsolete = len(reasons) < len(database.newest_first)
    return RetentionPlan(
        newest_first=database.newest_first,
        reasons=reasons,
        restorable=database.restorable,
        successor=(database.chain(newest) or ()) if newest is not None else (),
        hindrance=_hindrance(database, newest) if obsolete and newest is not None else "",
        doubt=_jump(dated) if obsolete else "",
    )


def _jump(dated: Sequence[StoredSet]) -> str:
    """Return why the newest dates are doubtful; empty: they are not.

    A clock that jumped makes all that lies before it old at once. That is doubted until some backups and some days have
    followed: by then somebody has seen it, or it was a pause.
    """
    newest_first = sorted(dated, key=attrgetter("finished_at"), reverse=True)
    for number, (later, earlier) in enumerate(pairwise(newest_first)):
        if number >= _FEW and newest_first[0].finished_at - later.finished_at >= _SHORT:
            return ""
        gap = later.finished_at - earlier.finished_at
        if gap >= _JUMP and gap >= _OFTEN * _usual(newest_first[number + 1 :][: _OFTEN + 1], gap):
            return JUMPED.format(path=later.path, days=gap.days)
    return ""


def _usual(newest_first: Sequence[StoredSet], otherwise: timedelta) -> timedelta:
    """Return the longest time between some backups."""
    return max(
        (later.finished_at - earlier.finished_at for later, earlier in pairwise(newest_first)), default=otherwise
    )


def _hindrance(database: _Database, newest: StoredSet) -> str:
    found = database.chain(newest)
    if found is None:
        return UNPROVEN.format(path=newest.path, why="needs a full that is not known here")
    for one in found:
        if one.why_lost or not one.is_proven:
            needs = "" if one is newest else f"needs {one.path}, which "
            return UNPROVEN.format(path=newest.path, why=f"{needs}{one.why_lost or 'was not proven'}")
    return ""
