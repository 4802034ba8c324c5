"""The history as its page shows it: searched, filtered, sorted, and read a page at a time wherever it stands.

A page begins after a key, the sort values of a row, and never at an offset: the last page of a million runs costs what
the first does. What is sorted by has no nulls (a run without a start or an end has the duration -1), so that each run
has one place in every order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    column,
    func,
    or_,
    select,
    table,
    tuple_,
    type_coerce,
    union,
)
from sqlalchemy import text as sql

from pwsops.catalogue.runs import RunRow, read
from pwsops.catalogue.schema import messages, run_items, runs
from pwsops.rules.model import RunStatus, Trigger

LONGEST_TEXT = 200
"""So many characters are searched for; the rest of a longer text is left out."""

Key = tuple[str | int, ...]
"""Where a run stands in an order: the values that are sorted by, from the first on."""


class HistorySort(StrEnum):
    """What the history can be sorted by; by profile and status, the newest of each stand first, either way."""

    DUE = "due"
    PROFILE = "profile"
    STATUS = "status"
    DURATION = "duration"
    SIZE = "size"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which runs are looked at.

    Parameters
    ----------
    text
        Found anywhere in names, summaries, errors and messages, in either case.
    since, until
        Due from the first instant on, and before the second.
    """

    text: str = ""
    status: RunStatus | None = None
    profile: str | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None


_STATUSES = tuple(
    status.value
    for status in (
        RunStatus.FAILED,
        RunStatus.MISSED,
        RunStatus.SKIPPED,
        RunStatus.CANCELLED,
        RunStatus.QUEUED,
        RunStatus.RUNNING,
        RunStatus.SUCCEEDED,
    )
)
"""In the order of their urgency, which is what somebody sorts by."""
_GROUPED: dict[HistorySort, Column[str]] = {HistorySort.PROFILE: runs.c.profile, HistorySort.STATUS: runs.c.status}
_NUMBERS: dict[HistorySort, Column[Any]] = {
    HistorySort.DUE: runs.c.due_at,
    HistorySort.DURATION: runs.c.duration_us,
    HistorySort.SIZE: runs.c.size_bytes,
}
_FOUND = table("found", column("id"))


def key_types(sort: HistorySort) -> tuple[type, ...]:
    """Give the types of an order's keys."""
    return (str, int, int) if sort in _GROUPED else (int, int)


def profiles(connection: Connection, first: str | None = None, *, descending: bool = False) -> Iterator[str]:
    """Give the names of the profiles that have a history, deleted ones too, in order, from `first` on."""
    # One step in the index a name, taken when it is asked for; DISTINCT would read all of the index.
    name = runs.c.profile
    nearest = select(func.max(name) if descending else func.min(name))
    start = () if first is None else (name <= first if descending else name >= first,)
    found = connection.execute(nearest.where(*start)).scalar_one()
    while found is not None:
        yield found
        beyond = name < found if descending else name > found
        found = connection.execute(nearest.where(beyond)).scalar_one()


