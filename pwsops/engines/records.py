"""What engines are told and tell: instances, what they can do, their databases and directories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.options import Option

PrivateKeys = Callable[[str], bytes | None]
"""Gives a certificate's private key (PKCS #8, DER) by its thumbprint; None: it is not at hand."""


def no_keys(thumbprint: str) -> None:
    """Return no key: there is no certificate store."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    r"""Where databases live.

    Parameters
    ----------
    name
        Unique name that profiles refer to.
    engine
        Key of the engine: ``sqlite`` or ``sqlserver``.
    address
        ``sqlite``: a directory. ``sqlserver``: ``host[\\instance][,port]``.
    options
        Engine-specific, plain JSON values, no secrets.
    login, password
        None: the service user. Never shown: kept out of `repr`.
    private_keys
        What opens encrypted backups.
    off_limits
        What it does not reach, by whatever name.
    """

    name: str
    engine: str
    address: str
    options: Mapping[str, Any] = field(default_factory=dict)
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    private_keys: PrivateKeys = field(default=no_keys, repr=False, compare=False)
    off_limits: OffLimits = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who to be on the server; no login is the service user. The password never shows in `repr`."""

    login: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What the pages may offer on this engine, and what its instances may be told (`options`)."""

    login: bool = False
    certificates: bool = False
    encryption: bool = False
    external_history: bool = False
    """Backups that other tools took are known (`history`)."""
    shared_base: bool = False
    """The differential base belongs to the database on the server, whoever took it; otherwise a profile chooses."""
    many_sets_per_file: bool = False
    atomic_restore: bool = False
    """A restore that is broken off leaves the database as it was, and nobody who uses it is disconnected."""
    restores_to_files: bool = False
    """A backup can be restored into a plain file outside of the instance."""
    keeps_unreadable: bool = False
    """What cannot be opened as a database is kept under another name by the restore that takes its place."""
    name_endings: Sequence[str] = ()
    """What a person may leave out at the end of a database's name: these are names of files."""
    options: Sequence[Option] = ()


@dataclass(frozen=True, kw_only=True)
class MissingRight:
    """A right that the login at hand lacks.

    Parameters
    ----------
    right
        Its name on the server.
    grant
        The exact statement or command that gives it; empty where none can be told.
    without
        What does not work without it, in the product's words.
    required
        False where that is a comfort only, such as progress.
    """

    right: str
    grant: str = ""
    without: str = ""
    required: bool = True

    def __str__(self) -> str:
        return f"{self.right} (needed for {self.without})" if self.without else self.right


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Facts about an instance, for people (`facts`, in order) and for code."""

    reachable: bool
    version: str
    path_flavour: str
    """``posix`` or ``windows``: how paths on the database server are built."""
    timezone: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    held_rights: Sequence[str] = ()
    missing_rights: Sequence[MissingRight] = ()


class DatabaseState(StrEnum):
    """Whether a database can be backed up now."""

    ONLINE = "online"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    OFFLINE = "offline"
    RESTORING = "restoring"
    """A restore was begun and not ended: it takes no backup and lets nobody in."""
    SECONDARY = "secondary"
    """A copy in an availability group that takes no such backup; another server of the group does."""
    SINGLE_USER = "single-user"
    """It is read and written by one connection at a time; takes backups while nobody holds that one."""
    RESTRICTED = "restricted"
    """It is read and written by administrators only; takes backups."""
    GONE = "gone"
    UNKNOWN = "unknown"
    """Its instance has not told of it yet, or could not be asked whether it has it. No engine says this."""

    @property
    def is_in_use(self) -> bool:
        """Whether somebody can read and write the database now."""
        return self in (DatabaseState.ONLINE, DatabaseState.SINGLE_USER, DatabaseState.RESTRICTED)


@dataclass(frozen=True, kw_only=True)
class DatabaseInfo:
    """One database as the instance sees it.

    `reason` says why, where `state` is not ONLINE. `warnings` are what its keeper should know even where it is: each
    names the cause and the next step. `details` has `foreign_base`, true where incrementals would build on a full that
    another tool took, or that cannot be used;
    `log_backed_up_until` (ISO 8601, UTC), where log backups that anybody took since the newest full make a whole chain:
    until then nothing is lost with the full at hand.
    """

    name: str
    size_bytes: int
    state: DatabaseState = DatabaseState.ONLINE
    reason: str = ""
    warnings: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class TableRows(NamedTuple):
    """A table and how many rows it has; None where they could not be counted in the time given."""

    name: str
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class DatabaseContents:
    """What is in a database: its tables, by name."""

    tables: Sequence[TableRows]


@dataclass(frozen=True, kw_only=True)
class DirectoryEntry:
    """One entry of a directory on the database server."""

    name: str
    path: str
    is_directory: bool
    size_bytes: int | None = None
    modified_at: datetime | None = None


class DirectoryStatus(StrEnum):
    """`UNKNOWN` is an answer: the check itself was not possible, which must never block anybody."""

    OK = "ok"
    MISSING = "missing"
    UNUSABLE = "unusable"
    """It is there, and a step that every backup needs did not work."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class DirectoryCheck:
    """What can be said of a directory on the server, and why.

    With `OK` the reason says what was checked, where that is less than that backups can be written there.
    `remarks`: what a backup does without there, each with what that means.
    """

    status: DirectoryStatus
    reason: str = ""
    remarks: Sequence[str] = ()
    free_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class CertificateCopy:
    """A certificate that is to lie beside the backups that need it.

    Parameters
    ----------
    file_name
        What its file is called.
    content
        Gives the file (`.pfx`), made when it is needed.
    serves
        Says whether a file that is there already is as good.
    """

    file_name: str
    content: Callable[[], bytes] = field(repr=False)
    serves: Callable[[bytes], bool] = field(repr=False)
