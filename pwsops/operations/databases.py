"""The databases of an instance, with what would be lost if one vanished now; and the server's directories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from pwsops.catalogue import access, instances, profiles, sets
from pwsops.catalogue.access import ChangedAccess
from pwsops.engines.base import (
    Credentials,
    DatabaseContents,
    DatabaseInfo,
    DatabaseState,
    DirectoryCheck,
    DirectoryEntry,
    DirectoryStatus,
    Engine,
)
from pwsops.errors import PwsopsError
from pwsops.operations.access import Context, Role
from pwsops.operations.fan_out import ask_all
from pwsops.operations.records import DatabaseView
from pwsops.rules.chain import is_ahead
from pwsops.rules.exposure import exposure_s
from pwsops.rules.model import BackupKind, BackupSet

LOOK_BACK = timedelta(days=62)
"""How far the memory of a server is read: two months have the newest full of whatever is backed up at all."""
POLL_LIMIT_S = 20.0

T = TypeVar("T")


class Databases:
    """List databases, browse the server, create an empty database for one that is gone."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, instance: str) -> list[DatabaseView]:
        """Give the databases of an instance by name; those of profiles that are gone from it too, as GONE."""
        core = self._context.core
        engine = core.engine(instance)
        found = {info.name: info for info in self._ask(instance, None, lambda engine: engine.databases())}
        users: dict[str, list[str]] = {}
        with core.catalogue.read() as connection:
            known = sets.of_instance(connection, instance)
            owed = {one.database: one for one in access.open_changes(connection) if one.instance == instance}
            for row in profiles.living(connection):
                if row.fields["instance"] == instance:
                    for database in row.fields["databases"]:
                        users.setdefault(database, []).append(row.name)
        for name in users:
            found.setdefault(name, _gone(name))
        if engine.capabilities.external_history:
            _add_outside(known, engine.history(core.clock.now() - LOOK_BACK))
        shelf = Shelf(engine)
        return [
            self._view(
                _with_owed(found[name], owed.get(name)),
                [one for one in known.get(name, []) if shelf.holds(one)],
                users.get(name, []),
            )
            for name in sorted(found, key=str.lower)
        ]

    def poll(
        self,
        names: Sequence[str] | None = None,
        *,
        limit_s: float = POLL_LIMIT_S,
        on_answer: Callable[[str, Sequence[DatabaseView] | PwsopsError], None] | None = None,
    ) -> Mapping[str, Sequence[DatabaseView] | PwsopsError]:
        """Ask many instances for their databases at once.

        Parameters
        ----------
        names
            Which; None asks all.
        limit_s
            How long to wait, for all together.
        on_answer
            Is given each answer as it comes, so that those that answer need not wait for those that do not. Who is
            too late is told as `Unanswered`, and its answer afterwards, if one comes after all.

        Returns
        -------
        Mapping
            By instance: its databases as `list` gives them, or the error of one that did not answer.
        """
        core = self._context.core
        if names is None:
            with core.catalogue.read() as connection:
                names = [row.name for row in instances.every(connection)]
        asks: dict[str, Callable[[], Sequence[DatabaseView]]] = {name: partial(self.list, name) for name in names}
        return ask_all(asks, limit_s=limit_s, clock=core.clock, on_answer=on_answer)

    def owed_access(self, instance: str | None = None) -> Sequence[ChangedAccess]:
        """Give the databases that a restore closed to those who use them and that are not open again as before.

        The backup service opens them, and tries until it works; until then nobody, or hardly anybody, is let in.
        """
        with self._context.core.catalogue.read() as connection:
            return [one for one in access.open_changes(connection) if instance in (None, one.instance)]

    def contents(self, instance: str, database: str) -> DatabaseContents:
        """Say which tables a database has now and how many rows; takes seconds at most."""
        return self._ask(instance, None, lambda engine: engine.contents(database))

    def backup_directory(self, instance: str, *, credentials: Credentials | None = None) -> str:
        """Say where on the database server to begin to look for a directory."""
        return self._ask(instance, credentials, lambda engine: engine.backup_directory())

    def parent(self, instance: str, path: str, *, credentials: Credentials | None = None) -> str:
        """Give the directory that a path on the database server lies in; the path itself where it is the topmost."""
        return self._ask(instance, credentials, lambda engine: engine.split(path)[0])

    def browse(self, instance: str, path: str, *, credentials: Credentials | None = None) -> Sequence[DirectoryEntry]:
        """List a directory on the database server, as the instance's own login unless another is given."""
        return self._ask(instance, credentials, lambda engine: engine.browse(path))

    def check_directory(self, instance: str, path: str) -> DirectoryCheck:
        """Say whether backups can be written there, as far as the server can tell."""
        return self._ask(instance, None, lambda engine: engine.check_directory(path))

    def create(self, instance: str, name: str, *, credentials: Credentials | None = None) -> None:
        """Create an empty database, the confirmed step before restoring one that is gone."""
        self._context.allow(Role.ADMIN, "create a database")
        core = self._context.core
        core.engine(instance, credentials).create_database(name)
        with core.catalogue.write() as connection:
            self._context.note(connection, "create database", f"{instance}/{name}", "empty, to restore into")

    def _ask(self, instance: str, credentials: Credentials | None, question: Callable[[Engine], T]) -> T:
        """Ask an instance something; a login of its own that it refuses is not used again."""
        core = self._context.core
        engine = core.engine(instance, credentials)
        with nullcontext() if credentials else core.asking(instance):
            return question(engine)

    def _view(self, info: DatabaseInfo, known: Sequence[BackupSet], users: Sequence[str]) -> DatabaseView:
        def newest(kind: BackupKind) -> BackupSet | None:
            return next((one for one in known if one.kind is kind), None)

        full, incremental = newest(BackupKind.FULL), newest(BackupKind.DIFFERENTIAL)
        return DatabaseView(
            name=info.name,
            size_bytes=info.size_bytes,
            state=info.state,
            reason=info.reason,
            last_full_at=full.finished_at if full else None,
            last_incremental_at=incremental.finished_at if incremental else None,
            exposure_s=exposure_s(known, self._context.core.clock.now()),
            profiles=users,
            warnings=(*info.warnings, *_clock_doubts(known, self._context.core.clock.now())),
            foreign_base=bool(info.details.get("foreign_base")),
        )


