"""Which backups of a database its policy keeps, and why each: the rules of restic and borg, and what backups stand on.

A restore point is a backup whose whole chain (an incremental and its full) can be restored. A backup is obsolete when
no restore point that is kept needs it. Pure; what is done about it, and in which order, is `pwsops.runs.pruning`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pwsops.rules.chain import is_ahead
from pwsops.rules.replacing import Order
from pwsops.rules.span import Span

NO_POLICY = "there is no policy: everything is kept"
OBSOLETE = "no rule keeps it, and nothing that is kept needs it"
IN_DOUBT = "it is dated in the future, so that a clock was wrong"
NEWEST_PROVEN = "it is the newest backup that is proven"
UNPROVEN = (
    "nothing is removed: the newest backup that is kept, {path}, {why}. Take a new backup, or verify that one, and "
    "prune again"
)
NOTHING_KEPT = "nothing is removed: no backup would remain. Take a new backup, and prune again"

COUNTS = ("last", "daily", "weekly", "monthly", "yearly")
"""The rules that keep a number of backups."""
MOST_KEPT = 100_000
"""A rule keeps so many at most."""


class Action(StrEnum):
    """What becomes of a backup. `RETAINED`: it is to go, and stays for now."""

    KEEP = "keep"
    REMOVE = "remove"
    RETAINED = "retained"


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


class StoredSet(NamedTuple):
    """A backup, as far as it matters here. A tuple, since a hundred thousand of them are judged at once.

    Parameters
    ----------
    order
        When it was taken, as the catalogue counts.
    is_proven
        Whether it was read as a whole and found good, and nothing was found against it since.
    why_lost
        Why nothing can be restored from it, in words that follow its name; empty: as far as known, it can be.
    """

    set_id: str
    path: str
    finished_at: datetime
    order: Order
    base_id: str | None = None
    size_bytes: int = 0
    is_proven: bool = True
    why_lost: str = ""


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
    decisions
        One for each backup, the newest first.
    restorable
        The `set_id` of those that can be restored as far as anybody knows.
    successor
        The newest backup that is kept and what it stands on: it must be seen before anything goes.
    hindrance
        Why nothing may go although something is obsolete; empty: it may.
    """

    decisions: Sequence[Decision]
    restorable: frozenset[str] = frozenset()
    successor: Sequence[StoredSet] = ()
    hindrance: str = ""

    @property
    def points(self) -> Sequence[StoredSet]:
        """Return what can be restored once all of that is done, the newest first."""
        remaining = (one.backup for one in self.decisions if one.action is not Action.REMOVE)
        return [one for one in remaining if one.set_id in self.restorable]

    @property
    def removals(self) -> Sequence[StoredSet]:
        """Return what is to go, incrementals before the fulls they need."""
        found = [one.backup for one in self.decisions if one.action is Action.REMOVE]
        return sorted(found, key=lambda one: one.base_id is None)

    def hindered(self, why: str) -> RetentionPlan:
        """Return the plan with all that was to go retained, for this reason."""
        return replace(self.retaining({one.set_id: why for one in self.removals}), hindrance=why)

    def retaining(self, stayed: Mapping[str, str]) -> RetentionPlan:
        """Return the plan with these backups (`set_id` and why) retained."""
        decisions = [
            Decision(one.backup, Action.RETAINED, [stayed[one.backup.set_id]]) if one.backup.set_id in stayed else one
            for one in self.decisions
        ]
        return replace(self, decisions=decisions)


