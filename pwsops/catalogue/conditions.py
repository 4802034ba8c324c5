"""What holds of the runs that a filter leaves, in a form that leads SQLite to the index that is meant.

A row of missed occurrences reaches from the first of them to the last. It is found in each period that it reaches into,
also where the first was due before it: a week in which nothing ran is not a week without a fault. How many of them lie
in the period, `reporting` counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Connection, and_, func, or_, select
from sqlalchemy import text as sql

from pwsops.catalogue.ordering import unled
from pwsops.catalogue.schema import runs
from pwsops.rules.model import RunStatus, Trigger

if TYPE_CHECKING:
    from pwsops.catalogue.history import Filter

Columns = frozenset[str]
"""Of `runs`, what a filter asks about, or what an index leads by."""
DUE = "due_at"


def earliest(connection: Connection, query: Filter) -> datetime | None:
    """Return from which due instant on a run may be in the period; None: it has no beginning."""
    if query.since is None:
        return None
    # Missed alone: the others stand for one instant each.
    reaching = (runs.c.due_at < query.since) & (runs.c.missed_until >= query.since)
    first = select(func.min(runs.c.due_at)).where(runs.c.status == RunStatus.MISSED.value, reaching)
    return connection.execute(first).scalar() or query.since


def conditions(
    query: Filter, led: Columns | None = None, *, first: datetime | None = None
) -> Iterator[ColumnElement[bool]]:
    """Return what holds of the runs.

    Parameters
    ----------
    led
        By which columns an index is to lead to them; None: by any.
    first
        What `earliest` gave for this filter.
    """
    due = _led(runs.c.due_at, led)
    if query.since is not None:
        yield due >= (first or query.since)
        if first != query.since:
            yield or_(unled(runs.c.due_at) >= query.since, runs.c.missed_until >= query.since)
    if query.until is not None:
        yield due < query.until
    if query.status is not None:
        yield _led(runs.c.status, led) == query.status.value
    if query.profile is not None:
        yield _led(runs.c.profile, led) == query.profile
    if query.trigger is not None:
        yield _led(runs.c.trigger, led) == query.trigger.value
        if _is_rare(query.trigger) and (led is None or "trigger" in led):
            # Its index holds these alone, and is taken where a statement says so in the index's own words.
            yield sql("runs.trigger <> 'schedule'")  # type: ignore[misc]  # a text is a condition too


def by_period(query: Filter) -> Columns:
    """Return by which columns an index leads to the runs of a period, and to few others."""
    return frozenset({DUE, "trigger"} if _is_rare(query.trigger) else {DUE, "profile", "status"})


def _is_rare(trigger: Trigger | None) -> bool:
    """Whether runs that were started so have an index of their own."""
    return trigger is not None and trigger is not Trigger.SCHEDULE


def count_in_period(connection: Connection, query: Filter, first: datetime | None) -> int:
    """Count the runs of a period along an index that has all it takes: a year of a million runs at once."""
    if query.trigger is not Trigger.SCHEDULE:
        return _count(connection, query, first)
    # Nearly all are: these have no index of their own, and all the others have.
    others = (replace(query, trigger=trigger) for trigger in Trigger if trigger is not Trigger.SCHEDULE)
    every = _count(connection, replace(query, trigger=None), first)
    return every - sum(_count(connection, other, first) for other in others)


def _count(connection: Connection, query: Filter, first: datetime | None) -> int:
    """Count the runs that were due in the period, and those that reach into it, each by an index of their own."""
    counted = select(func.count()).select_from(runs)
    led = by_period(query)
    count = connection.execute(counted.where(*conditions(query, led, first=query.since))).scalar_one()
    if query.since is not None and first is not None and first < query.since:
        before = replace(query, since=None, until=query.since)
        reaching = and_(runs.c.status == RunStatus.MISSED.value, runs.c.missed_until >= query.since)
        led = frozenset({DUE, "status"})
        count += connection.execute(counted.where(*conditions(before, led), reaching)).scalar_one()
    return int(count)


def _led(column: Column[Any], led: Columns | None) -> ColumnElement[Any]:
    return column if led is None or column.name in led else unled(column)
