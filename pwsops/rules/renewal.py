"""When the full of an incremental profile is renewed, and which occurrences are full because of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from pwsops.rules.days import renewal_days
from pwsops.rules.due import next_due
from pwsops.rules.model import BackupKind, Recurrence, Renewal
from pwsops.rules.wallclock import local_midnight

_INSTANT = timedelta(microseconds=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
_ALWAYS = datetime.min.replace(tzinfo=UTC)

# Renewals come at least this often, shifts included.
_SPAN = timedelta(days=35)


def renewal_between(recurrence: Recurrence, renewal: Renewal, after: datetime, until: datetime) -> bool:
    """Whether the full is to be renewed after the first instant, up to and with the second."""
    return next(_renewals(renewal, ZoneInfo(recurrence.timezone), after), _NEVER) <= until


def _renewals(renewal: Renewal, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Return the instants strictly after another at which the full is renewed."""
    days = renewal_days(renewal, after.astimezone(zone).toordinal() + 1)
    return (instant for instant in (local_midnight(zone, day) for day in days) if instant > after)


class KindPlan:
    """Marks which occurrences are full, batch by batch: the first at or after each renewal."""

    def __init__(self, recurrence: Recurrence, renewal: Renewal, first: datetime, first_is_full: bool) -> None:
        """Begin at the first occurrence that is given; see `occurrences` for `first_is_full`."""
        zone = ZoneInfo(recurrence.timezone)
        since = first
        if not first_is_full:
            # The latest renewal still waits for its full if no occurrence lies between it and the first one given.
            recent = takewhile(lambda instant: instant <= first, _renewals(renewal, zone, first - _SPAN))
            for latest in recent:
                since = latest - _INSTANT
            if next_due(recurrence, since) != first:
                since = first
        self._renewals = _renewals(renewal, zone, since)
        self._renewal = _ALWAYS if first_is_full else next(self._renewals, _NEVER)

    def mark(self, due: Sequence[datetime]) -> list[BackupKind]:
        """Return the kinds of the next few occurrences."""
        kinds = [BackupKind.DIFFERENTIAL] * len(due)
        while self._renewal <= due[-1]:
            kinds[bisect_left(due, self._renewal)] = BackupKind.FULL
            self._renewal = next(self._renewals, _NEVER)
        return kinds
