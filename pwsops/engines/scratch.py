"""What an engine is asked in a drill: a backup in a scratch, which is looked at and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol, runtime_checkable

from pwsops.engines.records import DatabaseContents
from pwsops.engines.requests import ProgressCallback, RestoreResult
from pwsops.rules.drills import Answer
from pwsops.rules.model import BackupSet


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """A database that is made for one drill.

    Parameters
    ----------
    name
        See `rules.drills.scratch_name`: nothing else is ever called so.
    place
        The directory that is made for it alone; empty on an engine whose server knows where its files are.
    """

    name: str
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a check of a scratch found; `remarks` say what was left out of it. `why_not`: it was not possible."""

    found: Sequence[str] = ()
    remarks: Sequence[str] = ()
    why_not: str = ""


class Scratches(Protocol):
    """The scratches of one instance. Every call may raise as those of `Engine` do."""

    def place(self, name: str) -> Scratch:
        """Return where a scratch of that name would be; makes nothing.

        Raises `EngineError` where there is no place for one, whatever its size.
        """

    def fill(
        self,
        scratch: Scratch,
        sets: Sequence[BackupSet],
        leave_free_bytes: int,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> RestoreResult:
        """Make the scratch and restore these sets into it, as `Engine.restore` does into a new database.

        Raises `NoSpace` where there is no room for it and what has to stay free beside it, before anything is written.
        Something of it may be left where this raises, until `drop`.
        """

    def check(self, scratch: Scratch, cancel: Event | None = None) -> Findings:
        """Look for damage in all of it, indexes included."""

    def count(self, scratch: Scratch) -> DatabaseContents:
        """Count the rows of its tables, within a minute or so."""

    def why_no_queries(self) -> str:
        """Return why queries of people are not asked here, to stand behind "because"; empty: they are."""

    def ask(self, scratch: Scratch, queries: Sequence[str], cancel: Event | None = None) -> list[Answer]:
        """Ask queries of it that can do nothing but read, within limits; one answer each."""

    def drop(self, scratch: Scratch) -> bool:
        """Remove all that is left of it; return whether there was anything. Safe to repeat.

        Raises `EngineError` where that is not possible now, or nobody could look. Whoever drops that of a process that
        died looks twice: on a server its making may begin a moment later.
        """


@runtime_checkable
class DrillsBackups(Protocol):
    """An engine whose backups can be restored into a scratch."""

    def scratches(self) -> Scratches:
        """Return what makes, looks into and drops the scratches of this instance."""
