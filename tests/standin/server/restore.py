"""RESTORE DATABASE and RESTORE LOG."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from tests.standin.events import Done, Event
from tests.standin.server.content import Change, Content, StoredRow
from tests.standin.server.context import Context
from tests.standin.server.database import Base, Database, Roll
from tests.standin.server.inspect_media import check_readable
from tests.standin.server.media import Media, StoredSet
from tests.standin.server.media_access import check_certificates, find_set, open_families
from tests.standin.server.messages import ServerError, refuse, said
from tests.standin.server.progress import last_percentage, percentages, running
from tests.standin.server.restore_checks import check_database, check_fits, check_set, plan_files
from tests.standin.server.statements import Restore
from tests.standin.server.values import parse_datetime

# What a byte that is not what it was does to a text, where no checksum finds it.
DAMAGED = "\N{REPLACEMENT CHARACTER}"


def perform(context: Context, statement: Restore) -> Generator[Event]:
    """Restore and say so; on failure 3013 comes after the cause."""
    try:
        yield from _perform(context, statement)
    except ServerError as error:
        raise ServerError(*error.said, said(3013, statement.title)) from None


def _perform(context: Context, statement: Restore) -> Generator[Event]:
    with context.server.lock:
        name = context.text(statement.database)
        present = check_database(context, statement, name)
        job = _begin(context, statement, present, name) if statement.devices else None
        if job is None:
            _recover_only(present, name)
    if job is None:
        yield said(3014, statement.title, 0, 1.0, 0.0)
        yield Done()
        return
    try:
        yield from _run(context, statement, job)
    finally:
        job.database.busy = ""


def _begin(context: Context, statement: Restore, present: Database | None, name: str) -> _Job:
    paths = [context.server.default_path(context.text(device)) for device in statement.devices]
    families = open_families(context, paths)
    stored = find_set(paths[0], families[0], statement.file)
    check_certificates(context, stored)
    check_set(context, statement, paths[0], stored)
    check_fits(context, statement, present, stored)
    moves = {context.text(logical): context.text(path) for logical, path in statement.moves}
    job = _Job(context, statement, paths, families, stored, present, name, moves)
    job.begin()
    return job


def _run(context: Context, statement: Restore, job: _Job) -> Generator[Event]:
    with running(context, statement.title, job.database.database_id) as request:
        yield from percentages(context, request, statement.stats, 1 + len(job.stored.files))
        yield from last_percentage(context, statement.stats)
        with context.server.lock:
            job.end()
    stored = job.stored
    for one in stored.files:
        pages = stored.pages if one.file.file_id == 1 else 2
        yield said(4035, pages, job.name, one.file.name, statement.file)
    yield said(3014, statement.title, stored.pages + 2, 1.0, stored.size_bytes / 1024 / 1024)
    yield Done()


def _recover_only(present: Database | None, name: str) -> None:
    if present is None:
        raise refuse(3118, name)
    if present.roll is None:
        raise refuse(3153)
    if present.roll.interrupted:
        raise refuse(4319, present.roll.interrupted)
    recover(present)


def recover(database: Database, *, restricted: bool = False) -> None:
    """Bring a database online after the last set: a new recovery fork begins."""
    database.state = "ONLINE"
    database.roll = None
    database.user_access = "RESTRICTED_USER" if restricted else "MULTI_USER"
    database.fork = uuid4()
    database.next_lsn()
    database.log = []
    database.log_backed_up_to = None if database.recovery_model == "SIMPLE" else database.lsn


@dataclass
class _Job:
    """A restore on its way."""

    context: Context
    statement: Restore
    paths: Sequence[str]
    families: Sequence[Media]
    stored: StoredSet
    present: Database | None
    name: str
    moves: Mapping[str, str]

    def begin(self) -> None:
        """Take the database away from its users; from here on there is no way back."""
        if self.stored.kind == "D":
            files = plan_files(self.context, self.statement, self.present, self.stored, self.moves)
            self.database = self.present or self.context.server.add_database(self.name, files=files)
            self.context.server.place_files(self.database, files)
            self.database.content = Content()
            self.database.roll = Roll(full=UUID(int=0), checkpoint_lsn=0, lsn=0)
        else:
            assert self.present is not None
            self.database = self.present
        assert self.database.roll is not None
        self.database.roll.interrupted = self.paths[0]
        self.database.state = "RESTORING"
        self.database.busy = self.statement.title

    def end(self) -> None:
        """Write what the set holds, and recover where that was asked for."""
        self._check_damage()
        content = self._damaged_content()
        if isinstance(content, Content):
            self._take_full(content)
        else:
            self._roll_forward(content)
        database = self.database
        assert database.roll is not None
        database.roll.interrupted = ""
        if self.statement.recovery == "RECOVERY":
            recover(database, restricted=self.statement.restricted)
        self.context.server.history.remember_restore(
            self.stored, self.families, self.paths, database=self.name, user=self.context.account.name,
            at=self.context.server.clock.now(), replace=self.statement.replace,
            recovery=self.statement.recovery == "RECOVERY", stop_at=self._stop_at(),
        )  # fmt: skip

    def _check_damage(self) -> None:
        if self.statement.checksum is not False:
            try:
                check_readable(self.paths, self.families, self.stored)
            except ServerError as error:
                if error.said[0].number == 3189:
                    raise refuse(3183, 1, 64, self.name) from None
                raise

    def _damaged_content(self) -> Content | Sequence[Change]:
        """Return the content, with a text spoilt where damage passed unseen."""
        content = self.stored.content
        if self.stored.position not in self.families[0].damaged:
            return content
        if isinstance(content, Content):
            spoilt = content.copy()
            for rows in spoilt.tables.values():
                for key in list(rows)[:1]:
                    rows[key] = StoredRow(DAMAGED + rows[key].text, rows[key].lsn)
            return spoilt
        return [replace(one, text=DAMAGED + one.text) if one.text else one for one in content]

    def _take_full(self, content: Content) -> None:
        stored, database = self.stored, self.database
        database.content = content.copy()
        database.recovery_model = stored.recovery_model
        database.family = stored.family
        database.switched_on = set()
        database.created_at = stored.database_created_at
        database.compatibility_level = stored.compatibility_level
        database.tde_thumbprint = stored.tde_thumbprint
        database.base = stored.base if stored.copy_only else _base_of(stored)
        database.move_to_lsn(stored.last_lsn)
        database.roll = Roll(full=stored.guid, checkpoint_lsn=stored.checkpoint_lsn, lsn=stored.last_lsn)

    def _roll_forward(self, changes: Sequence[Change]) -> None:
        assert self.database.roll is not None
        until = self._stop_at()
        for change in changes:
            if until is None or change.at <= until or self.stored.kind == "I":
                self.database.content.apply(change)
        self.database.roll.lsn = self.stored.last_lsn
        self.database.move_to_lsn(self.stored.last_lsn)

    def _stop_at(self) -> datetime | None:
        if self.statement.stop_at is None:
            return None
        return self.context.server.clock.instant(parse_datetime(self.context.text(self.statement.stop_at)))


def _base_of(stored: StoredSet) -> Base:
    return Base(guid=stored.guid, lsn=stored.checkpoint_lsn, first_lsn=stored.first_lsn, at=stored.finished_at)
