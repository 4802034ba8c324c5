"""Which certificates are needed, and by what: profiles that encrypt with them, backups that only they open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pwsops.catalogue import Connection, profiles, sets
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
    """What needs one certificate. `backups` counts the sets of each database, as ``instance/database``."""

    profiles: list[str] = field(default_factory=list)
    backups: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Say it in words: "the profile nightly; 3 backups of srv/one"."""
        parts = [f"the profile {name}" for name in self.profiles]
        parts += [f"{count} backup{'s' if count > 1 else ''} of {name}" for name, count in self.backups.items()]
        return "; ".join(parts)


def recorded_needs(connection: Connection) -> dict[str, Need]:
    """Give what is needed, by thumbprint, taking the catalogue's word for which backups are there."""
    found = _profile_needs(connection)
    for thumbprint, instance, database, count in sets.count_encrypted(connection):
        found.setdefault(thumbprint, Need()).backups[f"{instance}/{database}"] = count
    return found


def needs(connection: Connection, holds: Holds) -> dict[str, Need]:
    """Give what is needed, by thumbprint; a set whose file is gone needs nothing."""
    found = _profile_needs(connection)
    for one in sets.encrypted(connection):
        if holds(one.instance, one.path):
            found.setdefault(one.thumbprint, Need()).backups[f"{one.instance}/{one.database}"] += 1
    return found


def _profile_needs(connection: Connection) -> dict[str, Need]:
    found: dict[str, Need] = {}
    for row in profiles.living(connection):
        name = row.fields["encrypt_with"]
        # A server's own certificates go by other names, and are none of the store's.
        if _THUMBPRINT.fullmatch(name):
            found.setdefault(name, Need()).profiles.append(row.name)
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
