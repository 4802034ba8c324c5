"""What every engine can be asked. The pages, the runner and the operations know engines by this protocol alone.

An engine never touches the catalogue. It raises `pwsops.errors` only; whatever its driver raises is translated, with
operation, object, cause and next step. What an engine cannot do is a flag in `Capabilities`, which the callers read
first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from threading import Event
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.options import Option
from pwsops.rules.model import BackupKind, BackupSet, Message, Sighting

PrivateKeys = Callable[[str], bytes | None]
"""Gives a certificate's private key (PKCS #8, DER) by its thumbprint; None: it is not at hand."""


def no_keys(thumbprint: str) -> None:
    """Return no key: there is no certificate store."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    r"""Where databases live.

    Parameters
    ----------
    name
        Unique name that profiles refer to.
    engine
        Key of the engine: ``sqlite`` or ``sqlserver``.
    address
        ``sqlite``: a directory. ``sqlserver``: ``host[\\instance][,port]``.
    options
        Engine-specific, plain JSON values, no secrets.
    login, password
        None: the service user. Never shown: kept out of `repr`.
    private_keys
        What opens encrypted backups.
    off_limits
        What it does not reach, by whatever name.
    """

    name: str
    engine: str
    address: str
    options: Mapping[str, Any] = field(default_factory=dict)
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    private_keys: PrivateKeys = field(default=no_keys, repr=False, compare=False)
    off_limits: OffLimits = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who to be on the server; no login is the service user. The password never shows in `repr`."""

    login: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What the pages may offer on this engine, and what its instances may be told (`options`)."""

    login: bool = False
    certificates: bool = False
    encryption: bool = False
    external_history: bool = False
    """Backups that other tools took are known (`history`)."""
    shared_base: bool = False
    """The differential base belongs to the database on the server, whoever took it; otherwise a profile chooses."""
    many_sets_per_file: bool = False
    atomic_restore: bool = False
    """A restore that is broken off leaves the database as it was, and nobody who uses it is disconnected."""
    name_endings: Sequence[str] = ()
    """What a person may leave out at the end of a database's name: these are names of files."""
    options: Sequence[Option] = ()


