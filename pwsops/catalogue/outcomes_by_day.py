"""The past as a calendar shows it: how many runs of a day ended how, and how long runs take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from pwsops.catalogue.runs import RunRow, read
from pwsops.catalogue.schema import runs
from pwsops.rules.model import BackupKind, RunStatus

LOOKED_AT = 200
"""So many runs of a profile that succeeded are looked at for how long they took."""


class Counted(NamedTuple):
    """So many runs that were due on one of the days ended so. `day` is its position."""

    day: int
    status: RunStatus
    number: int


class Gap(NamedTuple):
    """Missed occurrences that one row stands for: the first, the last, and how many there are."""

    first: datetime
    last: datetime
    number: int


def counts(connection: Connection, edges: Sequence[datetime], profile: str | None = None) -> Iterator[Counted]:
    """Count the runs of each day by how they ended, but for those that were missed (`gaps`).

    `edges`: where each day begins, and where the last one ends. A status that cannot be read counts as failed.
    """
    for day, (since, until) in enumerate(pairwise(edges)):
        where = [runs.c.due_at >= since, runs.c.due_at < until, *_of(profile)]
        found = select(runs.c.status, func.count()).where(*where).group_by(runs.c.status)
        for status, count in connection.execute(found):
            read_as = RunStatus(status) if status in list(RunStatus) else RunStatus.FAILED
            if read_as is not RunStatus.MISSED:
                yield Counted(day, read_as, count)


def gaps(connection: Connection, since: datetime, until: datetime, profile: str | None = None) -> list[Gap]:
    """Return the missed occurrences of a time, also of those gaps that reach into it."""
    last = func.coalesce(runs.c.missed_until, runs.c.due_at)
    where = [runs.c.status == RunStatus.MISSED.value, runs.c.due_at < until, last >= since, *_of(profile)]
    found = read(connection, select(runs).where(*where).order_by(runs.c.due_at))
    return [Gap(row["due_at"], row["missed_until"] or row["due_at"], max(1, row["missed_count"])) for row in found]


def between(connection: Connection, since: datetime, until: datetime, profile: str | None = None) -> list[RunRow]:
    """Return the runs that were due in a time, and the gaps of missed ones that reach into it, in order."""
    last = func.coalesce(runs.c.missed_until, runs.c.due_at)
    where = [runs.c.due_at < until, *_of(profile)]
    due = [runs.c.due_at >= since, *where]
    missed = [runs.c.status == RunStatus.MISSED.value, runs.c.due_at < since, last >= since, *where]
    earlier = read(connection, select(runs).where(*missed).order_by(runs.c.due_at, runs.c.id))
    return [*earlier, *read(connection, select(runs).where(*due).order_by(runs.c.due_at, runs.c.id))]


def durations(connection: Connection, profile: str) -> dict[BackupKind, list[float]]:
    """Return how many seconds the latest runs of a profile that succeeded took, by kind, the newest first."""
    where = [runs.c.profile == profile, runs.c.status == RunStatus.SUCCEEDED.value]
    newest = select(runs.c.kind, runs.c.duration_us).where(*where).order_by(runs.c.due_at.desc()).limit(LOOKED_AT)
    found: dict[BackupKind, list[float]] = {}
    for kind, took_us in connection.execute(newest):
        if kind in list(BackupKind) and isinstance(took_us, int) and took_us >= 0:
            found.setdefault(BackupKind(kind), []).append(took_us / 1_000_000)
    return found


def _of(profile: str | None) -> list[ColumnElement[bool] | Any]:
    return [] if profile is None else [runs.c.profile == profile]
