"""One database of the server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from tests.standin.server.clock import ServerClock
from tests.standin.server.content import PAGE_BYTES, Change, Content

EMPTY_PAGES = 320
LOG_PAGES = 1024
FIRST_LSN = 34_000_000_000_100_001
TABLE = "notes"


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file of a database. Its size is in pages; `kind` is ROWS or LOG."""

    file_id: int
    name: str
    path: str
    kind: str = "ROWS"


@dataclass(frozen=True, kw_only=True)
class Base:
    """The full backup that a differential would refer to."""

    guid: UUID
    lsn: int
    first_lsn: int
    at: datetime


@dataclass
class Roll:
    """A restore that has begun and is not recovered yet: how far the database is, and along which fork."""

    full: UUID
    checkpoint_lsn: int
    lsn: int
    interrupted: str = ""
    """The path of the media whose restore did not come to its end."""


@dataclass
class Database:
    """What the server knows of a database. Tests may set what is plain data here."""

    name: str
    database_id: int
    clock: ServerClock
    created_at: datetime
    owner: str = "sa"
    state: str = "ONLINE"
    recovery_model: str = "FULL"
    user_access: str = "MULTI_USER"
    read_only: bool = False
    snapshot_of: str | None = None
    replica_role: str | None = None
    """PRIMARY or SECONDARY in an availability group."""
    readable_secondary: bool = True
    """Whether a secondary answers queries; backups do not depend on it."""
    standby: bool = False
    """Whether it is between two restores, and read meanwhile."""
    oldest_active_lsn: int | None = None
    """Where the oldest open transaction began: a backup's first LSN is then before its checkpoint."""
    tde_thumbprint: bytes | None = None
    compatibility_level: int = 160
    collation: str = "SQL_Latin1_General_CP1_CI_AS"
    files: list[DataFile] = field(default_factory=list)
    content: Content = field(default_factory=Content)
    log: list[Change] = field(default_factory=list)
    base: Base | None = None
    log_backed_up_to: int | None = None
    """Where the chain of log backups goes on; None: no full backup begins one."""
    fork: UUID = field(default_factory=uuid4)
    family: UUID = field(default_factory=uuid4)
    roll: Roll | None = None
    damaged_page: int | None = None
    """A page of the first file whose checksum fails when it is read."""
    switched_on: set[str] = field(default_factory=set)
    """Columns of sys.databases such as `is_trustworthy_on`; a restore switches all of them off."""
    users: dict[str, str] = field(default_factory=dict)
    """The login of each user, whether the server has it or not."""
    suspect_page: int | None = None
    """A page of the first file that the server came upon earlier, and that msdb remembers."""
    busy: str = ""
    """The statement that has the database for itself now: BACKUP or RESTORE."""
    extra_pages: int = 0
    """Pages beyond those of the rows, for tests that want a big database."""
    _lsn: int = FIRST_LSN

    def next_lsn(self, step: int = 16) -> int:
        self._lsn += step
        return self._lsn

    def move_to_lsn(self, lsn: int) -> None:
        """Go on from at least this LSN, as after a restore."""
        self._lsn = max(self._lsn, lsn)

    @property
    def lsn(self) -> int:
        return self._lsn

    @property
    def is_system(self) -> bool:
        return self.database_id <= 4

    @property
    def data_pages(self) -> int:
        return EMPTY_PAGES + self.content.pages + self.extra_pages

    def pages_of(self, file: DataFile) -> int:
        """Say how big a file is; further data files are empty here."""
        if file.kind == "LOG":
            return LOG_PAGES + self.log_used_bytes // PAGE_BYTES
        return self.data_pages if file.file_id == 1 else EMPTY_PAGES

    @property
    def log_used_bytes(self) -> int:
        """What of the log is in use: in SIMPLE recovery each checkpoint empties it."""
        if self.recovery_model == "SIMPLE":
            return 0
        after = self.log_backed_up_to or 0
        return sum(change.size_bytes for change in self.log if change.lsn > after)

    def create_table(self, table: str = TABLE) -> None:
        self._record(table, None, None)

    def write_rows(self, rows: Iterable[tuple[int, str]], table: str = TABLE) -> None:
        """Insert or replace rows by their number."""
        for key, text in rows:
            self._record(table, key, text)

    def delete_rows(self, keys: Iterable[int], table: str = TABLE) -> None:
        for key in keys:
            self._record(table, key, None)

    def read_rows(self, table: str = TABLE) -> list[tuple[int, str]]:
        """Return all rows by number."""
        return sorted((key, row.text) for key, row in self.content.tables.get(table, {}).items())

    def _record(self, table: str, key: int | None, text: str | None) -> None:
        change = Change(lsn=self.next_lsn(), at=self.clock.now(), table=table, key=key, text=text)
        self.content.apply(change)
        self.log.append(change)
