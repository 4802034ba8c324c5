"""Database by database: how its backups ended, and what would have been lost, when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from pwsops.catalogue import Connection, profiles, reporting
from pwsops.catalogue.history import Selection
from pwsops.catalogue.keys import Keys, Opens
from pwsops.catalogue.reporting import Outcome
from pwsops.reports.tables import kept
from pwsops.rules.exposure import DataSpan, RestorableSet, Worst, data_spans, worst
from pwsops.rules.model import LOST, BackupKind
from pwsops.rules.run_mark import is_safety_copy

_LOST = {state.value for state in LOST}

Pair = tuple[str, str]
"""An instance and a database on it."""


@dataclass(frozen=True, kw_only=True)
class Covered:
    """What is known of one database over a period."""

    instance: str
    database: str
    profiles: Sequence[str]
    succeeded: int
    failed: int
    last_full_at: datetime | None
    last_incremental_at: datetime | None
    size_bytes: int
    data_spans: Sequence[DataSpan]
    worst: Worst

    @property
    def exposure_s(self) -> float | None:
        """What would have been lost at the end of the period; None: everything."""
        if not self.data_spans or self.data_spans[-1].data_at is None:
            return None
        return max(0.0, (self.data_spans[-1].until - self.data_spans[-1].data_at).total_seconds())


def covered(selection: Selection, since: datetime, until: datetime, *, opens: Opens) -> list[Covered]:
    """Return every database that is backed up, or was in the period, by instance and name.

    `opens` tells of the keys in the store. What nobody can read now counts at no time: since when, nobody knows.
    """
    keys = Keys(selection.connection, opens)
    if selection.filter.since is None:
        # Where no period was asked for, it begins with the first run; nobody could have restored before that ended.
        since = min(max(since, reporting.first_end(selection) or since), until)
    ended = {(outcome.instance, outcome.database): outcome for outcome in reporting.outcomes(selection)}
    users = _users(selection.connection, selection.filter.profile)
    sets = {
        pair: [row for row in rows if _is_readable(row, keys)]
        for pair, rows in groupby(reporting.sets_of(selection), lambda row: (row["instance"], row["database"]))
    }
    # Of one profile: its databases, but whatever any profile took of them can be restored.
    pairs = sorted({*ended, *users, *(sets if selection.filter.profile is None else ())})
    return [_covered(pair, users.get(pair, []), ended.get(pair), sets.get(pair, []), since, until) for pair in pairs]


def database_rows(found: Iterable[Covered]) -> Iterator[Sequence[Any]]:
    """Return the rows of the table of databases."""
    for outcome in found:
        yield (
            outcome.instance,
            outcome.database,
            ", ".join(outcome.profiles),
            outcome.succeeded,
            outcome.failed,
            kept(outcome.last_full_at),
            kept(outcome.last_incremental_at),
            kept(outcome.exposure_s),
            kept(outcome.worst.exposure_s),
            kept(outcome.worst.at),
            kept(outcome.worst.unprotected_s),
            outcome.size_bytes,
        )


def exposure_rows(found: Iterable[Covered]) -> Iterator[Sequence[Any]]:
    """Return the rows of the table of exposures."""
    for backup_set in found:
        for since, until, data_at in backup_set.data_spans:
            least, most = (None if data_at is None else max(timedelta(), at - data_at) for at in (since, until))
            yield (backup_set.instance, backup_set.database, *map(kept, (since, until, data_at, least, most)))


def _covered(
    pair: Pair,
    users: Sequence[str],
    ended: Outcome | None,
    sets: Sequence[Any],
    since: datetime,
    until: datetime,
) -> Covered:
    restorable = [_restorable_set(row) for row in sets]
    return Covered(
        instance=pair[0],
        database=pair[1],
        profiles=users,
        succeeded=ended.succeeded if ended else 0,
        failed=ended.failed if ended else 0,
        last_full_at=_newest(sets, BackupKind.FULL),
        last_incremental_at=_newest(sets, BackupKind.DIFFERENTIAL),
        size_bytes=sum(row["size_bytes"] for row in sets if row["replaced_at"] is None or row["replaced_at"] > until),
        data_spans=tuple(data_spans(restorable, since, until)),
        worst=worst(restorable, since, until),
    )


def _users(connection: Connection, profile: str | None) -> dict[Pair, list[str]]:
    found: dict[Pair, list[str]] = {}
    for row in profiles.living(connection):
        if profile in (None, row.name):
            for database in row.fields["databases"]:
                found.setdefault((row.fields["instance"], database), []).append(row.name)
    return found


def _restorable_set(row: Any) -> RestorableSet:
    return RestorableSet(
        set_id=row["set_id"],
        base_id=row["base_id"] if row["kind"] == BackupKind.DIFFERENTIAL.value else None,
        data_at=row["started_at"] or row["finished_at"],
        since=row["finished_at"],
        until=min(filter(None, (row["replaced_at"], _lost_at(row))), default=None),
    )


def _is_readable(row: Any, keys: Keys) -> bool:
    """Whether a set counts to the verdict: it is of no damaged database, no safety copy, and its keys are at hand."""
    details = row["details"]
    if is_safety_copy(row["description"]):
        return False
    is_damaged = isinstance(details, dict) and details.get("is_damaged")
    needed = filter(None, (row["thumbprint"], row["database_thumbprint"]))
    return not is_damaged and not keys.missing(row["instance"], needed)


def _lost_at(row: Any) -> datetime | None:
    """Return when a set was found gone or bad; None: it was not, as far as anybody looked."""
    if row["disproven_at"] is None and row["seen_state"] in _LOST:
        return row["state_since"]  # type: ignore[no-any-return]
    return row["disproven_at"]  # type: ignore[no-any-return]


def _newest(sets: Sequence[Any], kind: BackupKind) -> datetime | None:
    return max((row["finished_at"] for row in sets if row["kind"] == kind.value), default=None)
