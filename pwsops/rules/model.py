"""The records that travel between the floors. Frozen, keyword-only, free of behaviour beyond small derivations.

Instants are aware UTC; `*_at` says so in the name. Sizes are bytes and durations seconds, named so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

# Defined on the lowest floor, because errors carry them.
from pwsops.messages import Message as Message
from pwsops.rules.run_mark import is_safety_copy

SKEW = timedelta(minutes=2)
"""Two machines' clocks may differ by so much, before an instant counts as one of the future."""


class BackupKind(StrEnum):
    """What a backup holds: everything, or what changed since its base. People read the second as "incremental"."""

    FULL = "full"
    DIFFERENTIAL = "differential"


class RunStatus(StrEnum):
    """Where a run stands. The last two never started."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MISSED = "missed"
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


class Trigger(StrEnum):
    """Who wanted the run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    MANUAL = "manual"


class ProfileState(StrEnum):
    """Whether a profile's schedule is in force."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    TRIPPED = "tripped"


class Health(StrEnum):
    """The colour of a profile in a list, in words. `RED` is kept for those that cannot run, `ORANGE` for a bad run."""

    NEW = "new"
    GREEN = "green"
    ORANGE = "orange"
    RED = "red"


class Unit(StrEnum):
    """Unit of an interval. Minutes and hours repeat within a day; the others choose days."""

    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "mo"


@dataclass(frozen=True, kw_only=True)
class WeekdayOfMonth:
    """The first or last weekday of its kind in a month. Monday is 0."""

    weekday: int
    last: bool


class RenewalPeriod(StrEnum):
    """How often an incremental profile takes a new full."""

    NEVER = "never"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """When the full is renewed: the first occurrence at or after that local midnight is full.

    `day` is a weekday (Monday 0) for WEEKLY and a day of the month (1 to 31) for MONTHLY.
    """

    period: RenewalPeriod = RenewalPeriod.NEVER
    day: int = 0


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """When a profile runs: which days, and within a day once or repeatedly.

    Parameters
    ----------
    every, unit
        `MINUTE`/`HOUR`: slots within a day, counted from local midnight or from the start of `between`, under 24 h.
        `DAY`/`WEEK`/`MONTH`: one slot a day, at `at`, on every n-th day, week or month counted from `start`'s.
    start
        Naive wall time in `timezone`; no slot before it is an occurrence. May be past.
    timezone
        IANA name.
    at
        Wall time of the one slot of a day; None takes the time of `start`. Not for minutes and hours.
    between
        First and last wall time of the slots within a day, both included; where the second is earlier, the window
        runs over midnight and its slots belong to the day it began on. Minutes and hours only.
    weekdays
        Chosen weekdays, Monday 0. With `WEEK`: of each n-th week (empty: `start`'s own weekday). With minutes,
        hours and days: only these days count.
    on_day
        With `MONTH` only: a day of the month (a month that lacks it runs on its last day) or its first or last
        weekday of a kind; None takes the day of `start`.
    until
        Last date (inclusive, whole day) a slot may have.
    """

    every: int
    unit: Unit
    start: datetime
    timezone: str
    at: time | None = None
    between: tuple[time, time] | None = None
    weekdays: tuple[int, ...] = ()
    on_day: int | WeekdayOfMonth | None = None
    until: date | None = None


class Occurrence(NamedTuple):
    """One future (or past) run of a recurrence.

    A tuple, because a preview makes thousands and a frozen dataclass takes four times as long to build.

    Parameters
    ----------
    due_at
        Aware UTC.
    local
        The same instant, aware, in the profile's zone.
    kind
        Planned kind.
    shifted
        True where the wall-clock slot did not exist that day and the run was moved behind the gap.
    """

    due_at: datetime
    local: datetime
    kind: BackupKind
    shifted: bool = False


class MediaState(StrEnum):
    """What is found where a set was written.

    `UNKNOWN` and `ELSEWHERE` prove nothing, in either direction: it could not be looked at, or it lies where this
    product cannot look (a URL, another tool's device).
    """

    PRESENT = "present"
    """Every file of the set is there, and what can be read quickly shows that it is this very set."""
    MISSING = "missing"
    OTHER = "other"
    """The file is there and holds another set."""
    DAMAGED = "damaged"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


LOST = frozenset({MediaState.MISSING, MediaState.OTHER, MediaState.DAMAGED})
"""A set that was found so cannot be restored from there."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What was found of one set, with the reason where that is not `PRESENT`.

    `holds`: the `set_id` of each set that the file holds instead, where that is known (`OTHER`). `is_partly_there`: a
    file of it is gone, and another one is there (`MISSING`).
    """

    state: MediaState
    reason: str = ""
    holds: Sequence[str] = ()
    is_partly_there: bool = False


@dataclass(frozen=True, kw_only=True)
class BackupSet:
    """One backup of one database inside a media file.

    Parameters
    ----------
    set_id
        The set's own identity (SQL Server: `backup_set_uuid`), as text.
    base_id
        For a differential the `set_id` of the full it needs (SQL Server: `differential_base_guid`).
    path
        Media file, as the server sees it.
    position
        Place within the file, from 1 (SQL Server: `FILE = n`).
    size_bytes
        What the set takes on disk.
    database_size_bytes
        What the database took when it was backed up.
    description
        Free text; our sets carry their run's id here as `pwsops run <id>`, so that a crash can be reconciled.
    copy_only
        Never a base.
    thumbprint
        Of the certificate whose private key a restore needs; None: it is not encrypted.
    database_thumbprint
        Of the certificate that the database in it is encrypted for as a whole (SQL Server: TDE), which a restore
        needs as well; None: it is not.
    details
        Engine-specific facts worth keeping (LSNs, recovery fork, page size, digest), plain JSON values. `checked`:
        whether the database was searched for damage when the set was taken, and had none; left out where nobody knows.
    """

    set_id: str
    database: str
    kind: BackupKind
    path: str
    finished_at: datetime
    started_at: datetime | None = None
    position: int = 1
    size_bytes: int = 0
    database_size_bytes: int = 0
    base_id: str | None = None
    description: str = ""
    copy_only: bool = False
    thumbprint: str | None = None
    database_thumbprint: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_checked(self) -> bool | None:
        """Whether it is a full of a database that was found to have no damage; None: nobody knows."""
        if self.kind is not BackupKind.FULL:
            return False
        noted = self.details.get("checked")
        return None if noted is None else bool(noted)

    @property
    def is_safety_copy(self) -> bool:
        """Whether it holds what a restore replaced, good or not."""
        return is_safety_copy(self.description)

    @property
    def thumbprints(self) -> Sequence[str]:
        """Of all the certificates that a restore needs."""
        return [each for each in (self.thumbprint, self.database_thumbprint) if each is not None]
