"""What restic keeps, written after `internal/restic/snapshot_policy.go`, one snapshot after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from pwsops.rules.retention import Policy


def kept(snapshots: Sequence[datetime], policy: Policy) -> set[datetime]:
    """Return those of the snapshots that are kept; each in its own zone, none of them in the future."""
    newest_first = sorted(snapshots, reverse=True)
    if policy.is_empty:
        return set(newest_first)
    always: list[Callable[[datetime, int], int]] = [
        lambda at, number: number,
        lambda at, number: at.year * 10000 + at.month * 100 + at.day,
        lambda at, number: at.isocalendar().year * 100 + at.isocalendar().week,
        lambda at, number: at.year * 100 + at.month,
        lambda at, number: at.year,
    ]
    counts = [policy.last, policy.daily, policy.weekly, policy.monthly, policy.yearly]
    last = [-1] * len(counts)
    found = set()
    for number, at in enumerate(newest_first):
        zone = ZoneInfo(policy.timezone)
        if policy.within is not None and at > policy.within.before(newest_first[0], zone):
            found.add(at)
        for rule, bucket in enumerate(always):
            if counts[rule] > 0:
                value = bucket(at, number)
                if value != last[rule] or number == len(newest_first) - 1:
                    found.add(at)
                    last[rule] = value
                    counts[rule] -= 1
    return found
