"""The SQL Server engine, as the rest of the product knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from threading import Event

from pwsops.clock import Clock, SystemClock
from pwsops.engines.certificates import CertificateFiles, ServerCertificate
from pwsops.engines.records import (
    Capabilities,
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
    Verification,
)
from pwsops.engines.sqlserver import (
    access,
    backup,
    certificate_files,
    certificates,
    chain,
    damage,
    databases,
    deleting,
    directory,
    history,
    media,
    paths,
    probe,
    restore,
    script,
    sighting,
    verify,
)
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.options import OPTIONS
from pwsops.engines.sqlserver.scratches import ServerScratches
from pwsops.rules.model import BackupSet, Sighting


class SqlServerEngine:
    r"""One SQL Server.

    Parameters
    ----------
    instance
        Its address is ``host[\instance][,port]``.
    clock
        What the time is.
    """

    capabilities = Capabilities(
        login=True,
        certificates=True,
        encryption=True,
        external_history=True,
        shared_base=True,
        many_sets_per_file=True,
        options=OPTIONS,
    )

    def __init__(self, instance: Instance, clock: Clock | None = None) -> None:
        self.instance = instance
        self._link = Link(instance, clock or SystemClock())

    def probe(self) -> Probe:
        """Reach the instance and say what it is."""
        return probe.probe(self._link)

    def databases(self) -> list[DatabaseInfo]:
        """List the databases, by name, with what their keeper should know."""
        return databases.listed(self._link)

    def spelled(self, database: str) -> str | None:
        """Return how the server spells a database's name; see the protocol."""
        return databases.spelled(self._link, database)

    def doubts_absence(self) -> str:
        """Return nothing: a server that answers knows its databases; see the protocol."""
        return ""

    def contents(self, database: str) -> DatabaseContents:
        """Return which tables a database has and how many rows the server counts in each."""
        return databases.contents(self._link, database)

    def backup_directory(self) -> str:
        """Return the server's own backup directory, or that of its data files; see the protocol."""
        return directory.default(self._link)

    def browse(self, path: str) -> list[DirectoryEntry]:
        """List a directory on the server, directories first."""
        return directory.browse(self._link, path)

    def check_directory(self, path: str) -> DirectoryCheck:
        """Whether the server sees a directory."""
        return directory.check(self._link, path)

    def join(self, directory: str, name: str) -> str:
        """Build a path in the server's flavour."""
        return paths.join(self._link.server().flavour, directory, name)

    def split(self, path: str) -> tuple[str, str]:
        """Take a path of the server apart."""
        return paths.split(self._link.server().flavour, path)

    def file_key(self, path: str) -> str:
        """Return how the server's system spells a path that is spelled in any way."""
        return paths.normal(self._link.server().flavour, path)

    def backup(
        self, request: BackupRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> BackupResult:
        """Take one backup; see the protocol."""
        return backup.take(self._link, request, on_progress, cancel)

    def find_backup(self, *, database: str, directory: str, description: str) -> BackupSet | None:
        """Settle an interrupted backup by the server's history, or by its file; see the protocol."""
        return history.find_backup(self._link, database=database, where=directory, description=description)

    def require_sound(self, backup_set: BackupSet, *, of_database: bool) -> None:
        """Raise where a finished set was taken of a damaged database; see the protocol."""
        damage.require_none(self._link, backup_set, of_database=of_database)

    def look_for(self, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        """Return what the server sees where these sets were written; see the protocol."""
        return sighting.look_for(self._link, sets)

    def read_media(self, path: str) -> list[BackupSet]:
        """List the fulls and differentials of a file, by position."""
        return media.read(self._link, path)

    def verify(
        self, backup_set: BackupSet, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> Verification:
        """Have the server read a set from end to end and check every checksum."""
        return verify.verify(self._link, backup_set, on_progress, cancel)

    def restore(
        self, request: RestoreRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> RestoreResult:
        """Restore into a database, or make it; see the protocol."""
        try:
            return restore.restore(self._link, request, on_progress, cancel)
        finally:
            # The login may have been given for this restore only: it is not to stay signed in, nor its password here.
            self._link.forget()

    def check_restore(self, request: RestoreRequest) -> None:
        """Raise what a restore would raise for what can be seen before; see the protocol."""
        try:
            restore.check(self._link, request)
        finally:
            self._link.forget()  # as after a restore: the login may have been given for this once

    def scratches(self) -> ServerScratches:
        """Return what makes and drops the scratches of drills; see `DrillsBackups`."""
        return ServerScratches(self._link)

    def restore_script(self, request: RestoreRequest) -> str:
        """Return the T-SQL that does a restore; see the protocol."""
        try:
            return script.write(self._link, request)
        finally:
            self._link.forget()  # as after a restore: the login may have been given for this once

    def give_back_access(self, database: str, former_mode: str) -> None:
        """Set a database's mode to what it was before a restore; see the protocol `GivesBackAccess`."""
        access.give_back(self._link, database, former_mode)

    def delete_media(self, sets: Sequence[BackupSet]) -> list[Deletion]:
        """Delete the files that hold these very sets alone; anything else stays."""
        return deleting.delete(self._link, sets)

    def history(self, since: datetime | None = None, *, database: str | None = None) -> Iterator[BackupSet]:
        """Return the sets that msdb remembers, other tools' included, in the order they were taken."""
        return history.sets(self._link, since, database)

    def remembered_set(self, set_id: str) -> BackupSet | None:
        """Return a set as msdb remembers it; see `RemembersSets`."""
        return history.remembered_set(self._link, set_id)

    def differential_base(self, database: str) -> str | None:
        """Return the identity of the full that the server would base a differential on."""
        return chain.server_base(self._link, database)

    def certificates(self) -> list[ServerCertificate]:
        """List the certificates in master, but for the server's own."""
        return certificates.listed(self._link)

    def sees_every_certificate(self) -> bool:
        """Whether a certificate that is not listed is not there; see the protocol."""
        return certificates.sees_every(self._link)

    def require_encryption(self, name: str) -> ServerCertificate:
        """Return the certificate if backups can be encrypted with it now."""
        return certificates.require(self._link, name)

    def has_file(self, path: str) -> bool | None:
        """Whether the server sees a file; None where it does not tell this login."""
        return directory.exists(self._link, path)

    def save_certificate(self, name: str, files: CertificateFiles, password: str) -> None:
        """Write a certificate and its private key into new files of the server."""
        certificate_files.save(self._link, name, files, password)

    def take_certificate(
        self, name: str, files: CertificateFiles, password: str, *, master_key_password: str | None = None
    ) -> ServerCertificate:
        """Make a certificate in master from such files; with a password for it, first the master key."""
        return certificate_files.take(self._link, name, files, password, master_key_password=master_key_password)
