"""What a verdict rests on and what it says: facts, causes, findings. `verdict` judges by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pwsops.rules.model import BackupKind, MediaState, ProfileState, Recurrence, RunStatus


class Protection(StrEnum):
    """How safe a database is, the worst first."""

    UNPROTECTED = "unprotected"
    AT_RISK = "at risk"
    NOT_CHECKED = "not checked"
    PROTECTED = "protected"

    @property
    def rank(self) -> int:
        """Its place in lists: the worst is 0."""
        return list(Protection).index(self)


class Cause(StrEnum):
    """Why a database is not protected."""

    NEVER_BACKED_UP = "never backed up"
    FILES_GONE = "files gone"
    STRIPE_MISSING = "stripe missing"
    OTHER_SET = "file holds another set"
    FILE_DAMAGED = "file damaged"
    DISPROVEN = "failed verification"
    SET_DAMAGED = "backup of a damaged database"
    FAILED_ITEM = "set of a failed run"
    BASE_MISSING = "base missing"
    KEY_MISSING = "private key missing"
    NO_PROFILE = "no profile"
    PROFILE_BROKEN = "broken profile"
    PROFILE_INACTIVE = "profile inactive"
    PROFILE_ENDED = "profile past its last day"
    PROFILE_TRIPPED = "profile switched off"
    SERVICE_STOPPED = "service stopped"
    RUN_FAILED = "last run failed"
    RUN_MISSED = "last run missed"
    NOT_BEGUN = "schedule not begun"
    OVERDUE = "overdue"
    CLOCK_IN_DOUBT = "clock in doubt"
    DATABASE_GONE = "database gone"
    DATABASE_OFFLINE = "database offline"
    DATABASE_UNREADABLE = "database unreadable"
    DATABASE_REFUSES = "database takes no backup"
    DATABASE_DAMAGED = "database damaged"
    ACCESS_OWED = "access changed by a restore"
    RECORD_UNREADABLE = "record not readable"
    NOT_PROVEN = "not proven"
    KEY_NOT_LOOKED_AT = "private key not looked at lately"
    NOT_LOOKED_AT = "not looked at lately"
    PLACE_UNKNOWN = "place not to be looked at"
    ELSEWHERE = "elsewhere"
    FOREIGN_BASE = "base of another tool"
    DATABASE_UNSEEN = "database not to be seen"
    INSTANCE_UNREACHED = "instance not reached"

    @property
    def protection(self) -> Protection:
        """What a database is at best while this holds."""
        if self in _UNCHECKED:
            return Protection.NOT_CHECKED
        return Protection.UNPROTECTED if self in LOST else Protection.AT_RISK


LOST = frozenset(
    {
        Cause.NEVER_BACKED_UP,
        Cause.FILES_GONE,
        Cause.STRIPE_MISSING,
        Cause.OTHER_SET,
        Cause.FILE_DAMAGED,
        Cause.DISPROVEN,
        Cause.SET_DAMAGED,
        Cause.FAILED_ITEM,
        Cause.BASE_MISSING,
        Cause.KEY_MISSING,
    }
)
"""With one of these a backup cannot be restored."""
_UNCHECKED = frozenset(
    {
        Cause.RECORD_UNREADABLE,
        Cause.NOT_PROVEN,
        Cause.KEY_NOT_LOOKED_AT,
        Cause.NOT_LOOKED_AT,
        Cause.PLACE_UNKNOWN,
        Cause.ELSEWHERE,
        Cause.FOREIGN_BASE,
        Cause.DATABASE_UNSEEN,
        Cause.INSTANCE_UNREACHED,
    }
)


class Condition(StrEnum):
    """How the database itself is, as far as a backup of it is concerned."""

    FINE = "fine"
    GONE = "gone"
    OFFLINE = "offline"
    UNREADABLE = "unreadable"
    REFUSES = "refuses"
    """It can be asked, and a backup of it as it is would be refused."""
    UNSEEN = "unseen"
    """Whether it is there could not be asked."""


@dataclass(frozen=True, kw_only=True)
class SetFacts:
    """What is known of one backup set.

    Parameters
    ----------
    data_at, finished_at
        When its data was read, at the earliest; when it was finished.
    order
        Grows with each set that is recorded, whatever the clock said.
    run_id
        The run of ours that took it; None: none did, or nobody knows.
    stripes
        So many files it consists of.
    proven_at
        When it was last read back or verified as a whole; None: never.
    disproven_at, disproven_reason
        When and how reading it showed that it cannot be restored; None: it never did.
    seen_state, seen_reason, state_since
        What the last look at its files found, and since when that has been found; None: nobody has looked yet.
    seen_at
        When its files were last seen there.
    of_failed_item, is_damaged
        Whether the run that wrote it failed; whether the server marked it as taken of a damaged database.
    missing_key
        The certificate without whose private key it cannot be read, where that key is not at hand.
    key_on_server, key_seen_at
        The certificate that only its server has the key of, and when it was last seen there; None: it needs none such.
    foreign
        Whether another tool took it: it lies where that tool's rules apply, and nobody here proved it.
    is_safety_copy
        Whether it holds what a restore replaced: that may be damaged, and nobody wants it back unasked.
    unreadable
        Which row of the catalogue it is, and what of it cannot be read: the rest is as far as known. Empty: all can.
    """

    set_id: str
    kind: BackupKind
    path: str
    data_at: datetime
    finished_at: datetime
    order: int
    run_id: int | None = None
    base_id: str | None = None
    stripes: int = 1
    proven_at: datetime | None = None
    disproven_at: datetime | None = None
    disproven_reason: str = ""
    seen_state: MediaState | None = None
    seen_reason: str = ""
    state_since: datetime | None = None
    seen_at: datetime | None = None
    of_failed_item: bool = False
    is_damaged: bool = False
    missing_key: str = ""
    key_on_server: str = ""
    key_seen_at: datetime | None = None
    foreign: bool = False
    is_safety_copy: bool = False
    unreadable: str = ""


@dataclass(frozen=True, kw_only=True)
class ProfileFacts:
    """What is known of one profile, as far as one database is concerned.

    Parameters
    ----------
    recurrence
        Its schedule; None where that cannot be read, for the reason that `broken` tells.
    amended_at
        When its fields were last saved: its schedule says nothing of the time before.
    next_due_at
        Its next run; None: it has none.
    usual_s
        How long its runs take, in seconds; 0: not known.
    last_status, last_at, last_error
        How its last run ended for this database, when, and why. None: none has ended.
    """

    name: str
    state: ProfileState
    amended_at: datetime
    recurrence: Recurrence | None = None
    broken: str = ""
    next_due_at: datetime | None = None
    tripped_at: datetime | None = None
    usual_s: float = 0.0
    last_status: RunStatus | None = None
    last_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the verdict on one database rests on.

    Parameters
    ----------
    sets
        Those that were not replaced, in any order; other tools' included.
    condition, condition_reason, condition_since
        How the database was when its instance last answered.
    answered_at
        When that was; None: never.
    unreached_since, unreached_why
        Since when, and why, the instance has not been reached; None: it answered when it was last asked.
    damaged_since, damaged_why
        Since when, and what, a check of its structure has found; None: nothing, or a later check found it whole.
    access_owed_since, access_owed_why
        Since when a restore owes the database its former mode, and which; None: it does not.
    """

    instance: str
    database: str
    profiles: Sequence[ProfileFacts] = ()
    sets: Sequence[SetFacts] = ()
    service_running: bool = True
    condition: Condition = Condition.FINE
    condition_reason: str = ""
    condition_since: datetime | None = None
    answered_at: datetime | None = None
    unreached_since: datetime | None = None
    unreached_why: str = ""
    damaged_since: datetime | None = None
    damaged_why: str = ""
    access_owed_since: datetime | None = None
    access_owed_why: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One reason why a database is not protected.

    Parameters
    ----------
    since
        When it became so, as far as is known.
    subject
        What it is about: a path, a profile, an instance.
    detail
        What was found, in the words of whoever found it.
    at
        The instant that it is about: of the next run; that a backup is dated.
    """

    cause: Cause
    since: datetime | None = None
    subject: str = ""
    detail: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How safe one database is.

    Parameters
    ----------
    covered
        Whether a profile names it.
    findings
        Why it is not protected, the worst first; empty where it is.
    notes
        Where it is protected: what is wrong with newer backups than `point`, one for each, the newest first.
    beside
        Where it is protected: what keeps other profiles that name it from backing it up.
    point
        The newest backup that can be restored, as far as is known; None: there is none.
    restorable
        The `set_id` of each backup that can be restored, as far as is known; without those dated after now.
    checked_at
        When the files of `point` were last seen.
    profile
        The profile that protects it best.
    """

    instance: str
    database: str
    protection: Protection
    covered: bool
    findings: Sequence[Finding] = ()
    notes: Sequence[Finding] = ()
    beside: Sequence[Finding] = ()
    point: SetFacts | None = None
    restorable: frozenset[str] = frozenset()
    checked_at: datetime | None = None
    profile: str = ""

    @property
    def since(self) -> datetime | None:
        """Since when it has been so, as far as is known."""
        known = [each.since for each in self.findings if each.cause.protection is self.protection and each.since]
        return min(known, default=None)

    @property
    def urgent(self) -> bool:
        """Whether it is shown red: nothing known can be restored, or a restore has left the database shut."""
        owed = any(each.cause is Cause.ACCESS_OWED for each in self.findings)
        lost = self.point is None and any(each.cause in LOST for each in self.findings)
        return self.protection is Protection.UNPROTECTED or owed or lost

    @property
    def unreadable(self) -> bool:
        """Whether a record that cannot be read keeps what is there from being known."""
        return any(each.cause is Cause.RECORD_UNREADABLE for each in self.findings)
