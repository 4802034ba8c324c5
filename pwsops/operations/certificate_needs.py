"""Which certificates are needed, and by what: profiles that encrypt with them, backups that only they open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pwsops.catalogue import Connection, profiles, sets
from pwsops.engines.base import Engine
from pwsops.engines.registry import embedded_engine
from pwsops.errors import PwsopsError
from pwsops.operations.access import Core
from pwsops.operations.databases import Shelf
from pwsops.rules.model import BackupSet

_THUMBPRINT = re.compile(r"[0-9A-F]{40}")

Holds = Callable[[str, BackupSet], bool]
"""Says whether the file of an instance's set is still there."""


@dataclass(kw_only=True)
class Need:
    """What needs one certificate. `backups` counts the sets of each database, as ``instance/database``."""

    subject: str = ""
    """As the backups say it; empty where there are none."""
    profiles: list[str] = field(default_factory=list)
    backups: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Say it in words: "the profile nightly; 3 backups of srv/one"."""
        parts = [f"the profile {name}" for name in self.profiles]
        parts += [f"{count} backup{'s' if count > 1 else ''} of {name}" for name, count in self.backups.items()]
        return "; ".join(parts)


def needs(connection: Connection, holds: Holds) -> Mapping[str, Need]:
    """Give what is needed, by thumbprint."""
    found: dict[str, Need] = {}
    for row in profiles.living(connection):
        name = row.fields["encrypt_with"]
        # A server's own certificates go by other names, and are none of the store's.
        if _THUMBPRINT.fullmatch(name):
            found.setdefault(name, Need()).profiles.append(row.name)
    for instance, one in sets.encrypted(connection):
        if one.thumbprint is not None and holds(instance, one):
            need = found.setdefault(one.thumbprint, Need())
            need.backups[f"{instance}/{one.database}"] += 1
            need.subject = str(one.details.get("certificate", ""))
    return found


def recorded(instance: str, backup_set: BackupSet) -> bool:
    """Take the catalogue's word for it that a set is there."""
    return True


class Shelves:
    """Looks whether sets are still there, each directory once. What nobody can tell counts as there."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._shelves: dict[str, Shelf] = {}

    def __call__(self, instance: str, backup_set: BackupSet) -> bool:
        """Say whether the file of an instance's set is there."""
        if instance not in self._shelves:
            self._shelves[instance] = Shelf(self._engine(instance))
        return self._shelves[instance].holds(backup_set)

    def _engine(self, instance: str) -> Engine:
        try:
            return self._core.engine(instance)
        except PwsopsError:
            # The instance is forgotten or its password cannot be opened; its backups may lie on this machine.
            return embedded_engine()
