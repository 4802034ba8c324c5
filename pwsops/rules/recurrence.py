"""When a profile runs. The preview, the service and the calendar feed all ask here, so they cannot disagree.

What a recurrence means:

- A slot in a gap runs at the first instant after it; slots that land on one instant are one run.
- A day with one slot takes the first pass of a repeated hour, a day with several takes both.
- A window over midnight belongs to the day it begins on, for weekdays and for counting days. The first day that
  counts is the start's own, so a window of the evening before adds nothing after the start.
- The start and the end date compare with a slot's own wall time, before anything is shifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import repeat
from zoneinfo import ZoneInfo

from pwsops.rules.due import Steady, Uneven, batches, due_between, due_instants, midnight, next_due
from pwsops.rules.model import BackupKind, Occurrence, Recurrence, Renewal
from pwsops.rules.renewal import KindPlan, renewal_between
from pwsops.rules.summary import describe
from pwsops.rules.validity import validate

__all__ = ["describe", "due_between", "next_due", "occurrences", "renewal_between", "validate"]

NO_RENEWAL = Renewal()

# What `Occurrence._make` does, without a Python function in between: a third off for the thousands of a preview.
_occurrence = partial(tuple.__new__, Occurrence)


def occurrences(
    recurrence: Recurrence,
    *,
    incremental: bool = False,
    renewal: Renewal = NO_RENEWAL,
    start: datetime,
    first_is_full: bool = True,
    include_start: bool = True,
) -> Iterator[Occurrence]:
    """Return the occurrences from an instant on, strictly ascending, lazily, without end unless the recurrence has one.

    Parameters
    ----------
    recurrence
        A valid one.
    incremental, renewal
        Without `incremental` every occurrence is full. With it, full is the first at or after each renewal.
    start
        Aware. Earlier occurrences are left out.
    first_is_full
        With `incremental`: nothing has run yet, so the first one given is full as well. False goes on in the middle:
        the first one is full only where a renewal lies between it and the one before, given or not.
    include_start
        Whether an occurrence at `start` itself counts.
    """
    zone = ZoneInfo(recurrence.timezone)
    kinds: KindPlan | None = None
    for batch in batches(recurrence, start, inclusive=include_start):
        due, local, shifted = _expand(batch, zone)
        if not incremental:
            yield from map(_occurrence, zip(due, local, repeat(BackupKind.FULL), shifted, strict=False))
            continue
        kinds = kinds or KindPlan(recurrence, renewal, due[0], first_is_full)
        yield from map(_occurrence, zip(due, local, kinds.mark(due), shifted, strict=False))


def _expand(batch: Steady | Uneven, zone: ZoneInfo) -> tuple[list[datetime], list[datetime], Iterable[bool]]:
    """Return the due instants, the same in the zone, and whether each was moved."""
    due = due_instants(batch)
    if isinstance(batch, Uneven):
        return due, [instant.astimezone(zone) for instant in due], batch.shifted
    begin = midnight(batch.day, zone)
    return due, [begin + slot for slot in batch.slots], repeat(False)
