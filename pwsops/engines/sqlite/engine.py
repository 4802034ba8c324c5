"""The embedded engine, as the rest of the product knows it. The work on files happens in worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from threading import Event
from typing import Any

from pwsops.clock import Clock, SystemClock
from pwsops.engines.records import (
    Capabilities,
    CertificateCopy,
    DatabaseContents,
    DatabaseInfo,
    DirectoryCheck,
    DirectoryEntry,
    DirectoryStatus,
    Instance,
    MissingRight,
    Probe,
    TableRows,
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
from pwsops.engines.sqlite import certificate_saving, directory, keys, names, script, statement_saving
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.options import OPTIONS
from pwsops.engines.sqlite.orders import backup_order, restore_order
from pwsops.engines.sqlite.process import Worker, new_token
from pwsops.engines.sqlite.scratches import FileScratches
from pwsops.engines.sqlite.sets import to_record
from pwsops.errors import Cancelled, EndUnknown, InvalidInput, PwsopsError
from pwsops.messages import readable
from pwsops.rules.model import BackupSet, MediaState, Message, Sighting

CONTENTS_LIMIT_S = 15.0
"""How long a look into a database may take in all, its worker's start and waiting for locks included."""
SURVEY_LIMIT_S = 30.0
"""How long the look at the rights in a directory may take."""
TRY_LIMIT_S = 30.0
"""How long trying a directory may take."""
LOOKS_LIMIT_S = READ_LIMIT_S = CHECK_LIMIT_S = 60.0
"""How long a look at the first bytes of files, at both ends of one, and at what a restore needs, may take."""
DELETE_LIMIT_S = 300.0
"""How long deleting files may take; what went by then is found missing at the next look."""
VERIFY_LIMIT_S = 600.0
SLOWEST_BYTES_PER_S = 2 << 20
"""How long reading a set from end to end may take: this time, and what its size takes at this pace. A disk that hangs
keeps nobody waiting for ever."""
FIND_LIMIT_S = 60.0
"""How long looking for a finished backup may take. It reads two ends of each file, and a service that begins waits."""