@dataclass(frozen=True, kw_only=True)
class MissingRight:
    """A right that the login at hand lacks.

    Parameters
    ----------
    right
        Its name on the server.
    grant
        The exact statement or command that gives it; empty where none can be told.
    without
        What does not work without it, in the product's words.
    required
        False where that is a comfort only, such as progress.
    """

    right: str
    grant: str = ""
    without: str = ""
    required: bool = True

    def __str__(self) -> str:
        return f"{self.right} (needed for {self.without})" if self.without else self.right


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Facts about an instance, for people (`facts`, in order) and for code."""

    reachable: bool
    version: str
    path_flavour: str
    """``posix`` or ``windows``: how paths on the database server are built."""
    timezone: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    held_rights: Sequence[str] = ()
    missing_rights: Sequence[MissingRight] = ()


class DatabaseState(StrEnum):
    """Whether a database can be backed up now."""

    ONLINE = "online"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    OFFLINE = "offline"
    RESTORING = "restoring"
    """A restore was begun and not ended: it takes no backup and lets nobody in."""
    SECONDARY = "secondary"
    """A copy in an availability group that takes no such backup; another server of the group does."""
    SINGLE_USER = "single-user"
    """It is read and written by one connection at a time; takes backups while nobody holds that one."""
    RESTRICTED = "restricted"
    """It is read and written by administrators only; takes backups."""
    GONE = "gone"
    UNKNOWN = "unknown"
    """Its instance has not told of it yet, or could not be asked whether it has it. No engine says this."""

    @property
    def is_in_use(self) -> bool:
        """Whether somebody can read and write the database now."""
        return self in (DatabaseState.ONLINE, DatabaseState.SINGLE_USER, DatabaseState.RESTRICTED)


@dataclass(frozen=True, kw_only=True)
class DatabaseInfo:
    """One database as the instance sees it.

    `reason` says why, where `state` is not ONLINE. `warnings` are what its keeper should know even where it is: each
    names the cause and the next step. `details` has `foreign_base`, true where incrementals would build on a full that
    another tool took, or that cannot be used;
    `log_backed_up_until` (ISO 8601, UTC), where log backups that anybody took since the newest full make a whole chain:
    until then nothing is lost with the full at hand.
    """

    name: str
    size_bytes: int
    state: DatabaseState = DatabaseState.ONLINE
    reason: str = ""
    warnings: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class TableRows(NamedTuple):
    """A table and how many rows it has; None where they could not be counted in the time given."""

    name: str
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class DatabaseContents:
    """What is in a database: its tables, by name."""

    tables: Sequence[TableRows]


@dataclass(frozen=True, kw_only=True)
class DirectoryEntry:
    """One entry of a directory on the database server."""

    name: str
    path: str
    is_directory: bool
    size_bytes: int | None = None
    modified_at: datetime | None = None


class DirectoryStatus(StrEnum):
    """`UNKNOWN` is an answer: the check itself was not possible, which must never block anybody."""

    OK = "ok"
    MISSING = "missing"
    UNUSABLE = "unusable"
    """It is there, and a step that every backup needs did not work."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class DirectoryCheck:
    """What can be said of a directory on the server, and why.

    With `OK` the reason says what was checked, where that is less than that backups can be written there.
    `remarks`: what a backup does without there, each with what that means.
    """

    status: DirectoryStatus
    reason: str = ""
    remarks: Sequence[str] = ()
    free_bytes: int | None = None


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
class CertificateCopy:
    """A certificate that is to lie beside the backups that need it.

    Parameters
    ----------
    file_name
        What its file is called.
    content
        Gives the file (`.pfx`), made when it is needed.
    serves
        Says whether a file that is there already is as good.
    """

    file_name: str
    content: Callable[[], bytes] = field(repr=False)
    serves: Callable[[bytes], bool] = field(repr=False)


@runtime_checkable
class SavesCertificates(Protocol):
    """An engine whose backups are encrypted for certificates of our store, and that can put those beside them."""

    def save_certificates(self, directory: str, copies: Sequence[CertificateCopy]) -> Sequence[str]:
        """Write those of which no copy that serves is there, each in one step, readable for this user only.

        A file that is there stays, also where it does not serve: then the copy gets another name. Returns what to say
        about that, in sentences.
        """


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


@runtime_checkable
class RemembersSets(Protocol):
    """An engine whose instances remember where each set was written, whoever took it."""

    def remembered_set(self, set_id: str) -> BackupSet | None:
        """Return the set as the instance remembers it; None where it does not. Its file may be gone."""


@runtime_checkable
class KnowsDamage(Protocol):
    """An engine whose server knows of damage in databases that a finished set may hold all the same."""

    def require_sound(self, backup_set: BackupSet, *, of_database: bool) -> None:
        """Raise `DatabaseDamaged` where a finished set of ours was taken of a damaged database.

        `of_database`: also where the server knows by now that the database of a full is damaged.
        """


@runtime_checkable
class GivesBackAccess(Protocol):
    """An engine whose restores change who may come into a database."""

    def give_back_access(self, database: str, former_mode: str) -> None:
        """Set a database's mode to what it was before a restore; returning means that it is that now.

        Raises `NotFound` where the database is gone, and `EngineError` where the mode cannot be set now (it is in the
        middle of a restore, somebody holds its one seat, the server is away): the caller tries again later.
        """


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
    may_replace_damaged
        A target that cannot be opened as a database is kept beside under another name and replaced; without it that
        is an error.
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
    may_replace_damaged: bool = True
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


