"""What is found where backups lie, by who does not know what was written there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from pwsops.engines.records import PrivateKeys
from pwsops.rules.model import BackupSet


class FileState(StrEnum):
    """What a file is, to who looks for backups."""

    SET = "set"
    STATEMENT = "statement"
    OF_SERVER = "of server"
    OTHER = "other"
    UNREAD = "unread"


class Unread(NamedTuple):
    """A file or directory of which is not known what it holds, with the cause."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class FoundFiles:
    """The plain files below a directory, and what of it could not be looked into. Links are not followed."""

    paths: Sequence[str]
    unread: Sequence[Unread] = ()


@dataclass(kw_only=True)
class FoundMedia:
    """What some files hold.

    Parameters
    ----------
    sets
        The backups in them.
    statements
        The files that a home saved of itself, not yet read.
    unread
        What could not be read, is damaged, or is no backup though it is one of our files.
    of_servers
        How many are backups of a SQL Server, which that server has to read.
    others
        How many are none of ours.
    """

    sets: list[BackupSet] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    of_servers: int = 0
    others: int = 0

    def add(self, more: FoundMedia) -> None:
        """Add what other files hold."""
        self.sets += more.sets
        self.statements += more.statements
        self.unread += more.unread
        self.of_servers += more.of_servers
        self.others += more.others


class FindsMedia(Protocol):
    """Who looks for backups that nobody recorded. Reads only."""

    def files(self, directory: str) -> FoundFiles:
        """Return the files below a directory, by path.

        What cannot be looked into is named, the directory itself included. Raises `Refused` for the home.
        """

    def media(self, directory: str, paths: Sequence[str]) -> FoundMedia:
        """Return what files below that directory hold, by their ends alone: their contents are not read.

        Never raises `EngineError`: what could not be read is named.
        """

    def statement(self, path: str, private_keys: PrivateKeys) -> bytes:
        """Return what a home said in a file, as JSON that nobody looked at yet.

        Raises `MediaError` for a file that is damaged or not as it must be, `CertificateNeeded` where the private key
        is not at hand that it is encrypted for.
        """
