"""Backup files: media families with sets in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tests.standin.server.content import Change, Content
from tests.standin.server.database import Base, DataFile


@dataclass(frozen=True, kw_only=True)
class SetFile:
    """A database file as a set knows it."""

    file: DataFile
    size_bytes: int
    backed_up_bytes: int


@dataclass(frozen=True, kw_only=True)
class StoredSet:
    """One backup set. `kind` is D, I or L as in msdb. Instants are aware; `content` is what was in the database."""

    guid: UUID
    position: int
    kind: str
    database: str
    files: Sequence[SetFile]
    content: Content | Sequence[Change]
    started_at: datetime
    finished_at: datetime
    quarters: int
    expires_at: datetime | None
    first_lsn: int
    last_lsn: int
    checkpoint_lsn: int
    database_backup_lsn: int
    base: Base | None
    fork: UUID
    family: UUID
    recovery_model: str
    database_created_at: datetime
    compatibility_level: int
    collation: str
    server_name: str
    machine_name: str
    version: str
    user: str
    name: str | None
    description: str | None
    pages: int
    size_bytes: int
    compressed_bytes: int
    compressed: bool = False
    copy_only: bool = False
    checksums: bool = False
    thumbprint: bytes | None = None
    """Of the certificate that the set is encrypted with."""
    algorithm: str | None = None
    tde_thumbprint: bytes | None = None
    is_snapshot: bool = False
    holds_damage: bool = False


@dataclass
class Media:
    """One media family, the content of one file. A set over several files is in each of their families."""

    set_guid: UUID
    family_guid: UUID
    families: int = 1
    number: int = 1
    name: str | None = None
    description: str | None = None
    encrypted: bool = False
    created_at: datetime | None = None
    sets: list[StoredSet | None] = field(default_factory=list)
    """By position; None is a set that was never finished."""
    damaged: set[int] = field(default_factory=set)
    """Positions of sets with a byte that is not what it was."""
    header_damaged: bool = False
    truncated: bool = False
