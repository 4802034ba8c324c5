"""Which certificates are needed, and by what: profiles that encrypt with them, backups that only they open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from pwsops.catalogue import Connection, RunRow, certificate_copies, profiles, runs, server_certificates, sets
from pwsops.catalogue.certificate_copies import CopyRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.sets import EncryptedSet
from pwsops.engines.protocol import Engine
from pwsops.engines.registry import embedded_engine
from pwsops.errors import LoginRefused, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.core import Core
from pwsops.operations.listed_files import ListedFiles
from pwsops.rules.model import RunStatus

_THUMBPRINT = re.compile(r"[0-9A-F]{40}")

Gone = Collection[EncryptedSet | CopyRow]
"""Sets and copies of certificates whose files are not there any more."""


@dataclass(kw_only=True)
class Need:
    """What needs one certificate. `backups` counts the sets of each database, as ``instance/database``.

    `databases` are those that it encrypts as a whole, as far as that was seen.
    """

    profiles: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    backups: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """Return it in words: "the profile nightly; the database srv/one; 3 backups of srv/one"."""
        parts = [f"the profile {name}" for name in self.profiles]
        parts += [f"the database {name}" for name in self.databases]
        parts += [f"{count} backup{'s' if count > 1 else ''} of {name}" for name, count in self.backups.items()]
        return "; ".join(parts)

    def add(self, other: Need) -> None:
        """Add what another instance needs it for."""
        self.profiles += other.profiles
        self.databases += other.databases
        self.backups.update(other.backups)


class Needs:
    """What is needed, by instance and thumbprint."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Need] = {}

    def of(self, instance: str, thumbprint: str) -> Need:
        """Return what an instance needs a certificate for, to be added to."""
        return self._found.setdefault((instance, thumbprint), Need())

    def anywhere(self, thumbprint: str) -> Need:
        """Return what a certificate is needed for, on all instances together."""
        every = Need()
        for (_, needed), need in self._found.items():
            if needed == thumbprint:
                every.add(need)
        return every

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Return the instances and thumbprints for which anything is needed, in order."""
        return iter(sorted(key for key, need in self._found.items() if need.text()))


def recorded_needs(connection: Connection) -> Needs:
    """Return what is needed, taking the catalogue's word for which backups are there."""
    found = _present_needs(connection)
    for thumbprint, instance, database, count in sets.count_encrypted(connection):
        found.of(instance, thumbprint).backups[f"{instance}/{database}"] = count
    return found


def actual_needs(connection: Connection, gone: Gone) -> Needs:
    """Return what is needed; a set whose file is gone needs nothing."""
    found = _present_needs(connection)
    for backup_set in sets.encrypted(connection):
        if backup_set not in gone:
            found.of(backup_set.instance, backup_set.thumbprint).backups[
                f"{backup_set.instance}/{backup_set.database}"
            ] += 1
    return found


def run_in_need(connection: Connection, thumbprint: str) -> RunRow | None:
    """Return a run that goes on and encrypts for a certificate, or may: its profile may have been edited.

    What it takes is not among the sets before it ends.
    """
    on_servers = _on_servers(connection)
    for run in runs.open_runs(connection):
        if run["status"] != RunStatus.RUNNING.value:
            continue  # it begins by what its profile says then
        profile = profiles.get(connection, run["profile_id"])
        if profile.amended_at > run["started_at"] or _encrypts_for(profile, on_servers) == thumbprint:
            return run
    return None


def _present_needs(connection: Connection) -> Needs:
    """Return what profiles will need, and databases do."""
    found, on_servers = Needs(), _on_servers(connection)
    for seen in server_certificates.every(connection):
        for database in seen.certificate.encrypts:
            found.of(seen.instance, seen.certificate.thumbprint).databases.append(f"{seen.instance}/{database}")
    for row in profiles.living(connection):
        thumbprint = _encrypts_for(row, on_servers)
        if _THUMBPRINT.fullmatch(thumbprint):
            found.of(row.fields["instance"], thumbprint).profiles.append(row.name)
    return found


def _on_servers(connection: Connection) -> Mapping[tuple[str, str], str]:
    """Return the thumbprints of the certificates that servers keep, by instance and name."""
    seen = server_certificates.every(connection)
    return {(each.instance, each.certificate.name): each.certificate.thumbprint for each in seen}


def _encrypts_for(row: ProfileRow, on_servers: Mapping[tuple[str, str], str]) -> str:
    name = str(row.fields["encrypt_with"])
    # A server's own certificates go by their names there.
    return on_servers.get((row.fields["instance"], name), name)


def gone_files(context: Context) -> Gone:
    """Look which encrypted sets, and which copies of certificates, of theirs lie no more where they were written.

    Servers and file systems are asked, which may take long: no connection to the catalogue is held meanwhile. What
    nobody can tell counts as there.
    """
    with context.read() as connection:
        encrypted = sets.encrypted(connection)
        copies = certificate_copies.every(connection)
    shelves = _Shelves(context.core)
    return frozenset[EncryptedSet | CopyRow](
        [
            *(backup_set for backup_set in encrypted if not shelves.has(backup_set.instance, backup_set.path)),
            *(
                copy
                for copy in copies
                if not (shelves.has(copy.instance, copy.certificate_file) and shelves.has(copy.instance, copy.key_file))
            ),
        ]
    )


class _Shelves:
    """The shelves of all instances, each directory looked at once."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._listed: dict[str, ListedFiles | None] = {}

    def has(self, instance: str, path: str) -> bool:
        if instance not in self._listed:
            engine = self._engine(instance)
            self._listed[instance] = None if engine is None else ListedFiles(engine)
        files = self._listed[instance]
        return files is None or files.has(path)

    def _engine(self, instance: str) -> Engine | None:
        try:
            return self._core.engine(instance)
        except LoginRefused:
            return None  # nobody can tell
        except PwsopsError:
            # The instance is forgotten or its password cannot be opened; its backups may lie on this machine.
            return embedded_engine()
