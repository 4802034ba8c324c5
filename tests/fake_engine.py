"""An engine that keeps its databases and media in memory, and does what a test tells it to."""

from __future__ import annotations

import posixpath
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from pwsops.clock import Clock
from pwsops.engines.options import Option
from pwsops.engines.records import (
    Capabilities,
    CertificateCopy,
    DatabaseContents,
    DatabaseInfo,
    DatabaseState,
    DirectoryCheck,
    DirectoryEntry,
    DirectoryStatus,
    Instance,
    MissingRight,
    Probe,
    TableRows,
)
from pwsops.engines.requests import (
    AccessChange,
    BackupRequest,
    BackupResult,
    Deletion,
    Progress,
    ProgressCallback,
    RestoreRequest,
    RestoreResult,
    Verification,
)
from pwsops.engines.scratch import Findings, Scratch
from pwsops.errors import Cancelled, Conflict, EngineError, MediaError, NotFound
from pwsops.rules.drills import Answer
from pwsops.rules.model import BackupKind, BackupSet, MediaState, Message, Sighting

HELD_AT_MOST_S = 240
"""Longer than any test has reason to hold a backup, and shorter than the limit of a test."""


@dataclass
class FakeServer:
    """What lies behind every `FakeEngine` of a test: databases, media, and orders to misbehave.

    Parameters
    ----------
    clock
        When sets are finished.
    sizes
        The databases, by name.
    """

    clock: Clock
    sizes: dict[str, int] = field(default_factory=lambda: {"one": 100, "two": 200, "three": 300})
    states: dict[str, DatabaseState] = field(default_factory=dict)
    warnings: dict[str, Sequence[str]] = field(default_factory=dict)
    foreign_bases: set[str] = field(default_factory=set)
    logs_until: dict[str, datetime] = field(default_factory=dict)
    uncheckable: bool = False
    """Whether no backup's structure can be checked."""
    shared_base: bool = False
    atomic_restore: bool = True
    scratches: set[str] = field(default_factory=set)
    """The scratches that are there."""
    drilled: list[tuple[str, ...]] = field(default_factory=list)
    """The sets of each drill, by `set_id`."""
    left_free: list[int] = field(default_factory=list)
    """What had to stay free beside the scratch of each drill, in bytes."""
    in_drill: Callable[[str], object] = lambda step: None
    """Is told each step of a drill before it is done; what it raises, the step raises."""
    structure: Findings = field(default_factory=Findings)
    answers: dict[str, Answer] = field(default_factory=dict)
    """By query."""
    why_no_queries: str = ""
    base_of: dict[str, str] = field(default_factory=dict)
    media: dict[str, list[BackupSet]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    requests: list[BackupRequest] = field(default_factory=list)
    restored: list[RestoreRequest] = field(default_factory=list)
    modes: dict[str, str] = field(default_factory=dict)
    """By database: who may come in. Restores change the mode of those that are here, and give it back."""
    give_back_error: Exception | None = None
    """What keeps a mode from being given back."""
    asked_to_give_back: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    finished: dict[str, BackupSet] = field(default_factory=dict)
    """By description and database: what `find_backup` finds."""
    asked_for: list[tuple[str, str]] = field(default_factory=list)
    looked_in: list[tuple[str, str]] = field(default_factory=list)
    """Where backups were looked for: the instance's address and the directory."""
    directories: dict[str, DirectoryCheck] = field(default_factory=dict)
    backup_directory: str = "/"
    doubts_absence: str = ""
    unlistable: set[str] = field(default_factory=set)
    unreachable: Exception | None = None
    databases_error: Exception | None = None
    restore_error: Exception | None = None
    obstacle: Exception | None = None
    """What keeps restores from being done, as far as can be seen before."""
    find_error: Exception | None = None
    verify_error: Exception | None = None
    undeletable: dict[str, str] = field(default_factory=dict)
    """By path: why a file is not deleted."""
    before_deleting: Callable[[Sequence[BackupSet]], object] = lambda sets: None
    delete_error: Exception | None = None
    """What is raised once the files are gone: nobody heard that they are."""
    verified: list[str] = field(default_factory=list)
    unsound: dict[str, Exception] = field(default_factory=dict)
    """By database: what is raised of a finished set of it."""
    before_finding: Callable[[], object] = lambda: None
    facts: Mapping[str, str] = field(default_factory=dict)
    held_rights: Sequence[str] = ()
    missing_rights: Sequence[MissingRight] = ()
    outside: list[BackupSet] = field(default_factory=list)
    """Sets that other tools took, as the server remembers them."""
    login: bool = False
    options: Sequence[Option] = ()
    probe_error: Callable[[Instance], Exception | None] = lambda instance: None
    """What a look at an instance fails for."""
    encryption: bool = False
    saved_certificates: dict[str, bytes] = field(default_factory=dict)
    certificates: bool = False
    opened_as: list[tuple[str | None, str | None]] = field(default_factory=list)
    """The login and password of each engine that was opened."""
    replaced: Sequence[str] = ()
    told: Sequence[Message] = ()
    progress: Sequence[Progress] = ()
    before_backup: Callable[[BackupRequest], None] | None = None
    started: Event = field(default_factory=Event)
    _failures: dict[str, list[Exception]] = field(default_factory=dict)
    _held: Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, database: str, error: Exception, times: int = 1) -> None:
        """Let the next so many backups of a database fail."""
        self._failures.setdefault(database, []).extend([error] * times)

    def mend(self) -> None:
        """Let nothing fail any more."""
        self._failures.clear()

    def hold(self) -> Event:
        """Let backups and restores wait in the middle until the event is set; `started` tells that one does."""
        self._held = Event()
        self.started.clear()
        return self._held

    def open(self, instance: Instance) -> FakeEngine:
        # What an engine can do is asked of one without an address, and reaches nobody.
        if self.unreachable is not None and instance.address:
            raise self.unreachable
        if instance.name:  # without one it is only asked what it can do
            self.opened_as.append((instance.login, instance.password))
        return FakeEngine(self, instance)

    def next_failure(self, database: str) -> Exception | None:
        with self._lock:
            waiting = self._failures.get(database)
            return waiting.pop(0) if waiting else None

    def wait_while_held(self, cancel: Event | None) -> None:
        held, deadline = self._held, time.monotonic() + HELD_AT_MOST_S
        self.started.set()
        while held is not None and not held.wait(0.01):
            assert time.monotonic() < deadline, f"nobody let go of what was held for {HELD_AT_MOST_S} s"
            if cancel is not None and cancel.is_set():
                break
        if cancel is not None and cancel.is_set():
            raise Cancelled("The backup was cancelled.", hint="Start it again any time.")

    def put(self, backup_set: BackupSet) -> BackupSet:
        """Let a set lie in its file."""
        self.media.setdefault(backup_set.path, []).append(backup_set)
        return backup_set


