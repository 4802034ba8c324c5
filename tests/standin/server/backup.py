"""BACKUP DATABASE and BACKUP LOG."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from tests.standin.events import Done, Event, Said
from tests.standin.server.backup_checks import check
from tests.standin.server.content import PAGE_BYTES, Change, Content, pages
from tests.standin.server.context import Context
from tests.standin.server.database import Base, Database
from tests.standin.server.files import OsError
from tests.standin.server.media import Media, SetFile, StoredSet
from tests.standin.server.media_access import prepare
from tests.standin.server.messages import ServerError, os_error, refuse, said
from tests.standin.server.progress import last_percentage, percentages, running
from tests.standin.server.statements import Backup

HEADER_BYTES = 65536
COMPRESSION = 4


def perform(context: Context, statement: Backup) -> Generator[Event]:
    """Take a backup and say so; on failure 3013 comes after the cause."""
    try:
        yield from _perform(context, statement)
    except ServerError as error:
        raise ServerError(*error.said, said(3013, statement.title)) from None


def _perform(context: Context, statement: Backup) -> Generator[Event]:
    server = context.server
    paths = [server.default_path(context.text(device)) for device in statement.devices]
    with server.lock:
        database = check(context, statement)
        job = _Job(context, statement, database, paths, prepare(context, statement, paths))
    try:
        with server.lock:
            job.begin()
        with running(context, statement.title, database.database_id) as request:
            yield from _warning(context, statement)
            yield from percentages(context, request, statement.stats, len(job.shown) + 2)
            yield from job.end()
        yield Done()
    finally:
        job.close()
        database.busy = ""


def _warning(context: Context, statement: Backup) -> Generator[Said]:
    """Warn of a certificate whose private key nobody has saved."""
    if statement.encryption is not None:
        certificate = context.server.certificates[statement.encryption.certificate]
        if certificate.key_backed_up_at is None:
            yield said(33091)


@dataclass
class _Job:
    """A backup on its way: what is written, and where."""

    context: Context
    statement: Backup
    database: Database
    paths: Sequence[str]
    families: Sequence[Media]

    def begin(self) -> None:
        """Take the content as it is now, and spoil what the files held, as INIT and FORMAT do."""
        self.database.busy = self.statement.title
        self.started_at = self.context.server.clock.now().replace(microsecond=0)
        self.checkpoint_lsn = self.database.next_lsn()
        self.content = self._content()
        self.last_lsn = self.database.next_lsn()
        for path, media in zip(self.paths, self.families, strict=True):
            if self.statement.init or self.statement.format:
                media.sets.clear()
                media.damaged.clear()
                media.truncated = False
                media.encrypted = self.statement.encryption is not None
            media.sets.append(None)
            self._write(path, media, HEADER_BYTES)
        self.context.server.files.opened.update(self.paths)
        self.position = len(self.families[0].sets)

    def close(self) -> None:
        """Let others open the files again."""
        self.context.server.files.opened.difference_update(self.paths)

    @property
    def shown(self) -> list[str]:
        """The data files that are named among the messages: a log backup has none."""
        return [] if self.statement.log else [file.name for file in self.database.files if file.kind == "ROWS"]

    def _content(self) -> Content | Sequence[Change]:
        if self.statement.log:
            after = self.database.log_backed_up_to or 0
            return [change for change in self.database.log if change.lsn > after]
        if self.statement.differential:
            assert self.database.base is not None
            return self.database.content.since(self.database.base.lsn, self.started_at)
        return self.database.content.copy()

    def _write(self, path: str, media: Media, more: int) -> None:
        files = self.context.server.files
        old = files.get(path)
        kept = old.size_bytes if old is not None and len(media.sets) > 1 else 0
        try:
            files.write(path, kept + more, media)
        except OsError as error:
            raise refuse(3202, path, os_error(error.code)) from None

    def end(self) -> Generator[Said]:
        """Finish the set, and say what was written; the set counts from before the last message on."""
        statement, database = self.statement, self.database
        damaged = database.damaged_page is not None and not statement.log
        if damaged and statement.checksum and not statement.continue_after_error:
            raise refuse(3043, database.name, 1, database.damaged_page, database.files[0].path)
        stored = self._stored()
        for name in self.shown:
            yield said(4035, stored.pages, database.name, name, self.position)
        yield from last_percentage(self.context, statement.stats)
        yield said(4035, 2, database.name, database.files[-1].name, self.position)
        with self.context.server.lock:
            self.close()
            self._commit(stored)
        rate = stored.size_bytes / 1024 / 1024
        yield said(3014, statement.title, stored.pages + 2, 1.0, rate)

    def _pages(self) -> int:
        if isinstance(self.content, Content):
            return self.database.data_pages
        return 40 + pages(change.size_bytes for change in self.content)

    def _stored(self) -> StoredSet:
        context, statement, database = self.context, self.statement, self.database
        server = context.server
        count = self._pages()
        size = count * PAGE_BYTES + 3 * HEADER_BYTES
        compressed = server.compress_by_default if statement.compression is None else statement.compression
        certificate = server.certificates.get(statement.encryption.certificate) if statement.encryption else None
        base = database.base
        return StoredSet(
            guid=uuid4(),
            position=self.position,
            kind="L" if statement.log else "I" if statement.differential else "D",
            database=database.name,
            files=self._files(count),
            content=self.content,
            started_at=self.started_at,
            finished_at=server.clock.now().replace(microsecond=0),
            quarters=server.clock.quarters(server.clock.now()),
            expires_at=self.started_at + timedelta(days=statement.retain_days) if statement.retain_days else None,
            first_lsn=self._first_lsn(),
            last_lsn=self.last_lsn,
            checkpoint_lsn=self.checkpoint_lsn,
            database_backup_lsn=base.lsn if base else 0,
            base=base,
            fork=database.fork,
            family=database.family,
            recovery_model=database.recovery_model,
            database_created_at=database.created_at,
            compatibility_level=database.compatibility_level,
            collation=database.collation,
            server_name=server.name,
            machine_name=server.machine_name,
            version=server.version,
            user=context.account.name,
            name=context.optional(statement.name),
            description=context.optional(statement.description),
            pages=count,
            size_bytes=size,
            compressed_bytes=size // COMPRESSION if compressed else size,
            compressed=compressed,
            copy_only=statement.copy_only,
            checksums=server.checksum_by_default if statement.checksum is None else statement.checksum,
            thumbprint=certificate.thumbprint if certificate else None,
            algorithm=statement.encryption.algorithm.lower() if statement.encryption else None,
            tde_thumbprint=database.tde_thumbprint,
            holds_damage=database.damaged_page is not None and statement.continue_after_error,
        )

    def _first_lsn(self) -> int:
        if self.statement.log and self.database.log_backed_up_to is not None:
            return self.database.log_backed_up_to
        return min(self.checkpoint_lsn, self.database.oldest_active_lsn or self.checkpoint_lsn)

    def _files(self, count: int) -> list[SetFile]:
        return [
            SetFile(
                file=file,
                size_bytes=self.database.pages_of(file) * PAGE_BYTES,
                backed_up_bytes=count * PAGE_BYTES if file.file_id == 1 else 0,
            )
            for file in self.database.files
        ]

    def _commit(self, stored: StoredSet) -> None:
        database = self.database
        share = stored.compressed_bytes // len(self.families)
        for path, media in zip(self.paths, self.families, strict=True):
            self._write(path, media, share)
            media.sets[-1] = stored
        if not stored.copy_only:
            self._move_chain(stored)
        if database.log_backed_up_to is None and stored.kind == "D" and database.recovery_model != "SIMPLE":
            database.log_backed_up_to = stored.checkpoint_lsn
        self.context.server.history.remember_backup(stored, self.families, self.paths)

    def _move_chain(self, stored: StoredSet) -> None:
        database = self.database
        if stored.kind == "D":
            database.base = Base(
                guid=stored.guid, lsn=stored.checkpoint_lsn, first_lsn=stored.first_lsn, at=stored.finished_at
            )
        elif stored.kind == "L":
            database.log_backed_up_to = stored.last_lsn
            if self.statement.no_recovery:
                database.state = "RESTORING"
