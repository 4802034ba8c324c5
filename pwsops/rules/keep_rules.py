"""What each rule of a policy keeps, in the way of restic's `forget`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from pwsops.rules.retention import Policy, StoredSet


def by_rules(sets: Sequence[StoredSet], policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the `set_id` of what each rule keeps, with the reason; `sets` the one taken last first."""
    if not sets:
        return
    newest_first = sorted(sets, key=attrgetter("finished_at"), reverse=True)
    zone = ZoneInfo(policy.timezone)
    if policy.within is not None:
        end = policy.within.before(newest_first[0].finished_at, zone)
        yield from ((one.set_id, f"keep-within {policy.within}") for one in newest_first if one.finished_at > end)
    yield from ((one.set_id, f"keep-last {policy.last}") for one in sets[: policy.last])
    counts = (policy.daily, policy.weekly, policy.monthly, policy.yearly)
    if any(counts):
        local = [one.finished_at.astimezone(zone) for one in newest_first]
        for rule, count in zip(_PERIODS, counts, strict=True):
            yield from _by_period(newest_first, local, rule, count)


class _Period(NamedTuple):
    """A rule that keeps the newest of each of so many periods: its name, how one is told from others, and written."""

    name: str
    number: Callable[[datetime], int]
    form: str


_PERIODS = (
    _Period("keep-daily", lambda local: local.toordinal(), "%Y-%m-%d"),
    _Period("keep-weekly", lambda local: (local.toordinal() - 1) // 7, "%G-W%V"),
    _Period("keep-monthly", lambda local: local.year * 12 + local.month, "%Y-%m"),
    _Period("keep-yearly", lambda local: local.year, "%Y"),
)


def _by_period(
    newest_first: Sequence[StoredSet], local: Sequence[datetime], rule: _Period, count: int
) -> Iterator[tuple[str, str]]:
    """Yield the newest of so many periods; where there are fewer, the oldest of all as well."""
    left, period, is_kept = count, -1, False
    for one, at in zip(newest_first, local, strict=True):
        if not left:
            return
        is_kept = (number := rule.number(at)) != period
        if is_kept:
            yield one.set_id, f"{rule.name} {count} ({at.strftime(rule.form)})"
            left, period = left - 1, number
    if left and not is_kept:
        yield newest_first[-1].set_id, f"{rule.name} {count} (the oldest)"
