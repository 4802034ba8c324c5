"""Which certificates are needed, and by what: profiles that encrypt with them, backups that only they open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pwsops.catalogue import Connection, profiles, server_certificates, sets
from pwsops.engines.base import Engine
from pwsops.engines.registry import embedded_engine
from pwsops.errors import PwsopsError
from pwsops.operations.access import Core
from pwsops.operations.databases import Shelf

_THUMBPRINT = re.compile(r"[0-9A-F]{40}")

Holds = Callable[[str, str], bool]
"""Says whether a media file is still there, by its instance and path."""


@dataclass(kw_only=True)
class Need:
    """What needs one certificate. `backups` counts the sets of each database, as ``instance/database``.

    `databases` are those that it encrypts as a whole, as far as that was seen.
    """

    profiles: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    backups: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Say it in words: "the profile nightly; the database srv/one; 3 backups of srv/one"."""
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
        """Give what an instance needs a certificate for, to be added to."""
        return self._found.setdefault((instance, thumbprint), Need())

    def anywhere(self, thumbprint: str) -> Need:
        """Give what a certificate is needed for, on all instances together."""
        every = Need()
        for (_, needed), need in self._found.items():
            if needed == thumbprint:
                every.add(need)
        return every

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Give the instances and thumbprints for which anything is needed, in order."""
        return iter(sorted(key for key, need in self._found.items() if need.told()))


def recorded_needs(connection: Connection) -> Needs:
    """Give what is needed, taking the catalogue's word for which backups are there."""
    found = _present_needs(connection)
    for thumbprint, instance, database, count in sets.count_encrypted(connection):
        found.of(instance, thumbprint).backups[f"{instance}/{database}"] = count
    return found


def needs(connection: Connection, holds: Holds) -> Needs:
    """Give what is needed; a set whose file is gone needs nothing."""
    found = _present_needs(connection)
    for one in sets.encrypted(connection):
        if holds(one.instance, one.path):
            found.of(one.instance, one.thumbprint).backups[f"{one.instance}/{one.database}"] += 1
    return found


def _present_needs(connection: Connection) -> Needs:
    """Give what profiles will need, and databases do."""
    found, on_servers = Needs(), {}
    for seen in server_certificates.every(connection):
        on_servers[seen.instance, seen.certificate.name] = seen.certificate.thumbprint
        for database in seen.certificate.encrypts:
            found.of(seen.instance, seen.certificate.thumbprint).databases.append(f"{seen.instance}/{database}")
    for row in profiles.living(connection):
        instance, name = row.fields["instance"], row.fields["encrypt_with"]
        # A server's own certificates go by their names there.
        thumbprint = on_servers.get((instance, name), name)
        if _THUMBPRINT.fullmatch(thumbprint):
            found.of(instance, thumbprint).profiles.append(row.name)
    return found


class Shelves:
    """Looks whether media files are still there, each directory once. What nobody can tell counts as there."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._shelves: dict[str, Shelf] = {}

    def __call__(self, instance: str, path: str) -> bool:
        """Say whether a media file of an instance is there."""
        if instance not in self._shelves:
            self._shelves[instance] = Shelf(self._engine(instance))
        return self._shelves[instance].has(path)

    def _engine(self, instance: str) -> Engine:
        try:
            return self._core.engine(instance)
        except PwsopsError:
            # The instance is forgotten or its password cannot be opened; its backups may lie on this machine.
            return embedded_engine()
