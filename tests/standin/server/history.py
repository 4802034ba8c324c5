"""What msdb remembers: successes only, in the order in which they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.standin.server.media import Media, StoredSet


@dataclass(frozen=True, kw_only=True)
class MediaSetRecord:
    """A media set and the files of its families, in their order."""

    media_set_id: int
    families: Sequence[Media]
    paths: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class BackupRecord:
    """A row of `backupset`."""

    backup_set_id: int
    media_set: MediaSetRecord
    stored: StoredSet


@dataclass(frozen=True, kw_only=True)
class RestoreRecord:
    """A row of `restorehistory`."""

    restore_history_id: int
    restored_at: datetime
    database: str
    user: str
    backup_set_id: int
    kind: str
    replace: bool
    recovery: bool
    stop_at: datetime | None


@dataclass
class History:
    """The tables of msdb that matter here. Tests may clear the lists, as a purge job would."""

    backups: list[BackupRecord] = field(default_factory=list)
    restores: list[RestoreRecord] = field(default_factory=list)
    media_sets: list[MediaSetRecord] = field(default_factory=list)
    _last_id: int = 0

    def remember_backup(self, stored: StoredSet, families: Sequence[Media], paths: Sequence[str]) -> BackupRecord:
        """Write the rows of a backup that has ended well."""
        media_set = next((one for one in self.media_sets if one.families[0].set_guid == families[0].set_guid), None)
        if media_set is None:
            media_set = MediaSetRecord(media_set_id=self._next_id(), families=families, paths=tuple(paths))
            self.media_sets.append(media_set)
        record = BackupRecord(backup_set_id=self._next_id(), media_set=media_set, stored=stored)
        self.backups.append(record)
        return record

    def remember_restore(
        self, stored: StoredSet, families: Sequence[Media], paths: Sequence[str], *, database: str, user: str,
        at: datetime, replace: bool, recovery: bool, stop_at: datetime | None,
    ) -> None:  # fmt: skip
        """Write the row of a restore that has ended well, and those of the set, if it was taken elsewhere."""
        known = next((one for one in self.backups if one.stored.guid == stored.guid), None)
        known = known or self.remember_backup(stored, families, paths)
        self.restores.append(
            RestoreRecord(
                restore_history_id=self._next_id(), restored_at=at, database=database, user=user,
                backup_set_id=known.backup_set_id, kind=stored.kind, replace=replace, recovery=recovery,
                stop_at=stop_at,
            )
        )  # fmt: skip

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id
