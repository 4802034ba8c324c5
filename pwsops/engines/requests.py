"""What an engine is asked to do, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pwsops.rules.model import BackupKind, BackupSet, Message


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """Whom a backup is encrypted for.

    Parameters
    ----------
    name
        What the profile calls the certificate: its thumbprint, or the name it has on a server that keeps its own.
    certificate
        X.509, DER; None where the server has it.
    """

    name: str
    certificate: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class AccessChange:
    """Who may come into a database, which a restore changes for as long as it takes.

    Parameters
    ----------
    database
        Its name on the instance.
    former_mode
        What it was before, in the engine's own words (SQL Server: ``MULTI_USER``): what is given back.
    changed_to
        What it is meanwhile, in the same words.
    """

    database: str
    former_mode: str
    changed_to: str


def remember_nothing(change: AccessChange) -> None:
    """Let a change of access pass: for those who restore without a catalogue."""


@dataclass(frozen=True, kw_only=True)
class BackupRequest:
    """One backup of one database.

    Parameters
    ----------
    database
        Its name on the instance.
    kind
        What to take. DIFFERENTIAL needs `base`.
    directory, file_name
        Where, on the database server. An existing file of that name is replaced only when `overwrite` is set and
        every set in it is one of `replaceable`, and then never through a moment without a valid backup. Any other file
        stays, and the set is written under another name, which a message says.
    description
        Written into the set (`pwsops run <id>`).
    replaceable
        The sets that this profile is known to have taken of this database on this instance, as they were recorded.
    lost
        The `set_id` of those sets of this database of which nothing can be restored, as far as anybody knows. An engine
        that has to write over an older file before the new set is proven takes one of these first.
    before
        The set that this profile took of this database last, as it was recorded. An engine may tell by it that the
        directory is not the one that was written to: nothing is mounted there now.
    base
        The full a differential refers to.
    encryption
        None: not encrypted. Only where the engine can.
    time_limit_s
        After so long the engine gives up with an error.
    copy_only
        A full that is never a base, so that nobody's chain notices it.
    compress
        Where the engine has the choice.
    stripes
        Over so many files at once, on an engine that can.
    max_transfer_size, buffer_count
        In bytes, and a number, for those who measure; None: as the server thinks best.
    verify
        Read it back from end to end; only for those who do so at another time.
    check_structure
        Check the structure of the very data that a full saves. What is found is raised as `DatabaseDamaged`; what was
        read is then kept under another name, is no set, and replaces no backup.
    """

    database: str
    kind: BackupKind
    directory: str
    file_name: str
    description: str
    overwrite: bool = False
    replaceable: Sequence[BackupSet] = ()
    lost: Collection[str] = ()
    before: BackupSet | None = None
    base: BackupSet | None = None
    encryption: Encryption | None = None
    time_limit_s: float | None = None
    copy_only: bool = False
    compress: bool = True
    stripes: int = 1
    max_transfer_size: int | None = None
    buffer_count: int | None = None
    verify: bool = True
    check_structure: bool = True


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an operation is. `total_bytes` is 0 while unknown."""

    phase: str
    done_bytes: int
    total_bytes: int


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class StatementRequest:
    """What a home says of one of its profiles, to be kept beside that profile's backups.

    Parameters
    ----------
    directory
        Where those are.
    home_id, profile_id
        Whose statement it is: it takes the place of the former one of these, and of no other.
    content
        JSON. Holds no secret.
    encryption
        Whom it is encrypted for, as those backups are; None: they are not.
    """

    directory: str
    home_id: str
    profile_id: int
    content: bytes = field(repr=False)
    encryption: Encryption | None


@dataclass(frozen=True, kw_only=True)
class BackupResult:
    """The set that was written, and what the engine said on the way (how long writers waited, retries, fallbacks).

    `replaced` are the paths of older media that were deleted once this one was proven good. `noted` are facts that are
    to be kept with the set's details beside what its media say of it, plain JSON values. `checked`: whether damage of
    the database itself was looked for in the very data that was saved, and there is none; None: that is not known. It
    is kept with the set's details, too.
    """

    backup_set: BackupSet
    messages: Sequence[Message] = ()
    replaced: Sequence[str] = ()
    noted: Mapping[str, Any] = field(default_factory=dict)
    checked: bool | None = None

    @property
    def kept(self) -> BackupSet:
        """The set as it is to be remembered, with what was noted."""
        checked = {} if self.checked is None else {"checked": self.checked}
        return replace(self.backup_set, details={**self.backup_set.details, **self.noted, **checked})


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    """Sets to apply, in order (a full, then at most one differential, then logs), into one database.

    Parameters
    ----------
    database
        Its name on the instance.
    sets
        Each as it was recorded. Before anything else is read, what lies at its `path` is compared with it: `set_id`,
        `thumbprint` (a plain file never stands in for an encrypted set, nor the other way round), and what `details`
        has of its contents (`digest`). Another set there is a `MediaError`.
    create_if_missing
        A target that the instance does not have is created by the restore, once the media are proven. Where the
        restore then fails or is cancelled, it is removed again, unless somebody else has put something into it.
        Without it, a target that is missing is `NotFound`.
    must_be_new
        With `create_if_missing`: a target that the instance has by now is a `Conflict`, and stays as it is.
    to_file
        A plain file that is made in the place of a database of the instance, where the engine has
        `restores_to_files`: an absolute path that nothing has yet. `database` is then what messages call it.
    leave_free_bytes
        Of a new target: what has to stay free where it goes beside what it takes itself; otherwise `NoSpace` is
        raised, before anything is written. 0: the engine's own measure.
    may_replace_damaged
        A target that cannot be opened as a database is kept beside under another name and replaced; without it that
        is an error.
    keeps_beside
        On an engine that `keeps_unreadable`: what the target holds was not saved, so that it is not written into,
        whatever it is by now, but kept beside under another name as it is, with its logs, and replaced.
    stop_at
        Aware; ends the replay of logs at that instant.
    former_mode
        The mode that an earlier restore of this database changed and has yet to give back: what the database shows now
        is that restore's doing, and this one is to end in `former_mode`. None: what it shows now.
    on_access_change, on_access_restored
        An engine that `GivesBackAccess` calls the first before it changes a mode, and changes none where that raises;
        the second, with the same record, once the former mode is back.
    """

    database: str
    sets: Sequence[BackupSet]
    create_if_missing: bool = False
    must_be_new: bool = False
    to_file: str | None = None
    leave_free_bytes: int = 0
    may_replace_damaged: bool = True
    keeps_beside: bool = False
    stop_at: datetime | None = None
    time_limit_s: float | None = None
    former_mode: str | None = None
    on_access_change: Callable[[AccessChange], None] = field(default=remember_nothing, repr=False, compare=False)
    on_access_restored: Callable[[AccessChange], None] = field(default=remember_nothing, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class RestoreResult:
    """What a restore did.

    `created`: the database was not there before. `kept_damaged_as` is the path that the damaged predecessor was moved
    to, if there was one.
    """

    database: str
    restored_bytes: int
    duration_s: float
    created: bool = False
    kept_damaged_as: str | None = None
    messages: Sequence[Message] = ()


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Proof that a file is readable and every checksum in it holds. Damage is raised as `MediaError`, not returned."""

    backup_set: BackupSet
    checked_bytes: int
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What became of one media file that was to be deleted.

    `reason`: why it stayed, or what was not as it should be although it went.
    """

    path: str
    deleted: bool
    reason: str = ""
