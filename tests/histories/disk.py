"""A disk that several homes write their backups to, and an engine that keeps databases and media in memory.

A database's content is a number. A file holds one set and the content that was saved, which a test compares with what
the product says; nothing that the product wrote down about itself is believed.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from pwsops.clock import Clock
from pwsops.engines.records import Capabilities, DatabaseInfo, DatabaseState, Instance
from pwsops.engines.requests import (
    BackupRequest,
    BackupResult,
    Deletion,
    ProgressCallback,
    RestoreRequest,
    RestoreResult,
    Verification,
)
from pwsops.errors import BaseUnusable, EngineError, MediaError
from pwsops.rules.model import BackupKind, BackupSet, MediaState, Message, Sighting
from tests.fake_engine import FakeEngine, FakeServer


@dataclass
class Media:
    """One file: its set, whose database it is of and what was saved; and what has befallen it."""

    backup_set: BackupSet
    of: tuple[str, str]
    content: int
    damaged: bool = False
    rotten: bool = False
    """Damaged where only reading all of it shows that."""


@dataclass
class Disk:
    """The files, and the databases of each address."""

    clock: Clock
    databases: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, Media] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    failing: set[tuple[str, str]] = field(default_factory=set)
    saved: dict[str, int] = field(default_factory=dict)
    """What each set that was ever taken holds, by its id."""

    pruned: set[tuple[str, str]] = field(default_factory=set)
    """Of which databases a policy removed files in this step."""

    def open(self, instance: Instance) -> ModelEngine:
        return ModelEngine(self, instance)

    def content(self, sets: Sequence[BackupSet]) -> int:
        """Restore a chain: full, then its incremental. Raises `MediaError` as an engine does."""
        full, newest = sets[0], sets[-1]
        for one in sets:
            self.read(one)
        if full.kind is not BackupKind.FULL or (newest is not full and newest.base_id != full.set_id):
            raise MediaError("This is no chain.", hint="Plan another.")
        return self.files[newest.path].content

    def read(self, one: BackupSet) -> None:
        found = self.found(one.path)
        if found.rotten:
            raise MediaError(f"{one.path} is damaged.", hint="Choose another.", path=one.path)
        if found.backup_set.set_id != one.set_id:
            raise MediaError(f"{one.path} holds another backup.", hint="Choose another.", path=one.path)

    def found(self, path: str) -> Media:
        if posixpath.dirname(path) in self.away:
            raise EngineError(f"{path} cannot be reached.", hint="Mount it.")
        media = self.files.get(path)
        if media is None or media.damaged:
            raise MediaError(f"{path} is gone or damaged.", hint="Choose another.", path=path)
        return media

    def restorable(self, of: tuple[str, str], unseen: Collection[str | None] = ()) -> set[str]:
        """Return the `set_id` of what could be restored of a database with the disk alone; `unseen` rot is none."""
        ours = [one for one in self.files.values() if one.of == of and not one.damaged]
        good = [one for one in ours if not one.rotten or one.backup_set.set_id in unseen]
        fulls = {one.backup_set.set_id for one in good if one.backup_set.kind is BackupKind.FULL}
        sets = [one.backup_set for one in good]
        return {one.set_id for one in sets if one.kind is BackupKind.FULL or one.base_id in fulls}


class ModelEngine(FakeEngine):
    """One instance, at an address of the disk's databases; what it shares with the other stand-in it inherits."""

    def __init__(self, disk: Disk, instance: Instance) -> None:
        super().__init__(FakeServer(disk.clock), instance)
        self.capabilities = Capabilities(atomic_restore=True)
        self._disk = disk
        self._address = instance.address

    def _databases(self) -> dict[str, int]:
        if self._address in self._disk.unreachable:
            raise EngineError("The server is away.", hint="Look at its cable.")
        return self._disk.databases.setdefault(self._address, {})

    def databases(self) -> list[DatabaseInfo]:
        return [DatabaseInfo(name=name, size_bytes=1, state=DatabaseState.ONLINE) for name in sorted(self._databases())]

    def spelled(self, database: str) -> str | None:
        return database if database in self._databases() else None

    def backup(
        self, request: BackupRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> BackupResult:
        disk, name = self._disk, request.database
        if name not in self._databases() or (self._address, name) in disk.failing or request.directory in disk.away:
            raise EngineError(f"The backup of {name} failed.", hint="Try again.")
        if request.base is not None:
            self._check_base(request.base)
        path, told = self._free(request)
        now = disk.clock.now()
        taken = BackupSet(
            set_id=str(uuid.uuid4()),
            database=name,
            kind=request.kind,
            path=path,
            started_at=now,
            finished_at=now,
            size_bytes=1,
            base_id=request.base.set_id if request.base else None,
            description=request.description,
        )
        content = self._databases()[name]
        disk.files[path] = Media(backup_set=taken, of=(self._address, name), content=content)
        disk.saved[taken.set_id] = content
        checked = request.check_structure and taken.kind is BackupKind.FULL
        return BackupResult(backup_set=taken, messages=told, checked=checked)

    def _check_base(self, base: BackupSet) -> None:
        try:
            self._disk.read(base)
        except EngineError as error:
            raise BaseUnusable(error.message, hint="Take a full.") from error

    def _free(self, request: BackupRequest) -> tuple[str, list[Message]]:
        """Return where to write, by the protocol: only what is known to be the profile's own is ever replaced."""
        path = posixpath.join(request.directory, request.file_name)
        there = self._disk.files.get(path)
        if there is None or (request.overwrite and there.backup_set in request.replaceable):
            return path, []
        other = path.replace(".bak", f"_{uuid.uuid4().hex[:8]}.bak")
        return other, [Message(text=f"{path} is not ours; written as {other}.", at=self._disk.clock.now())]

    def look_for(self, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        self._databases()
        return {one.set_id: self._look(one) for one in sets}

    def _look(self, one: BackupSet) -> Sighting:
        try:
            found = self._disk.found(one.path)
        except MediaError as error:
            state = MediaState.DAMAGED if one.path in self._disk.files else MediaState.MISSING
            return Sighting(state=state, reason=error.message)
        except EngineError as error:
            return Sighting(state=MediaState.UNKNOWN, reason=error.message)
        same = found.backup_set.set_id == one.set_id
        return Sighting(state=MediaState.PRESENT if same else MediaState.OTHER)

    def read_media(self, path: str) -> list[BackupSet]:
        return [self._disk.found(path).backup_set]

    def verify(
        self, backup_set: BackupSet, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> Verification:
        self._disk.read(backup_set)
        return Verification(backup_set=backup_set, checked_bytes=1, duration_s=0.0)

    def delete_media(self, sets: Sequence[BackupSet]) -> list[Deletion]:
        self._databases()
        return [self._delete(one) for one in sets]

    def _delete(self, one: BackupSet) -> Deletion:
        sighting = self._look(one)
        if sighting.state is not MediaState.PRESENT:
            return Deletion(path=one.path, deleted=False, reason=sighting.reason or "it holds another")
        self._disk.pruned.add(self._disk.files.pop(one.path).of)
        return Deletion(path=one.path, deleted=True)

    def restore(
        self, request: RestoreRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> RestoreResult:
        content = self._disk.content(request.sets)
        self._databases()[request.database] = content
        return RestoreResult(database=request.database, restored_bytes=1, duration_s=0.0)
