"""What would be lost if a database vanished now, or had vanished at any time of a period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

from pwsops.rules.chain import is_ahead
from pwsops.rules.model import BackupKind, BackupSet


def exposure_s(sets: Sequence[BackupSet], now: datetime, *, logs_until: datetime | None = None) -> float | None:
    """Return the seconds of work that no backup of a database holds; None where nothing can be restored.

    Counted from the start of the newest set that can be restored, because what was written while it was taken may
    not be in it. A differential counts only where its full is among the sets. A set that is dated after now counts
    for nothing: the clock that dated it was wrong, and how old its data is cannot be known.

    `logs_until`: the instant up to which a whole chain of log backups on the newest full gives everything back; None:
    there is no such chain.
    """
    sets = [each for each in sets if not is_ahead(each.finished_at, now)]
    fulls = {each.set_id for each in sets if each.kind is BackupKind.FULL}
    usable = [each for each in sets if each.kind is BackupKind.FULL or each.base_id in fulls]
    newest = max((each.started_at or each.finished_at for each in usable), default=None)
    if newest is None:
        return None
    if logs_until is not None and not is_ahead(logs_until, now):
        newest = max(newest, logs_until)
    # A clock that was set back must not show a negative loss.
    return max(0.0, (now - newest).total_seconds())


@dataclass(frozen=True, kw_only=True)
class RestorableSet:
    """A set, and when it lay where it can be restored from: from its end until it was replaced, or until now."""

    set_id: str
    base_id: str | None
    data_at: datetime
    since: datetime
    until: datetime | None = None


class DataSpan(NamedTuple):
    """A time in which the newest restorable data stayed the same; `data_at` None: nothing could be restored."""

    since: datetime
    until: datetime
    data_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Worst:
    """How bad a period was.

    Parameters
    ----------
    exposure_s, at
        The most that would have been lost, and when, while there was anything to restore; None: never was.
    unprotected_s
        For so long nothing could be restored.
    """

    exposure_s: float | None
    at: datetime | None
    unprotected_s: float


def data_spans(sets: Sequence[RestorableSet], since: datetime, until: datetime) -> Iterator[DataSpan]:
    """Cut a period at each instant at which the newest restorable data became another; in order, without gaps.

    A differential counts only while its full lies there as well.
    """
    if since >= until:
        return
    held = sorted(_restorable(sets), key=lambda each: each.since)
    changes = (instant for each in held for instant in (each.since, each.until))
    edges = sorted({since, *(instant for instant in changes if instant is not None and since < instant < until)})
    pieces = zip(edges, [*edges[1:], until], _newest(held, edges), strict=True)
    for data_at, same in groupby(pieces, key=lambda piece: piece[2]):
        first, *rest = same
        yield DataSpan(first[0], (rest[-1] if rest else first)[1], data_at)


def worst(sets: Sequence[RestorableSet], since: datetime, until: datetime) -> Worst:
    """Return the most that would have been lost in a period: it grows up to the end of each span."""
    exposure_s, at, unprotected_s = None, None, 0.0
    for span in data_spans(sets, since, until):
        if span.data_at is None:
            unprotected_s += (span.until - span.since).total_seconds()
            continue
        lost_s = max(0.0, (span.until - span.data_at).total_seconds())
        if exposure_s is None or lost_s > exposure_s:
            exposure_s, at = lost_s, span.until
    return Worst(exposure_s=exposure_s, at=at, unprotected_s=unprotected_s)


def _restorable(sets: Sequence[RestorableSet]) -> Iterator[RestorableSet]:
    fulls = {each.set_id: each for each in sets if each.base_id is None}
    for each in sets:
        base = each if each.base_id is None else fulls.get(each.base_id)
        if base is None:
            continue
        ends = [end for end in (each.until, base.until) if end is not None]
        yield replace(each, since=max(each.since, base.since), until=min(ends, default=None))


def _newest(held: Sequence[RestorableSet], edges: Sequence[datetime]) -> Iterator[datetime | None]:
    """Return the newest data that can be restored at each of these instants, both in order of time."""
    heap: list[tuple[float, int]] = []
    taken = 0
    for edge in edges:
        while taken < len(held) and held[taken].since <= edge:
            heappush(heap, (-held[taken].data_at.timestamp(), taken))
            taken += 1
        while heap and _is_gone(held[heap[0][1]], edge):
            heappop(heap)
        yield held[heap[0][1]].data_at if heap else None


def _is_gone(restorable: RestorableSet, at: datetime) -> bool:
    return restorable.until is not None and restorable.until <= at