class Selection:
    """The runs that a filter leaves, as of one transaction, which is also how long what a search found is kept.

    Parameters
    ----------
    connection
        To read with; a text is searched for at once, which reads every run, item and message.
    wanted
        The filter.
    """

    def __init__(self, connection: Connection, wanted: Filter) -> None:
        self.connection = connection
        self.wanted = wanted
        self.where = [*_conditions(wanted)]
        """What holds of each of the runs, for other statements of the same transaction."""
        if wanted.text:
            _search(connection, wanted.text)
            self.where.append(runs.c.id.in_(select(_FOUND.c.id)))

    def count(self) -> int:
        """Count the runs."""
        return int(self.connection.execute(select(func.count()).select_from(runs).where(*self.where)).scalar_one())

    def page(
        self, sort: HistorySort, *, descending: bool, after: Key | None = None, backwards: bool = False, limit: int
    ) -> list[tuple[Key, RunRow]]:
        """Give up to `limit` runs with their keys, in order, that follow `after`; None begins at the beginning.

        `backwards`: those that precede it, the nearest first; None begins at the end.
        """
        if sort not in _GROUPED:
            found = self._seek([], _NUMBERS[sort], after, descending is not backwards, limit)
            return [((row["sorted_by"], row["id"]), row) for row in found]
        pairs: list[tuple[Key, RunRow]] = []
        first = None if after is None else str(after[0])
        for group in self._groups(sort, first, descending is not backwards):
            rest = after[1:] if after is not None and group == first else None
            found = self._seek([_GROUPED[sort] == group], runs.c.due_at, rest, not backwards, limit - len(pairs))
            pairs += [((group, row["sorted_by"], row["id"]), row) for row in found]
            if len(pairs) == limit:
                break
        return pairs

    def _groups(self, sort: HistorySort, first: str | None, descending: bool) -> Iterable[str]:
        if sort is HistorySort.PROFILE:
            return (
                [self.wanted.profile]
                if self.wanted.profile
                else profiles(self.connection, first, descending=descending)
            )
        groups = _STATUSES[::-1] if descending else _STATUSES
        return groups[groups.index(first) :] if first in groups else groups

    def _seek(
        self,
        also: Sequence[ColumnElement[bool]],
        by: Column[Any],
        after: Sequence[str | int] | None,
        descending: bool,
        limit: int,
    ) -> Sequence[RunRow]:
        number = type_coerce(by, BigInteger)  # an instant as it is kept: keys are plain numbers
        statement: Select[Any] = select(runs, number.label("sorted_by")).where(*self.where, *also)
        if after is not None:
            place = tuple_(number, runs.c.id)
            statement = statement.where(place < tuple_(*after) if descending else place > tuple_(*after))
        order = [one.desc() if descending else one.asc() for one in (number, runs.c.id)]
        return read(self.connection, statement.order_by(*order).limit(limit))


def _conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield runs.c.due_at >= wanted.since
    if wanted.until is not None:
        yield runs.c.due_at < wanted.until
    if wanted.status is not None:
        yield runs.c.status == wanted.status.value
    if wanted.profile is not None:
        yield runs.c.profile == wanted.profile
    if wanted.trigger is not None:
        yield runs.c.trigger == wanted.trigger.value
        if wanted.trigger is not Trigger.SCHEDULE:
            # Its index holds these alone, and is taken where a statement says so in the index's own words.
            yield sql("runs.trigger <> 'schedule'")  # type: ignore[misc]  # a text is a condition too


def _search(connection: Connection, text: str) -> None:
    """Note which runs say a text, in a table that goes with the transaction: each row is read once, in its order."""
    says = _matcher(text)
    told = select(messages.c.item_id).where(says(messages.c.text))
    of_item = or_(*map(says, (run_items.c.database, run_items.c.error, run_items.c.reason)), run_items.c.id.in_(told))
    found = union(
        select(runs.c.id).where(or_(says(runs.c.profile), says(runs.c.summary))),
        select(run_items.c.run_id).where(of_item),
    )
    connection.exec_driver_sql("CREATE TEMPORARY TABLE found (id INTEGER PRIMARY KEY)")
    connection.execute(_FOUND.insert().from_select(["id"], found))


def _matcher(text: str) -> Any:
    """Give what finds a text anywhere in a column, in either case, each of its characters standing for itself."""
    whole = text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
    if whole.isascii():
        return lambda said: said.contains(whole, autoescape=True)
    # LIKE, though eight times as quick, knows the case of English letters only.
    pattern = f"*{''.join(map(_either_case, whole))}*"
    return lambda said: said.op("GLOB", is_comparison=True)(pattern)


def _either_case(char: str) -> str:
    cases = {case for case in (char, char.lower(), char.upper()) if len(case) == 1}
    return f"[{''.join(sorted(cases))}]" if len(cases) > 1 or char in "*?[" else char
