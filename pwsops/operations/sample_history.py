"""An invented past, so that reports and notebooks have something to show. Pure: the same each time for the same now."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import PurePath

from pwsops.catalogue.past import PastItem, PastRun
from pwsops.profile import BackupProfile
from pwsops.rules import recurrence as rules
from pwsops.rules.model import BackupKind, BackupSet, Message, Occurrence, RunStatus, Trigger
from pwsops.rules.run_summary import counted

DESCRIPTION = "sample: there is no file"
_HOUR = timedelta(hours=1)
_BYTES_A_SECOND = 120e6
_FULL = "the disk that the backups go to is full"
_LOCKED = "another program has locked it"
_HINTS = {
    _FULL: "Make room there, keep backups for a shorter time, or choose another directory.",
    _LOCKED: "Look which program holds it for so long, or back up at another time.",
}
_MISSED = "the backup service was not running"
_SKIPPED = "the run before it was still going"


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How large a database is at the end, and by which share it has grown each week."""

    size_bytes: float
    weekly: float

    def at(self, age: timedelta) -> int:
        """Return its size so long before the end."""
        return int(self.size_bytes / (1 + self.weekly) ** (age / timedelta(weeks=1)))


@dataclass(frozen=True, kw_only=True)
class _Incident:
    """What went wrong in a stretch of time, told in hours before the end."""

    first_h: float
    last_h: float
    status: RunStatus
    cause: str = ""


_INCIDENTS = (
    _Incident(first_h=485, last_h=481, status=RunStatus.FAILED, cause=_FULL),
    _Incident(first_h=361, last_h=360, status=RunStatus.CANCELLED),
    _Incident(first_h=300, last_h=286, status=RunStatus.MISSED),
    _Incident(first_h=150, last_h=149, status=RunStatus.FAILED, cause=_LOCKED),
    _Incident(first_h=77, last_h=76, status=RunStatus.SKIPPED),
)


def invent(
    profile: BackupProfile, growth: Mapping[str, Growth], *, since: datetime, now: datetime, seed: int
) -> list[PastRun]:
    """Invent the runs of a profile from an instant until now, at the instants and of the kinds that it plans."""
    planned = rules.occurrences(
        profile.recurrence(),
        incremental=profile.incremental,
        renewal=profile.renewal(),
        start=since,
        first_is_full=True,
    )
    return list(_Past(profile, growth, now, seed).runs(takewhile(lambda occurrence: occurrence.due_at < now, planned)))


class _Past:
    """One profile's past, while it is made up."""

    def __init__(self, profile: BackupProfile, growth: Mapping[str, Growth], now: datetime, seed: int) -> None:
        self._profile = profile
        self._growth = growth
        self._now = now
        self._chance = random.Random(seed)
        self._fulls: dict[str, BackupSet] = {}

    def runs(self, planned: Iterator[Occurrence]) -> Iterator[PastRun]:
        missed: list[Occurrence] = []
        for occurrence in planned:
            incident = self._incident(occurrence.due_at)
            if incident is not None and incident.status is RunStatus.MISSED:
                missed.append(occurrence)
                continue
            if missed:
                yield _missed(missed)
                yield self._caught_up(missed, occurrence.due_at)
                missed = []
            yield self._run(occurrence.due_at, occurrence.kind, incident)

    def _incident(self, at: datetime) -> _Incident | None:
        age_h = (self._now - at) / _HOUR
        return next((incident for incident in _INCIDENTS if incident.last_h < age_h <= incident.first_h), None)

    def _caught_up(self, missed: Sequence[Occurrence], before: datetime) -> PastRun:
        kind = max((occurrence.kind for occurrence in missed), key=lambda occurrence: occurrence is BackupKind.FULL)
        return self._run(before - timedelta(minutes=20), kind, None, Trigger.CATCH_UP)

    def _run(
        self, due_at: datetime, kind: BackupKind, incident: _Incident | None, trigger: Trigger = Trigger.SCHEDULE
    ) -> PastRun:
        if incident is not None and incident.status is RunStatus.SKIPPED:
            return PastRun(due_at=due_at, status=RunStatus.SKIPPED, kind=kind, trigger=trigger, summary=_SKIPPED)
        items: list[PastItem] = []
        at = due_at + timedelta(seconds=0.2)
        for number, database in enumerate(self._profile.databases):
            # What went wrong went wrong with the first database; the others went on.
            items.append(self._item(database, kind, at, incident if number == 0 else None))
            at = items[-1].finished_at
        status = items[0].status
        return PastRun(due_at=due_at, status=status, kind=kind, trigger=trigger, items=items, summary=_summary(items))

    def _item(self, database: str, kind: BackupKind, at: datetime, incident: _Incident | None) -> PastItem:
        if incident is not None:
            return _unlucky(database, at, incident)
        if database not in self._fulls:
            kind = BackupKind.FULL
        taken = self._set(database, kind, at)
        if kind is BackupKind.FULL:
            self._fulls[database] = taken
        return PastItem(
            database=database, status=RunStatus.SUCCEEDED, started_at=at, finished_at=taken.finished_at, taken=taken
        )

    def _set(self, database: str, kind: BackupKind, at: datetime) -> BackupSet:
        base = None if kind is BackupKind.FULL else self._fulls[database]
        whole = self._growth[database].at(self._now - at)
        share = 0.42 if base is None else min(0.2, 0.003 * ((at - base.finished_at) / _HOUR) ** 0.6)
        size = int(whole * share * self._chance.uniform(0.94, 1.06))
        word = "FULL" if base is None else "DIFF"
        return BackupSet(
            set_id=str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            database=database,
            kind=kind,
            path=str(PurePath(self._profile.directory, f"{database}_{word}_{at:%Y%m%dT%H%M%SZ}_sample.bak")),
            started_at=at,
            finished_at=at + timedelta(seconds=1 + whole / _BYTES_A_SECOND * (1 if base is None else 0.4)),
            size_bytes=size,
            database_size_bytes=whole,
            base_id=None if base is None else base.set_id,
            description=DESCRIPTION,
        )


def _unlucky(database: str, at: datetime, incident: _Incident) -> PastItem:
    ended = at + timedelta(seconds=7)
    if incident.status is RunStatus.CANCELLED:
        return PastItem(database=database, status=RunStatus.CANCELLED, started_at=at, finished_at=ended)
    error = f"{database} could not be backed up: {incident.cause}."
    return PastItem(
        database=database,
        status=RunStatus.FAILED,
        started_at=at,
        finished_at=ended,
        error=error,
        hint=_HINTS[incident.cause],
        messages=(Message(text=error, at=ended, is_error=True),),
    )


def _missed(missed: Sequence[Occurrence]) -> PastRun:
    return PastRun(
        due_at=missed[0].due_at,
        status=RunStatus.MISSED,
        kind=missed[0].kind,
        summary=f"{len(missed)} {'run was' if len(missed) == 1 else 'runs were'} missed: {_MISSED}",
        missed_count=len(missed),
        missed_until=missed[-1].due_at,
    )


def _summary(items: Sequence[PastItem]) -> str:
    failed = [item for item in items if item.status is RunStatus.FAILED]
    if not failed:
        return ""
    if len(items) == 1:
        return failed[0].error
    return f"{counted(RunStatus.FAILED, [item.status for item in items])}: {failed[0].error}"
