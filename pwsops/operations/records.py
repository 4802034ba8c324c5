"""What the operations hand to pages, command line and notebooks. Frozen; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pwsops.engines.base import DatabaseState, Progress
from pwsops.rules import certificates as rules
from pwsops.rules.certificates import Certificate, Purpose
from pwsops.rules.model import BackupKind, BackupSet, Health, Message, ProfileState, RunStatus, Trigger
from pwsops.rules.protection import Verdict
from pwsops.rules.rights import Role


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
    def said(self) -> Sequence[Message]:
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
        """The summary without the error that one of the items says in full."""
        said = self.summary
        for item in self.items:
            if item.error:
                said = said.removesuffix(item.error).removesuffix(": ")
        return said

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
class CertificateView:
    """One certificate: in the store, or (then `facts` is None and it has no name) needed and not there."""

    name: str
    thumbprint: str
    subject: str
    needed_by: str
    """The profiles and backups that need it, in words; empty: nothing does."""
    instance: str = ""
    """The server that keeps it, or that should; empty: our store does."""
    purpose: Purpose | None = None
    facts: Certificate | None = None
    doubts: Sequence[str] = ()
    """Why it should not encrypt anything any more, each in a few words after "it"."""
    near_expiry: bool = False
    may_encrypt: bool = False
    """Whether a profile can be made to encrypt with it."""
    added_at: datetime | None = None
    saved_at: datetime | None = None
    exported_at: datetime | None = None

    @property
    def file_name(self) -> str:
        """How its own `.pfx` is called: by its name, as far as every file system takes it, and its thumbprint."""
        return rules.file_name(self.name, self.thumbprint)

    @property
    def held(self) -> bool:
        """Whether it is in the store, with its key."""
        return self.facts is not None

    @property
    def not_before(self) -> datetime | None:
        """From when on it is valid, where that is known."""
        return None if self.facts is None else self.facts.not_before

    @property
    def not_after(self) -> datetime | None:
        """When it expires, where that is known."""
        return None if self.facts is None else self.facts.not_after

    @property
    def escrowed(self) -> bool:
        """Whether it lies, with its key, anywhere but where it is used."""
        return self.saved_at is not None or self.exported_at is not None

    @property
    def concerns(self) -> Sequence[str]:
        """What somebody should see to, where it is needed; each in a few words after "it"."""
        if self.facts is None:
            where = (
                f"neither on {self.instance}, as last seen, nor in the store" if self.instance else "not in the store"
            )
            return [f"is {where}: what is encrypted for it cannot be restored"]
        found = [*self.doubts]
        if self.near_expiry and not any(one.startswith("expired") for one in found):
            found.append(f"expires on {self.facts.not_after:%Y-%m-%d}")
        if not self.escrowed:
            found.append("is neither saved with a backup nor exported: if this home is lost, so are the backups")
        return found


@dataclass(frozen=True, kw_only=True)
class ServerCertificateView(CertificateView):
    """One certificate that a server keeps, as it was when somebody last looked."""

    begins_at: datetime
    expires_at: datetime
    has_private_key: bool
    encrypts_backups: bool
    """Whether a profile encrypts with it. Its expiry ends that; for encrypted databases it means nothing."""
    in_store: bool
    """Whether our store has it as well, with its key."""
    files: Sequence[str] = ()
    """Where runs saved it: the certificate, then its key, of each copy that is still there; the newest first."""
    seen_at: datetime

    @property
    def not_before(self) -> datetime:
        """From when on it is valid."""
        return self.begins_at

    @property
    def not_after(self) -> datetime:
        """When it expires."""
        return self.expires_at

    @property
    def escrowed(self) -> bool:
        """Whether it lies, with its key, anywhere but on that server."""
        return self.in_store or self.saved_at is not None

    @property
    def concerns(self) -> Sequence[str]:
        """What somebody should see to, where it is needed; each in a few words after "it"."""
        found = []
        if not self.has_private_key:
            found.append(f"has no private key on {self.instance}: nothing can be encrypted or restored with it there")
        if self.encrypts_backups and self.doubts:
            found.append(f"{self.doubts[0]}: no backup can be encrypted with it any more")
        elif self.encrypts_backups and self.near_expiry:
            found.append(f"expires on {self.expires_at:%Y-%m-%d}: from then on no backup can be encrypted with it")
        if not self.escrowed:
            found.append(f"is not known to be saved anywhere: if {self.instance} is lost, so are its backups")
        return found


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
    def said(self) -> Sequence[Message]:
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
class RoleView:
    """What somebody may do, by `access.toml`. `instances`: None is all."""

    subject: str
    role: Role
    instances: frozenset[str] | None


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


@dataclass(frozen=True, kw_only=True)
class UserView:
    """Somebody who signs in by a password, which was set at `changed_at`; a second factor is there since, or None."""

    name: str
    changed_at: datetime
    second_factor_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SessionView:
    """Somebody's session on the pages.

    Parameters
    ----------
    id
        What it is called among ourselves; of no use to a browser.
    name, way
        Whose it is, and how they came in: "password", "link", or a provider's name.
    began_at, active_at
        Since when, and when they last did something; aware.
    address, browser
        Of the peer; what the browser calls itself, which it may have made up.
    present
        Whether it is the one that asks.
    """

    id: str
    name: str
    way: str
    began_at: datetime
    active_at: datetime
    address: str
    browser: str
    present: bool


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """What somebody has who is signed in.

    Parameters
    ----------
    name, way
        As in `SessionView`.
    password_at, second_factor_at
        Since when they have that; None: they have none here.
    second_factor_required
        Whether all who have a password need one.
    recovery_codes
        How many were not used yet.
    wrong_codes
        How many wrong codes were given since the last right one.
    sessions
        Their own, the newest first.
    """

    name: str
    way: str
    password_at: datetime | None
    second_factor_at: datetime | None
    second_factor_required: bool
    recovery_codes: int
    wrong_codes: int
    sessions: Sequence[SessionView]


@dataclass(frozen=True, kw_only=True)
class SecondFactorOffer:
    """A secret for an app: as people type it, and as the address that it reads from a picture."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TokenView:
    """A machine's token: what it may do, on which instances (None: all), and until when."""

    name: str
    role: Role
    instances: tuple[str, ...] | None
    created_at: datetime
    ends_at: datetime
    ended: bool


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
