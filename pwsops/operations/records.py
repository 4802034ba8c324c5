"""What the operations hand to pages, command line and notebooks. Frozen; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pwsops.engines.records import DatabaseState
from pwsops.engines.requests import Progress
from pwsops.rules.model import BackupKind, BackupSet, Health, Message, ProfileState, RunStatus, Trigger
from pwsops.rules.protection import Verdict
from pwsops.rules.run_summary import counted


@dataclass(frozen=True, kw_only=True)
class ItemView:
    """One database of a run. `kind` is what was really taken; `reason` says why it differs from the plan."""

    id: int
    database: str
    status: RunStatus
    kind: BackupKind | None = None
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    path: str | None = None
    set_id: str | None = None
    size_bytes: int | None = None
    error: str = ""
    hint: str = ""
    messages: Sequence[Message] = ()

    @property
    def further_messages(self) -> Sequence[Message]:
        """The messages, unless the only one is what the error says already."""
        return _beyond(self.error, self.messages)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run. A missed row stands for `missed_count` occurrences, from `due_at` to `missed_until`."""

    id: int
    profile: str
    due_at: datetime
    status: RunStatus
    kind: BackupKind
    trigger: Trigger
    started_at: datetime | None = None
    finished_at: datetime | None = None
    summary: str = ""
    """One line for a list: "2 of 5 failed", "service was not running"."""
    missed_count: int = 0
    missed_until: datetime | None = None
    items: Sequence[ItemView] = ()
    progress: Progress | None = None
    """Only while it runs."""

    @property
    def gist(self) -> str:
        """The summary; where items have errors of their own, only how many of them."""
        if not self.status.ended or not any(item.error for item in self.items):
            return self.summary
        return counted(self.status, [item.status for item in self.items]) if len(self.items) > 1 else ""

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end, None before either."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class RunMeasure:
    """What one run took and wrote; None where it has not ended, or wrote nothing."""

    run_id: int
    due_at: datetime
    status: RunStatus
    kind: BackupKind
    duration_s: float | None
    size_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class RunSets:
    """The backup sets of one run that can be looked for, and the instance that they are of."""

    instance: str
    sets: Sequence[BackupSet]


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """Some runs of the history, with their items but without messages, and where the pages beside them begin."""

    runs: Sequence[RunView]
    before: str
    """Position of the page before this one; empty: this is the first."""
    after: str
    total: int
    """So many runs fit the query, on all pages; at least so many where they are not counted to the end."""
    is_counted: bool = True


@dataclass(frozen=True, kw_only=True)
class ProfileView:
    """One row of the list of profiles."""

    id: int
    name: str
    instance: str
    databases: Sequence[str]
    directory: str
    state: ProfileState
    health: Health
    schedule: str
    """The schedule in plain words."""
    incremental: bool
    next_due_at: datetime | None
    next_kind: BackupKind | None
    last_run: RunView | None
    running: RunView | None
    failures_in_a_row: int
    tripped_at: datetime | None = None
    red_databases: Sequence[str] = ()
    broken: str = ""
    """Why no run can be made of it, in a sentence; empty: one can."""


@dataclass(frozen=True, kw_only=True)
class DatabaseView:
    """One database of an instance with the verdict on it, and what would be lost if it vanished now."""

    name: str
    size_bytes: int
    state: DatabaseState
    reason: str
    last_full_at: datetime | None
    last_incremental_at: datetime | None
    exposure_s: float | None
    """Seconds since the newest backup that can be restored; None: there is none."""
    logs_until: datetime | None = None
    """Up to when log backups of another tool count in that; nobody looked for their files. None: none count."""
    profiles: Sequence[str] = ()
    warnings: Sequence[str] = ()
    """What its keeper should know, each with its cause and the next step."""
    foreign_base: bool = False
    """Its incrementals would build on a full that another tool took, or that cannot be used."""
    verdict: Verdict
    """Whether it is protected; the facts beside it are as of when its instance last answered."""


@dataclass(frozen=True, kw_only=True)
class RestoreView:
    """One restore into a database, under way or ended."""

    id: int
    instance: str
    database: str
    path: str
    position: int
    set_id: str
    kind: BackupKind
    data_at: datetime
    """When the set was finished: the data is as of then."""
    actor: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None
    cancel_requested: bool = False
    restored_bytes: int | None = None
    kept_damaged_as: str | None = None
    error: str = ""
    hint: str = ""
    interrupted: bool = False
    """It was broken off, and what the database holds now was not looked at."""
    messages: Sequence[Message] = ()
    progress: Progress | None = None
    """Only while it goes on."""

    @property
    def further_messages(self) -> Sequence[Message]:
        """The messages, unless the only one is what the error says already."""
        return _beyond(self.error, self.messages)

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end, None before the end."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class RestorePage:
    """Some restores, newest first; `older`: the number before which the next page begins, None: this is the last."""

    restores: Sequence[RestoreView]
    total: int
    """So many restores fit, on all pages."""
    older: int | None


@dataclass(frozen=True, kw_only=True)
class ServiceView:
    """Whether the backup service runs, where, and if not, why nothing can be started."""

    running: bool
    here: bool
    pid: int | None
    since: datetime | None
    why_not: str = ""
    next_due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One line of the audit log; `digest` covers the line and the digest before it.

    `actor` is the name that somebody acted under, `system_user` the operating system's user whose process it was.
    `key_id`: which key of the log the digest was made with; 0: none could be had; None: from before there was one.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    digest: str
    system_user: str = ""
    key_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class AuditPage:
    """Part of the audit log, newest first.

    Parameters
    ----------
    total
        How many entries fit, on whatever page.
    older
        The number of the entry before which the next page begins; None: this is the last.
    """

    entries: Sequence[AuditEntry]
    total: int
    older: int | None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is known of a profile's failures, newest first, and of what was done to it since it last worked."""

    failures: Sequence[RunView]
    last_success: RunView | None
    changes: Sequence[AuditEntry]
    tripped_at: datetime | None = None


class CheckState(StrEnum):
    """What a look came to. `UNKNOWN`: it was not possible, and nothing is said either way."""

    OK = "ok"
    AMISS = "amiss"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding of the doctor. `next_step` is empty where all is well; `unknown` is never `ok`."""

    name: str
    ok: bool
    finding: str
    next_step: str = ""
    required: bool = True
    unknown: bool = False

    @property
    def state(self) -> CheckState:
        """What the look came to."""
        if self.unknown:
            return CheckState.UNKNOWN
        return CheckState.OK if self.ok else CheckState.AMISS


def _beyond(error: str, messages: Sequence[Message]) -> Sequence[Message]:
    alone = len(messages) == 1 and messages[0].number is None and messages[0].text == error
    return () if alone else messages
