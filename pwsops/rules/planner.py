"""The runs to come, with what each will take: the one plan of the table, the calendar, the previews and the service.

The service plans one run at a time (`chain.planned_kind`). This gives the same for many, told the same facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

from pwsops.rules.chain import planned_kind
from pwsops.rules.model import BackupKind, Occurrence, Recurrence, Renewal
from pwsops.rules.recurrence import next_due, occurrences


def upcoming(
    recurrence: Recurrence,
    *,
    incremental: bool,
    renewal: Renewal,
    last_full_due: datetime | None,
    start: datetime,
    now: datetime,
) -> Iterator[Occurrence]:
    """Yield the runs from an instant on, each with the kind it will take if those before it succeed.

    Parameters
    ----------
    last_full_due
        When the full was due that the next incremental would build on; None: there is none, whatever the reason.
    start
        Aware. Before `now`, it gives what would have been due, too: of that nothing is planned any more.
    now
        Whatever was due until now has been dealt with.
    """
    first = next_due(recurrence, now)
    if first is None or start > first:
        # The next run, which is not shown, has taken whatever full was wanting.
        yield from occurrences(recurrence, incremental=incremental, renewal=renewal, start=start, first_is_full=False)
        return
    kind = planned_kind(
        incremental=incremental,
        renewal=renewal,
        recurrence=recurrence,
        last_full_due=last_full_due,
        due_at=first,
        now=now,
    )
    if start <= now:
        before = occurrences(
            recurrence, incremental=incremental, renewal=renewal, start=start, first_is_full=last_full_due is None
        )
        yield from takewhile(lambda occurrence: occurrence.due_at < first, before)
    coming = occurrences(
        recurrence, incremental=incremental, renewal=renewal, start=first, first_is_full=kind is BackupKind.FULL
    )
    # Whether the first is full is settled above; a full that was taken by hand may have made its renewal needless.
    yield next(coming)._replace(kind=kind)
    yield from coming