class FakeEngine:
    """One instance on a `FakeServer`."""

    def __init__(self, server: FakeServer, instance: Instance) -> None:
        self._server = server
        self.instance = instance
        self.capabilities = Capabilities(
            shared_base=server.shared_base,
            external_history=server.shared_base,
            login=server.login,
            atomic_restore=server.atomic_restore,
            name_endings=() if server.shared_base else (".db", ".sqlite3"),
            options=server.options,
            restores_to_files=not server.shared_base,
            keeps_unreadable=not server.shared_base,
            encryption=server.encryption or server.certificates,
            certificates=server.certificates,
        )

    def probe(self) -> Probe:
        server = self._server
        error = server.probe_error(self.instance)
        if error is not None:
            raise error
        return Probe(
            reachable=True,
            version="Fake 1",
            path_flavour="posix",
            facts=server.facts,
            held_rights=server.held_rights,
            missing_rights=server.missing_rights,
        )

    def databases(self) -> list[DatabaseInfo]:
        if self._server.databases_error is not None:
            raise self._server.databases_error
        return [self._info(name, size) for name, size in sorted(self._server.sizes.items())]

    def _info(self, name: str, size: int) -> DatabaseInfo:
        state = self._server.states.get(name, DatabaseState.ONLINE)
        reason = "" if state is DatabaseState.ONLINE else f"it is {state.value}, says the test"
        details: dict[str, object] = {"foreign_base": name in self._server.foreign_bases}
        if name in self._server.logs_until:
            details["log_backed_up_until"] = self._server.logs_until[name].isoformat()
        return DatabaseInfo(
            name=name,
            size_bytes=size,
            state=state,
            reason=reason,
            warnings=self._server.warnings.get(name, ()),
            details=details,
        )

    def spelled(self, database: str) -> str | None:
        same = [name for name in self._server.sizes if name.lower() == database.lower()]
        return database if database in same else next(iter(same), None)

    def doubts_absence(self) -> str:
        return self._server.doubts_absence

    def contents(self, database: str) -> DatabaseContents:
        if database not in self._server.sizes:
            raise NotFound(f"There is no database {database}.", hint="Create it first.")
        return DatabaseContents(tables=(TableRows("rows", self._server.sizes[database]),))

    def backup_directory(self) -> str:
        return self._server.backup_directory

    def browse(self, path: str) -> list[DirectoryEntry]:
        if path in self._server.unlistable or path in self._server.media:
            raise EngineError(f"{path} cannot be listed.", hint="Grant the right.")
        listed = [DirectoryEntry(name="sub", path=f"{path}/sub", is_directory=True)]
        for name in self._server.media:
            if posixpath.dirname(name) == path:
                listed.append(DirectoryEntry(name=posixpath.basename(name), path=name, is_directory=False))
        return listed

    def check_directory(self, path: str) -> DirectoryCheck:
        return self._server.directories.get(path, DirectoryCheck(status=DirectoryStatus.OK, free_bytes=1 << 30))

    def join(self, directory: str, name: str) -> str:
        return posixpath.join(directory, name)

    def split(self, path: str) -> tuple[str, str]:
        return posixpath.split(path)

    def file_key(self, path: str) -> str:
        return posixpath.normpath(path)

    def backup(
        self, request: BackupRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> BackupResult:
        server = self._server
        server.requests.append(request)
        if server.before_backup is not None:
            server.before_backup(request)
        for progress in server.progress:
            assert on_progress is not None
            on_progress(progress)
        server.wait_while_held(cancel)
        error = server.next_failure(request.database)
        if error is not None:
            raise error
        now: datetime = server.clock.now()
        taken = BackupSet(
            set_id=str(uuid.uuid4()),
            database=request.database,
            kind=request.kind,
            path=posixpath.join(request.directory, request.file_name),
            started_at=now,
            finished_at=now,
            size_bytes=10,
            database_size_bytes=server.sizes.get(request.database, 0),
            base_id=request.base.set_id if request.base else None,
            description=request.description,
        )
        server.media[taken.path] = [taken]
        if taken.kind is BackupKind.FULL:
            server.base_of[taken.database] = taken.set_id
        checked = request.check_structure and not server.uncheckable and taken.kind is BackupKind.FULL
        return BackupResult(backup_set=taken, messages=server.told, replaced=server.replaced, checked=checked)

    def save_certificates(self, directory: str, copies: Sequence[CertificateCopy]) -> Sequence[str]:
        for copy in copies:
            self._server.saved_certificates[f"{directory}/{copy.file_name}"] = copy.content()
        return []

    def find_backup(self, *, database: str, directory: str, description: str) -> BackupSet | None:
        self._server.asked_for.append((database, description))
        self._server.looked_in.append((self.instance.address, directory))
        self._server.before_finding()
        if self._server.find_error is not None:
            raise self._server.find_error
        return self._server.finished.get(f"{database}: {description}")

    def look_for(self, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        return {each.set_id: self._sighting(each) for each in sets}

    def _sighting(self, backup_set: BackupSet) -> Sighting:
        server = self._server
        if posixpath.dirname(backup_set.path) in server.unlistable:
            return Sighting(state=MediaState.UNKNOWN, reason="the test hides it")
        if backup_set.path not in server.media:
            return Sighting(state=MediaState.MISSING, reason=f"{backup_set.path} does not exist")
        if backup_set.path in server.damaged:
            return Sighting(state=MediaState.DAMAGED, reason=f"{backup_set.path} is damaged")
        there = {each.set_id for each in server.media[backup_set.path]}
        if backup_set.set_id in there:
            return Sighting(state=MediaState.PRESENT)
        return Sighting(state=MediaState.OTHER, reason=f"{backup_set.path} holds another", holds=sorted(there))

    def read_media(self, path: str) -> list[BackupSet]:
        if path in self._server.damaged or path not in self._server.media:
            raise MediaError(f"{path} cannot be read.", hint="Choose another file.")
        return self._server.media[path]

    def verify(
        self, backup_set: BackupSet, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> Verification:
        if self._server.verify_error is not None:
            raise self._server.verify_error
        self._server.verified.append(backup_set.path)
        return Verification(backup_set=backup_set, checked_bytes=backup_set.size_bytes, duration_s=0.0)

    def require_sound(self, backup_set: BackupSet, *, of_database: bool) -> None:
        if backup_set.database in self._server.unsound:
            raise self._server.unsound[backup_set.database]

    def restore(
        self, request: RestoreRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> RestoreResult:
        missing = self._is_missing(request)
        with self._alone(request):
            error = self._server.restore_error or self._server.next_failure(request.database)
            if error is not None:
                raise error
            for progress in self._server.progress:
                assert on_progress is not None
                on_progress(progress)
            self._server.wait_while_held(cancel)
            self._server.restored.append(request)
        if missing:
            self._server.created.append(request.database)
            self._server.sizes[request.database] = 0
        return RestoreResult(
            database=request.database,
            restored_bytes=10,
            duration_s=0.0,
            created=missing,
            messages=self._server.told,
        )

    def _is_missing(self, request: RestoreRequest) -> bool:
        missing = request.database not in self._server.sizes
        if request.must_be_new and not missing:
            raise Conflict(f"There is a database {request.database}.", hint="Give another name.")
        if missing and not request.create_if_missing:
            raise NotFound(f"There is no database {request.database}.", hint="Create it first.")
        return missing

    def check_restore(self, request: RestoreRequest) -> None:
        self._is_missing(request)
        if self._server.obstacle is not None:
            raise self._server.obstacle

    def scratches(self) -> FakeScratches:
        return FakeScratches(self._server)

    def restore_script(self, request: RestoreRequest) -> str:
        return f"restore {request.to_file or request.database} from {', '.join(one.path for one in request.sets)}\n"

    @contextmanager
    def _alone(self, request: RestoreRequest) -> Iterator[None]:
        """Let nobody else in, where the database has a mode; and in again as before, where that is possible."""
        modes, database = self._server.modes, request.database
        if database not in modes:
            yield
            return
        former = request.former_mode or modes[database]
        change = AccessChange(database=database, former_mode=former, changed_to="SINGLE_USER")
        request.on_access_change(change)
        modes[database] = change.changed_to
        try:
            yield
        finally:
            if self._server.give_back_error is None:
                modes[database] = former
                request.on_access_restored(change)

    def give_back_access(self, database: str, former_mode: str) -> None:
        self._server.asked_to_give_back.append(database)
        if self._server.give_back_error is not None:
            raise self._server.give_back_error
        if database not in self._server.modes:
            raise NotFound(f"There is no database {database}.", hint="Create it first.")
        self._server.modes[database] = former_mode

    def delete_media(self, sets: Sequence[BackupSet]) -> list[Deletion]:
        server = self._server
        server.before_deleting(sets)
        answers = [self._deletion(each) for each in sets]
        if server.delete_error is not None:
            raise server.delete_error
        return answers

    def _deletion(self, wanted: BackupSet) -> Deletion:
        if reason := self._server.undeletable.get(wanted.path, ""):
            return Deletion(path=wanted.path, deleted=False, reason=reason)
        there = [each.set_id for each in self._server.media.get(wanted.path, ())]
        if wanted.set_id not in there:
            return Deletion(path=wanted.path, deleted=False, reason="it is not there")
        del self._server.media[wanted.path]
        return Deletion(path=wanted.path, deleted=True)

    def history(self, since: datetime | None = None, *, database: str | None = None) -> Iterator[BackupSet]:
        return iter(one for one in self._server.outside if database in (None, one.database))

    def differential_base(self, database: str) -> str | None:
        return self._server.base_of.get(database)


class FakeScratches:
    """Scratches of a server: databases whose files are its own matter."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def place(self, name: str) -> Scratch:
        self._server.in_drill("place")
        return Scratch(name=name)

    def fill(
        self,
        scratch: Scratch,
        sets: Sequence[BackupSet],
        leave_free_bytes: int,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> RestoreResult:
        self._server.in_drill("fill")
        self._server.left_free.append(leave_free_bytes)
        self._server.scratches.add(scratch.name)
        for progress in self._server.progress:
            assert on_progress is not None
            on_progress(progress)
        self._server.wait_while_held(cancel)
        self._server.in_drill("filled")
        self._server.drilled.append(tuple(one.set_id for one in sets))
        return RestoreResult(database=scratch.name, restored_bytes=10, duration_s=0.0, created=True)

    def check(self, scratch: Scratch, cancel: Event | None = None) -> Findings:
        self._server.in_drill("check")
        return self._server.structure

    def count(self, scratch: Scratch) -> DatabaseContents:
        self._server.in_drill("count")
        return DatabaseContents(tables=(TableRows("rows", 7), TableRows("more", 3)))

    def why_no_queries(self) -> str:
        return self._server.why_no_queries

    def ask(self, scratch: Scratch, queries: Sequence[str], cancel: Event | None = None) -> list[Answer]:
        self._server.in_drill("ask")
        return [self._server.answers[one] for one in queries]

    def drop(self, scratch: Scratch) -> bool:
        self._server.in_drill("drop")
        was_there = scratch.name in self._server.scratches
        self._server.scratches.discard(scratch.name)
        return was_there