class Engine(Protocol):
    """One instance, as an engine serves it. Cheap to make; connects when asked something.

    Every call may raise `EngineError` (with `transient` set where trying again may help); calls that read media raise
    `MediaError`, and calls given `cancel` raise `Cancelled` soon after it is set, leaving no partial media behind.
    Calls may come from several threads at once.
    """

    capabilities: Capabilities
    instance: Instance

    def probe(self) -> Probe:
        """Reach the instance and say what it is."""

    def databases(self) -> list[DatabaseInfo]:
        """List the databases that can be chosen, damaged ones included, by name."""

    def spelled(self, database: str) -> str | None:
        """Return how the instance spells the name of the database that it takes this name for; None: it has none.

        Only what the instance itself takes for one name is one (many servers tell no case apart). Nothing is guessed.
        """

    def contents(self, database: str) -> DatabaseContents:
        """Say what is in a database now. Answers within seconds, with fewer numbers where counting takes longer."""

    def backup_directory(self) -> str:
        """Say where to begin to look for a directory on the database server: where it puts backups by itself."""

    def browse(self, path: str) -> list[DirectoryEntry]:
        """List a directory on the database server, directories first."""

    def check_directory(self, path: str) -> DirectoryCheck:
        """Whether backups can be written there."""

    def join(self, directory: str, name: str) -> str:
        """Build a path on the database server, in its own flavour."""

    def split(self, path: str) -> tuple[str, str]:
        """Take a path on the database server apart into its directory and its last name."""

    def file_key(self, path: str) -> str:
        """Return what two paths on the database server have in common, and no others, where they mean one file.

        As far as can be told: of links that are on a server, for one, nobody is told.
        """

    def backup(
        self,
        request: BackupRequest,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> BackupResult:
        """Take one backup; returning means that it is whole and was verified as written.

        Raises `BaseUnusable` where a differential was asked for and the base does not serve (missing, damaged,
        another page size, foreign): nothing was written, and the caller may ask again for a full, with the reason.
        """

    def find_backup(self, *, database: str, directory: str, description: str) -> BackupSet | None:
        """Settle an interrupted backup: give its finished set, or None after clearing what it left half-written."""

    def look_for(self, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        """Return what is found where these sets were written, by `set_id`.

        Quick: reads no contents, but opens each file; that one of the name exists is no sight of it. Where there is no
        time for all, the first ones are opened, and those that were not are left out. What could not be looked at is
        `UNKNOWN` with the reason, never `MISSING`; raises only where the instance cannot be asked at all.
        """

    def read_media(self, path: str) -> list[BackupSet]:
        """List the sets of one media file, by position, without reading their contents."""

    def verify(
        self,
        backup_set: BackupSet,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> Verification:
        """Read a set from end to end and check every checksum."""

    def restore(
        self,
        request: RestoreRequest,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> RestoreResult:
        """Check every checksum first, then write into the database; a reader sees the old or the new, never a mix.

        Without `atomic_restore` one that is broken off may leave a database that lets nobody in: the error says so.
        """

    def delete_media(self, sets: Sequence[BackupSet]) -> list[Deletion]:
        """Delete the media files of these sets; return one answer for each, in order.

        A file goes only where what is inside is the very set. Any other file at that path stays, with the reason.
        """

    def history(self, since: datetime | None = None, *, database: str | None = None) -> Iterator[BackupSet]:
        """Return the sets the instance itself remembers, other tools' included; empty without `external_history`.

        Their `details` say what else the server knows: `taken_by` (a login), `is_snapshot`, `is_damaged` (the database
        was, when it was taken), `has_checksums`. Sets of runs that failed are among them, told by their description: an
        item may fail after its set was written, because that cannot be read, or the database is damaged.
        """

    def differential_base(self, database: str) -> str | None:
        """Return the `set_id` of the full the server would base a differential on; None: it has none.

        Only meaningful with `shared_base`; other engines take the base from the request and return None.
        """