def plan_retention(
    own: Sequence[StoredSet],
    policy: Policy,
    *,
    now: datetime,
    others: Sequence[StoredSet] = (),
    holds: Collection[Hold] = (),
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
    """
    database = _Database(own, others)
    dated = [one for one in own if not is_ahead(one.finished_at, now)]
    reasons: dict[str, list[str]] = {}
    for set_id, reason in chain(
        _by_policy(database, dated, policy),
        ((one.set_id, IN_DOUBT) for one in own if is_ahead(one.finished_at, now)),
        ((one.set_id, _held(one)) for one in holds if one.until is None or one.until > now),
        ((one.base_id, f"{one.path} of another profile needs it") for one in others if one.base_id is not None),
    ):
        if set_id in database.own:
            reasons.setdefault(set_id, []).append(reason)
    database.add_what_is_needed(reasons)
    return _plan(database, reasons, [one for one in dated if one.set_id in reasons])


class _Database:
    """The backups of one database, and what each stands on."""

    def __init__(self, own: Sequence[StoredSet], others: Sequence[StoredSet]) -> None:
        self.own = {one.set_id: one for one in own}
        self._known = {one.set_id: one for one in others} | self.own
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

    def is_restorable(self, one: StoredSet) -> bool:
        if one.base_id is None:
            return not one.why_lost
        found = self.chain(one)
        return found is not None and not any(each.why_lost for each in found)

    def is_proven(self, one: StoredSet) -> bool:
        return self.is_restorable(one) and all(each.is_proven for each in self.chain(one) or ())

    def newest_proven(self, dated: Sequence[StoredSet], count: int) -> Iterator[StoredSet]:
        """Yield the newest proven backup of each of so many chains, the chain used last first."""
        roots: set[str] = set()
        for one in sorted(dated, key=lambda one: one.order, reverse=True):
            if len(roots) >= count:
                return
            found = self.chain(one)
            if found is not None and found[-1].set_id not in roots and self.is_proven(one):
                roots.add(found[-1].set_id)
                yield one

    def add_what_is_needed(self, reasons: dict[str, list[str]]) -> None:
        """Add what the kept backups stand on, and what lies in one file with them."""
        kept = sorted((self.own[set_id] for set_id in reasons), key=lambda one: one.order, reverse=True)
        told: set[str] = set()
        for one in kept:
            for base in (self.chain(one) or [one])[1:]:
                if base.set_id in self.own and base.set_id not in told:
                    told.add(base.set_id)
                    reasons.setdefault(base.set_id, []).append(f"{one.path}, which is kept, needs it")
        paths = {self.own[set_id].path for set_id in reasons} | self._paths_of_others
        for one in self.own.values():
            if one.set_id not in reasons and one.path in paths:
                reasons[one.set_id] = ["its file holds another backup that is kept"]


def _by_policy(database: _Database, dated: Sequence[StoredSet], policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield what the rules keep, with the reason; some several times.

    What cannot be restored takes no other's place. It is kept as long as it would be if it could: a disk that is away
    may come back.
    """
    if policy.is_empty:
        yield from ((one.set_id, NO_POLICY) for one in dated)
        return
    sound = [one for one in dated if database.is_restorable(one)]
    yield from _by_rules(sound, policy)
    if len(sound) < len(dated):
        good = {one.set_id for one in sound}
        yield from (each for each in _by_rules(dated, policy) if each[0] not in good)
    yield from ((one.set_id, NEWEST_PROVEN) for one in database.newest_proven(dated, policy.proven))


def _by_rules(sets: Sequence[StoredSet], policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield what each rule keeps, in the way of restic's `forget`."""
    if not sets:
        return
    newest_first = sorted(sets, key=lambda one: (one.finished_at, one.order), reverse=True)
    zone = ZoneInfo(policy.timezone)
    if policy.within is not None:
        end = policy.within.before(newest_first[0].finished_at, zone)
        yield from ((one.set_id, f"keep-within {policy.within}") for one in newest_first if one.finished_at > end)
    # The last are told by the order in which they were taken, which no clock can spoil.
    last = sorted(sets, key=lambda one: one.order, reverse=True)[: policy.last]
    yield from ((one.set_id, f"keep-last {policy.last}") for one in last)
    counts = (policy.daily, policy.weekly, policy.monthly, policy.yearly)
    if any(counts):
        local = [one.finished_at.astimezone(zone) for one in newest_first]
        for rule, count in zip(_PERIODS, counts, strict=True):
            yield from _by_period(newest_first, local, rule, count)


class _Period(NamedTuple):
    """A rule that keeps the newest of each of so many periods: its name, how one is told from others, and written."""

    name: str
    number: Callable[[datetime], int]
    form: str


_PERIODS = (
    _Period("keep-daily", lambda local: local.toordinal(), "%Y-%m-%d"),
    _Period("keep-weekly", lambda local: (local.toordinal() - 1) // 7, "%G-W%V"),
    _Period("keep-monthly", lambda local: local.year * 12 + local.month, "%Y-%m"),
    _Period("keep-yearly", lambda local: local.year, "%Y"),
)


def _by_period(
    newest_first: Sequence[StoredSet], local: Sequence[datetime], rule: _Period, count: int
) -> Iterator[tuple[str, str]]:
    """Yield the newest of so many periods; where there are fewer, the oldest of all as well."""
    left, period, is_kept = count, -1, False
    for one, at in zip(newest_first, local, strict=True):
        if not left:
            return
        is_kept = (number := rule.number(at)) != period
        if is_kept:
            yield one.set_id, f"{rule.name} {count} ({at.strftime(rule.form)})"
            left, period = left - 1, number
    if left and not is_kept:
        yield newest_first[-1].set_id, f"{rule.name} {count} (the oldest)"


def _held(hold: Hold) -> str:
    end = "" if hold.until is None else f" until {hold.until:%Y-%m-%d %H:%M} UTC"
    return f"it is held{end}: {hold.reason}"


def _plan(database: _Database, reasons: Mapping[str, Sequence[str]], kept: Sequence[StoredSet]) -> RetentionPlan:
    newest_first = sorted(database.own.values(), key=lambda one: one.order, reverse=True)
    obsolete = len(reasons) < len(newest_first)
    newest = max(kept, key=lambda one: one.order, default=None)
    hindrance = _hindrance(database, newest) if obsolete else ""
    gone, why = (Action.RETAINED, [hindrance]) if hindrance else (Action.REMOVE, [OBSOLETE])
    decisions = [
        Decision(one, Action.KEEP, reasons[one.set_id]) if one.set_id in reasons else Decision(one, gone, why)
        for one in newest_first
    ]
    return RetentionPlan(
        decisions=decisions,
        restorable=frozenset(one.set_id for one in newest_first if database.is_restorable(one)),
        successor=(database.chain(newest) or ()) if newest is not None else (),
        hindrance=hindrance,
    )


def _hindrance(database: _Database, newest: StoredSet | None) -> str:
    if newest is None:
        return NOTHING_KEPT
    found = database.chain(newest)
    if found is None:
        return UNPROVEN.format(path=newest.path, why="needs a full that is not known here")
    for one in found:
        if one.why_lost or not one.is_proven:
            needs = "" if one is newest else f"needs {one.path}, which "
            return UNPROVEN.format(path=newest.path, why=f"{needs}{one.why_lost or 'was not proven'}")
    return ""
