"""Which backups of a database its policy keeps, and why each: the rules of restic and borg, and what backups stand on.

A restore point is a backup whose whole chain (an incremental and its full) can be restored. A backup is obsolete when
no restore point that is kept needs it. Pure; what is done about it, and in which order, is `pwsops.runs.pruning`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pwsops.rules.model import SKEW, BackupKind
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
        Its place in the order in which they were taken, which no clock has a part in.
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
    stayed
        Why some that were to go stayed, by `set_id`.
    """

    newest_first: Sequence[StoredSet]
    reasons: Mapping[str, Sequence[str]]
    restorable: frozenset[str] = frozenset()
    successor: Sequence[StoredSet] = ()
    hindrance: str = ""
    stayed: Mapping[str, str] = field(default_factory=dict)

    @property
    def decisions(self) -> Iterator[Decision]:
        """Yield what becomes of each, the newest first: a hundred thousand are not kept twice."""
        for one in self.newest_first:
            if one.set_id in self.reasons:
                yield Decision(one, Action.KEEP, self.reasons[one.set_id])
            elif why := self.stayed.get(one.set_id, self.hindrance):
                yield Decision(one, Action.RETAINED, [why])
            else:
                yield Decision(one, Action.REMOVE, _OBSOLETE)

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
        return replace(self, hindrance=why)

    def retaining(self, stayed: Mapping[str, str]) -> RetentionPlan:
        """Return the plan with these backups (`set_id` and why) retained."""
        return replace(self, stayed=stayed)


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
    latest = now + SKEW
    dated = [one for one in database.newest_first if one.finished_at <= latest]
    reasons: dict[str, list[str]] = {}
    for set_id, reason in chain(
        _by_policy(database, dated, policy),
        ((one.set_id, IN_DOUBT) for one in own if one.finished_at > latest),
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
    yield from _by_rules(sound, policy)
    if len(sound) < len(dated):
        good = {one.set_id for one in sound}
        yield from (each for each in _by_rules(dated, policy) if each[0] not in good)
    yield from ((one.set_id, NEWEST_PROVEN) for one in database.newest_proven(dated, policy.proven))


def _by_rules(sets: Sequence[StoredSet], policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield what each rule keeps, in the way of restic's `forget`."""
    if not sets:
        return
    newest_first = sorted(sets, key=attrgetter("finished_at"), reverse=True)
    zone = ZoneInfo(policy.timezone)
    if policy.within is not None:
        end = policy.within.before(newest_first[0].finished_at, zone)
        yield from ((one.set_id, f"keep-within {policy.within}") for one in newest_first if one.finished_at > end)
    yield from ((one.set_id, f"keep-last {policy.last}") for one in sets[: policy.last])
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
    newest = next(iter(kept), None)
    return RetentionPlan(
        newest_first=database.newest_first,
        reasons=reasons,
        restorable=database.restorable,
        successor=(database.chain(newest) or ()) if newest is not None else (),
        hindrance=_hindrance(database, newest) if len(reasons) < len(database.newest_first) else "",
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
