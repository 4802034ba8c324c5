"""Drills as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.catalogue.drills import DrillRow
from pwsops.engines.records import TableRows
from pwsops.engines.requests import Progress
from pwsops.rules.drills import OUTCOME_WORDS, Answer, Cause, Outcome, Query, told
from pwsops.rules.model import Message


@dataclass(frozen=True, kw_only=True)
class DrillView:
    """One drill.

    Parameters
    ----------
    instance, database
        Whose backup was tried.
    on_instance
        Where.
    path, position, set_id, data_at
        Which backup, and the moment that it brings back; of one that is not known yet, empty.
    outcome
        What it has shown; None: it goes on.
    cause, why, next_step
        Why it was not proven, for machines and in words, and what to do.
    back_s
        How long it took until the database was back, in seconds: all was read, checked and written.
    check_s, query_s
        How long the check of its structure took, and counting and asking.
    tables, queries, answers
        What it holds, and what was asked; empty for those who may not restore.
    scratch_left
        The name of a scratch that may still be there; empty: none.
    scratch_why
        Why it may still be there.
    progress
        How far it is, while it goes on.
    """

    id: int
    instance: str
    database: str
    on_instance: str
    actor: str
    path: str
    position: int
    set_id: str
    data_at: datetime | None
    asked_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    cause: Cause
    why: str
    next_step: str
    restored_bytes: int | None
    back_s: float | None
    check_s: float | None
    query_s: float | None
    tables: Sequence[TableRows]
    queries: Sequence[Query]
    answers: Sequence[Answer]
    scratch_left: str
    scratch_why: str
    progress: Progress | None
    messages: Sequence[Message]

    @property
    def is_proven(self) -> bool:
        """Whether the backup brought back what it should."""
        return self.outcome is Outcome.PROVEN

    @property
    def outcome_words(self) -> str:
        """What it has shown, in words."""
        return "goes on" if self.outcome is None else OUTCOME_WORDS[self.outcome]

    @property
    def rows(self) -> int | None:
        """How many rows all tables have together; None: that was not counted, or not for all."""
        counts = [table.rows for table in self.tables if table.rows is not None]
        return sum(counts) if self.tables and len(counts) == len(self.tables) else None


def view(row: DrillRow, *, with_contents: bool) -> DrillView:
    """Return a drill for somebody who may see what databases hold, or may not."""
    same = {key: getattr(row, key) for key in DrillView.__dataclass_fields__ if hasattr(row, key)}
    progress = None
    if row.ended_at is None and row.progress_phase is not None:
        done, total = row.progress_done or 0, row.progress_total or 0
        progress = Progress(phase=row.progress_phase, done_bytes=done, total_bytes=total)
    if not with_contents:
        same |= {"tables": (), "queries": (), "answers": (), "why": told(row.cause, row.why)}
    left = row.is_owed and row.ended_at is not None
    return DrillView(
        **same,
        back_s=row.restore_s,
        scratch_left=row.scratch if left else "",
        scratch_why=row.drop_error if left else "",
        progress=progress,
    )