class SqliteEngine:
    """One directory of SQLite files.

    Parameters
    ----------
    instance
        Its address is the directory.
    clock
        What the time is.
    """

    capabilities = Capabilities(
        encryption=True,
        atomic_restore=True,
        restores_to_files=True,
        keeps_unreadable=True,
        name_endings=names.EXTENSIONS,
        options=OPTIONS,
    )

    def __init__(self, instance: Instance, clock: Clock | None = None) -> None:
        self.instance = instance
        self._clock = clock or SystemClock()
        self._address = os.path.abspath(os.path.expanduser(instance.address))
        self._follows = bool(instance.options.get("follow_links"))
        self._unknown_ends: dict[tuple[str, str, str], list[str]] = {}
        """The ids of sets of which it is not known whether they were finished, for the next attempt."""

    def probe(self) -> Probe:
        """Look at the directory, and at what a backup and a restore need there, and name what serves it."""
        found = self.databases()
        survey = self._worker(
            "survey", {"address": self._address, "follow_links": self._follows}, limit_s=SURVEY_LIMIT_S
        ).run()
        facts = {"Directory": self._address, "Databases": str(len(found)), "SQLite": survey["library"]}
        missing = [MissingRight(**right) for right in survey["missing"]]
        return Probe(
            reachable=True,
            version=survey["library"],
            path_flavour="posix",
            facts=facts,
            missing_rights=missing,
        )

    def databases(self) -> list[DatabaseInfo]:
        """List the directory's databases, the empty and unreadable ones included."""
        return directory.databases(
            self._address, self._looks, follow_links=self._follows, off_limits=self.instance.off_limits
        )

    def _worker(self, operation: str, given: Mapping[str, object], **options: Any) -> Worker:
        return Worker(operation, {**given, "off_limits": asdict(self.instance.off_limits)}, **options)

    def _looks(self, paths: Sequence[str]) -> Mapping[str, str | None]:
        answer: Mapping[str, str | None] = self._worker("looks", {"paths": list(paths)}, limit_s=LOOKS_LIMIT_S).run()
        return answer

    def spelled(self, database: str) -> str | None:
        """Return how the directory spells a database's name; see the protocol."""
        try:
            return names.spelled(self._address, database)
        except OSError as error:
            raise directory.unreachable(self._address, error) from error

    def doubts_absence(self) -> str:
        """Return why a database that the directory does not have need not be gone; see the protocol."""
        return directory.doubts_absence(self._address)

    def contents(self, database: str) -> DatabaseContents:
        """Return which tables a database has and how many rows; see the protocol."""
        given = {"address": self._address, "database": database, "follow_links": self._follows}
        found = self._worker("contents", given, limit_s=CONTENTS_LIMIT_S).run()
        return DatabaseContents(tables=tuple(TableRows(name, rows) for name, rows in found))

    def backup_directory(self) -> str:
        """Begin at the root: the files have no place of their own for backups."""
        return os.sep

    def browse(self, path: str) -> list[DirectoryEntry]:
        """List a directory, directories first."""
        self.instance.off_limits.refuse_home("The directory", path)
        try:
            with os.scandir(path) as entries:
                listed = [_entry(entry) for entry in entries]
        except OSError as error:
            raise InvalidInput(
                f"{path} cannot be listed: {error.strerror}.", hint="Choose a directory that exists and may be read."
            ) from error
        return sorted(listed, key=lambda entry: (not entry.is_directory, entry.name))

    def check_directory(self, path: str) -> DirectoryCheck:
        """Return whether backups can be written there, by doing what one does: rights alone can lie."""
        if not os.path.isabs(path):
            return DirectoryCheck(status=DirectoryStatus.UNKNOWN, reason="it is not an absolute path")
        given = {"directory": path, "token": new_token()}
        status, reason, remarks, free = self._worker(
            "try_directory", given, directories=[path], limit_s=TRY_LIMIT_S
        ).run()
        return DirectoryCheck(status=DirectoryStatus(status), reason=reason, remarks=remarks, free_bytes=free)

    def join(self, directory: str, name: str) -> str:
        """Build a path of this machine."""
        return os.path.join(directory, name)

    def split(self, path: str) -> tuple[str, str]:
        """Take a path of this machine apart."""
        return os.path.split(path)

    def file_key(self, path: str) -> str:
        """Return which file a path means: by its identity, or else by its directory's."""
        directory, name = os.path.split(os.path.abspath(path))
        for part, rest in ((path, ""), (directory, name)):
            with suppress(OSError):
                facts = os.stat(part)
                return f"{facts.st_dev}:{facts.st_ino}/{rest}"
        return os.path.realpath(path)

    def backup(
        self, request: BackupRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> BackupResult:
        """Take one backup in a process of its own; see the protocol."""
        messages: list[Message] = []
        noted: Mapping[str, object] = {}
        checked: bool | None = None
        order = self._order(request)
        worker = self._worker(
            "backup",
            order,
            limits=self.instance.options,
            directories=[request.directory],
            limit_s=request.time_limit_s,
            on_progress=on_progress,
            on_message=self._into(messages),
            cancel=cancel,
        )
        try:
            answer = dict(worker.run())
            noted, checked = answer.pop("noted", {}), answer.pop("checked", None)
            taken = to_record(answer)
        except EndUnknown as error:
            self._unknown_ends.setdefault(_subject(request), []).append(str(order["set_id"]))
            taken = self._settled(order, error)
        except PwsopsError as error:
            if messages:
                last = Message(text=error.message, at=self._clock.now(), is_error=not isinstance(error, Cancelled))
                error.messages = (*messages, last)
            raise
        return BackupResult(backup_set=taken, messages=tuple(messages), noted=noted, checked=checked)

    def _settled(self, order: Mapping[str, object], error: EndUnknown) -> BackupSet:
        """Return the set of a backup that was broken off in its last moment, where it was finished."""
        found = None
        with suppress(PwsopsError):  # then no more is known than before
            key = {name: str(order[name]) for name in ("database", "directory", "description")}
            found = self.find_backup(**key)
        if found is None or found.set_id != order["set_id"]:
            raise error
        return found

    def _order(self, request: BackupRequest) -> dict[str, object]:
        return backup_order(
            self.instance,
            request,
            address=self._address,
            started_at=self._clock.now(),
            adopt=self._unknown_ends.get(_subject(request), []),
        )

    def _into(self, messages: list[Message]) -> _Collect:
        return _Collect(messages, self._clock)

    def save_certificates(self, directory: str, copies: Sequence[CertificateCopy]) -> Sequence[str]:
        """Put certificates beside the media; see the protocol."""
        return certificate_saving.save(os.path.abspath(directory), copies, self._worker)

    def save_statement(self, request: StatementRequest) -> str:
        """Keep what a home says beside the media; see the protocol."""
        return statement_saving.save(request, self._worker)

    def find_backup(self, *, database: str, directory: str, description: str) -> BackupSet | None:
        """Settle an interrupted backup; see the protocol."""
        given = {
            "database": database,
            "directory": os.path.abspath(directory),
            "description": description,
        }
        found = self._worker("find", given, limit_s=FIND_LIMIT_S).run()
        return None if found is None else to_record(found)

    def look_for(self, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        """Return what is found where these sets were written; see the protocol."""
        given = {"sets": [recorded(backup_set) for backup_set in sets]}
        found = self._worker("look_for", given, limit_s=FIND_LIMIT_S).run()
        return {
            set_id: Sighting(state=MediaState(state), reason=reason, holds=holds)
            for set_id, state, reason, holds in found
        }

    def read_media(self, path: str) -> list[BackupSet]:
        """List the one set of a media file."""
        return [to_record(values) for values in self._worker("read_media", {"path": path}, limit_s=READ_LIMIT_S).run()]

    def verify(
        self, backup_set: BackupSet, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> Verification:
        """Check every checksum of a set; raises `EngineError` where that takes too long (`VERIFY_LIMIT_S`)."""
        began = self._clock.monotonic()
        given = {
            "path": backup_set.path,
            "set": recorded(backup_set),
            "keys": keys.of_sets(self.instance, [backup_set]),
        }
        limit_s = VERIFY_LIMIT_S + max(backup_set.size_bytes, backup_set.database_size_bytes) / SLOWEST_BYTES_PER_S
        answer = self._worker("verify", given, limit_s=limit_s, on_progress=on_progress, cancel=cancel).run()
        return Verification(
            backup_set=to_record(answer["set"]),
            checked_bytes=answer["checked_bytes"],
            duration_s=self._clock.monotonic() - began,
        )

    def restore(
        self, request: RestoreRequest, on_progress: ProgressCallback | None = None, cancel: Event | None = None
    ) -> RestoreResult:
        """Write sets into a database; see the protocol."""
        began = self._clock.monotonic()
        messages: list[Message] = []
        answer = self._restoring(
            request,
            limit_s=request.time_limit_s,
            on_progress=on_progress,
            on_message=self._into(messages),
            cancel=cancel,
        ).run()
        return RestoreResult(
            database=answer["database"],
            restored_bytes=answer["restored_bytes"],
            duration_s=self._clock.monotonic() - began,
            created=answer["created"],
            kept_damaged_as=answer["kept_damaged_as"],
            messages=tuple(messages),
        )

    def check_restore(self, request: RestoreRequest) -> None:
        """Raise what a restore would raise for what can be seen before; see the protocol."""
        self._restoring(request, only_checks=True, limit_s=CHECK_LIMIT_S).run()

    def _restoring(self, request: RestoreRequest, *, only_checks: bool = False, **options: Any) -> Worker:
        """Return the worker of a restore, or of its check: both make a file there, which goes where they die."""
        operation, given = restore_order(self.instance, request, address=self._address, now=self._clock.now())
        return self._worker(
            f"check_{operation}" if only_checks else operation,
            given,
            limits=self.instance.options,
            directories=[given["directory"]] if "directory" in given else [],
            beside_database="directory" not in given,
            **options,
        )

    def scratches(self) -> FileScratches:
        """Return what makes and drops the scratches of drills; see `DrillsBackups`."""
        return FileScratches(self.instance, self._clock, SqliteEngine)

    def restore_script(self, request: RestoreRequest) -> str:
        """Return the shell script that does a restore by `recover.py`; see the protocol."""
        return script.write(
            request, address=self._address, follow_links=self._follows, off_limits=self.instance.off_limits
        )

    def delete_media(self, sets: Sequence[BackupSet]) -> list[Deletion]:
        """Delete the files that are these very sets; anything else stays."""
        answer = self._worker("delete", {"sets": [recorded(each) for each in sets]}, limit_s=DELETE_LIMIT_S).run()
        return [Deletion(path=path, deleted=deleted, reason=reason) for path, deleted, reason in answer]

    def history(self, since: datetime | None = None, *, database: str | None = None) -> Iterator[BackupSet]:
        """Return nothing: a directory remembers nothing."""
        return iter(())

    def differential_base(self, database: str) -> str | None:
        """Return None: the base comes with the request."""
        return None


def _subject(request: BackupRequest) -> tuple[str, str, str]:
    return request.database, request.directory, request.description


class _Collect:
    """Turns a worker's texts into messages."""

    def __init__(self, messages: list[Message], clock: Clock) -> None:
        self._messages = messages
        self._clock = clock

    def __call__(self, text: str) -> None:
        self._messages.append(Message(text=text, at=self._clock.now()))


def _entry(entry: os.DirEntry[str]) -> DirectoryEntry:
    listed = DirectoryEntry(name=readable(entry.name), path=readable(entry.path), is_directory=False)
    try:
        facts, is_directory = entry.stat(), entry.is_dir()
    except OSError:
        return listed
    size = None if is_directory else facts.st_size
    return replace(listed, is_directory=is_directory, size_bytes=size, modified_at=_date(facts.st_mtime))


def _date(seconds: float) -> datetime | None:
    """Return an instant; None for one that no calendar has, which a file may have all the same."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