def _add_outside(known: dict[str, list[BackupSet]], outside: Iterable[BackupSet]) -> None:
    """Add what the server remembers and the catalogue does not; newest first, as the catalogue gives them."""
    ours = {one.set_id for of_database in known.values() for one in of_database}
    for one in outside:
        # A snapshot lies on disks of the server that nobody here can read.
        if one.set_id not in ours and not one.details.get("is_snapshot"):
            known.setdefault(one.database, []).append(one)
    for of_database in known.values():
        of_database.sort(key=lambda one: one.finished_at, reverse=True)


def _clock_doubts(known: Sequence[BackupSet], now: datetime) -> Iterator[str]:
    ahead = [one.finished_at for one in known if is_ahead(one.finished_at, now)]
    if ahead:
        yield (
            f"A backup of it is dated {max(ahead):%Y-%m-%d %H:%M} UTC, which is still to come: a clock was wrong. It "
            "counts for nothing, and the next run takes a full. Look at the clocks of this machine and of the server."
        )


def _with_owed(info: DatabaseInfo, owed: ChangedAccess | None) -> DatabaseInfo:
    if owed is None:
        return info
    said = (
        f"It is {owed.changed_to} since restore {owed.restore_id}, and was {owed.former_mode} before: the backup "
        "service gives that back as soon as it can."
    )
    return replace(info, warnings=(said, *info.warnings))


def _gone(name: str) -> DatabaseInfo:
    return DatabaseInfo(
        name=name, size_bytes=0, state=DatabaseState.GONE, reason="a profile names it, and the instance has it no more"
    )


class Shelf:
    """Tells whether a set's file still lies where it was written. A directory that cannot be read proves nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files: dict[str, set[str] | None] = {}
        self._silent = False

    def holds(self, backup_set: BackupSet) -> bool:
        """Say whether a set's file is there, as far as anybody can tell."""
        return self.has(backup_set.path)

    def has(self, path: str) -> bool:
        """Say whether a file is there, as far as anybody can tell.

        Each directory is listed once, and of a server that does not answer none after the first.
        """
        files = None if self._silent else self._beside(path)
        return files is None or path in files

    def _beside(self, path: str) -> set[str] | None:
        try:
            directory, _ = self._engine.split(path)
            if directory not in self._files:
                self._files[directory] = self._listed(directory)
            return self._files[directory]
        except PwsopsError:
            self._silent = True
            return None

    def _listed(self, directory: str) -> set[str] | None:
        try:
            return {entry.path for entry in self._engine.browse(directory)}
        except PwsopsError as error:
            if error.transient:
                raise
            missing = self._engine.check_directory(directory).status is DirectoryStatus.MISSING
            return set() if missing else None
