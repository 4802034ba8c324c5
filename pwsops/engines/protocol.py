"""What every engine can be asked. The pages, the runner and the operations know engines by this protocol alone.

An engine never touches the catalogue. It raises `pwsops.errors` only; whatever its driver raises is translated, with
operation, object, cause and next step. What an engine cannot do is a flag in `Capabilities`, which the callers read
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from threading import Event
from typing import Protocol, runtime_checkable

from pwsops.engines.records import (
    Capabilities,
    CertificateCopy,
    DatabaseContents,
    DatabaseInfo,
    DirectoryCheck,
    DirectoryEntry,
    Instance,
    Probe,
)
from pwsops.engines.requests import (
    BackupRequest,
    BackupResult,
    Deletion,
    ProgressCallback,
    RestoreRequest,
    RestoreResult,
    StatementRequest,
    Verification,
)
from pwsops.rules.model import BackupSet, Sighting


@runtime_checkable
class SavesCertificates(Protocol):
    """An engine whose backups are encrypted for certificates of our store, and that can put those beside them."""

    def save_certificates(self, directory: str, copies: Sequence[CertificateCopy]) -> Sequence[str]:
        """Write those of which no copy that serves is there, each in one step, readable for this user only.

        A file that is there stays, also where it does not serve: then the copy gets another name. Returns what to say
        about that, in sentences.
        """


@runtime_checkable
class SavesStatements(Protocol):
    """An engine that writes its backups itself, and can keep beside them what a home says of itself."""

    def save_statement(self, request: StatementRequest) -> str:
        """Keep a statement in the place of the former one, which stays until the new one was read back.

        Returns why that was not possible, in a sentence; empty: it was. A file of another stays.
        """


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

    def doubts_absence(self) -> str:
        """Return why a database that the instance does not have need not be gone; empty: it is gone."""

    def contents(self, database: str) -> DatabaseContents:
        """Return what is in a database now. Answers within seconds, with fewer numbers where counting takes longer."""

    def backup_directory(self) -> str:
        """Return where to begin to look for a directory on the database server: where it puts backups by itself."""

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

    def check_restore(self, request: RestoreRequest) -> None:
        """Raise what `restore` would raise for all that can be seen before a set is read as a whole; changes nothing.

        That is the target (missing, there, off limits, in use, no place or right to write) and the sets (gone, others
        than were recorded, locked). `CertificateNeeded` is raised only where nothing else is.
        """

    def restore_script(self, request: RestoreRequest) -> str:
        """Return what does a restore without pwsops, as text with its remarks; touches nothing.

        What an administrator runs as it is: T-SQL for a server, a shell script for files. Names and paths are quoted.
        What the media hold is not read as a whole. Raises as `restore` does where it would refuse for what can be
        seen before, and `InvalidInput` for a name that no script can hold.
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
