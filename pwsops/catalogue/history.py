"""The history as its page shows it: searched, filtered, sorted, and read a page at a time wherever it stands.

A page begins after a key, the sort values of a row, and never at an offset: the last page of a million runs costs what
the first does. What is sorted by has no nulls (a run without a start or an end has the duration -1), so that each run
has one place in every order.

Few runs are read and sorted. Many are read along an index that has their order, until the page is full: there are so
many that this comes soon. Which it is, the counts of the runs tell (see `tally`), and of a text its first hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from pwsops.catalogue import tally
from pwsops.catalogue.conditions import DUE, Columns, by_period, conditions, count_in_period, earliest
from pwsops.catalogue.ordering import GROUPED, STATUSES, HistorySort, Key, Order, unled
from pwsops.catalogue.runs import RunRow, read
from pwsops.catalogue.schema import runs
from pwsops.catalogue.search import FOUND, Search
from pwsops.catalogue.tally import Tally
from pwsops.rules.model import RunStatus, Trigger
from pwsops.rules.periods import Period

FEW = 12_000
"""So many runs at most are sorted; of more, a page is read along an index."""
MONTH = 60_000
"""So many runs of a period are sorted by duration or size: these grow with time, so that an index by them may have
nearly all the others first."""
_WINDOWS = (1_000, 4_000, 15_000)
"""So many runs are looked through, one after the other, for a page of those that say what many say."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which runs are looked at.

    Parameters
    ----------
    text
        Found anywhere in names, summaries, errors and messages, in either case.
    since, until
        Due from the first instant on, and before the second; missed occurrences that lie in it count, too.
    """

    text: str = ""
    status: RunStatus | None = None
    profile: str | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def has_period(self) -> bool:
        """Whether there is a beginning or an end."""
        return self.since is not None or self.until is not None


def profiles(connection: Connection, first: str | None = None, *, descending: bool = False) -> Iterator[str]:
    """Return the names of the profiles that have a history, deleted ones too, in order, from `first` on."""
    return Tally(connection, Filter()).names(first, descending=descending)


def in_period(connection: Connection, period: Period) -> Sequence[ColumnElement[bool]]:
    """Return what holds of the runs of a period."""
    query = Filter(since=period.since, until=period.until)
    return [*conditions(query, first=earliest(connection, query))]


class Selection:
    """The runs that a filter leaves, as of one transaction, which is also how long what a search found is kept.

    Parameters
    ----------
    connection
        To read with; a text is searched for at once.
    filter
        The filter.
    """

    def __init__(self, connection: Connection, query: Filter) -> None:
        self.connection = connection
        self.filter = query
        self._first = earliest(connection, query)
        self._conditions = [*self._having(None)]
        self._search = Search(connection, query.text) if query.text else None
        self._tally = Tally(connection, query)
        self._counts = self._tally.counts()

    @property
    def where(self) -> list[ColumnElement[bool]]:
        """What holds of each of the runs, for other statements of the same transaction; finds all of them first."""
        if self._search is None:
            return self._conditions
        self._search.complete()
        return [*self._conditions, _is_found()]

    @property
    def is_counted(self) -> bool:
        """Whether `count` is exact; of a text that very many runs say, it is the least that there are."""
        return self._search is None or self._search.is_complete

    def count(self) -> int:
        """Count the runs; see `is_counted`."""
        if self._search is None:
            return self._in_period if self.filter.has_period else self._counts[self._tally.columns]
        where = [*self._having(frozenset()), _is_found()]
        return int(self.connection.execute(select(func.count()).select_from(runs).where(*where)).scalar_one())

    @cached_property
    def _in_period(self) -> int:
        return count_in_period(self.connection, self.filter, self._first)

    def _is_short(self, order: Order) -> bool:
        """Whether the runs of the period are read and sorted; along an index by due time they come in order anyway."""
        if not self.filter.has_period or (order.name == DUE and not order.is_grouped):
            return False
        return self._in_period <= (FEW if order.is_grouped else MONTH)

    def _having(self, led: Columns | None) -> Iterator[ColumnElement[bool]]:
        return conditions(self.filter, led, first=self._first)

    def page(
        self, sort: HistorySort, *, descending: bool, after: Key | None = None, backwards: bool = False, limit: int
    ) -> list[tuple[Key, RunRow]]:
        """Return up to `limit` runs with their keys, in order, that follow `after`; None begins at the beginning.

        `backwards`: those that precede it, the nearest first; None begins at the end.
        """
        order = Order.of(sort, descending=descending, backwards=backwards)
        keys = self._keys(order, after, limit)
        found = read(self.connection, select(runs).where(runs.c.id.in_([key[-1] for key in keys])))
        rows = {row["id"]: row for row in found}
        return [(key, rows[key[-1]]) for key in keys]

    def _keys(self, order: Order, after: Key | None, limit: int) -> list[Key]:
        if self._search is not None and not self._search.is_complete:
            found = self._look_through(self._search, order, after, limit)
            if found is not None:
                return found
            self._search.complete()
        if self._search is not None:
            return self._sorted(order, after, limit, None)
        if self._is_short(order):
            return self._sorted(order, after, limit, by_period(self.filter))
        fewest = self._fewest(self._tally.columns)
        if fewest and self._counts[fewest] <= FEW and not _has_order(self._tally.columns, order):
            return self._sorted(order, after, limit, fewest)
        return self._along(order, after, limit)

    def _look_through(self, search: Search, order: Order, after: Key | None, limit: int) -> list[Key] | None:
        """Return a page of what very many runs say, or None where not even that shows soon."""
        found: list[Key] = []
        for window in _WINDOWS:
            keys = self._along(order, after, window)
            says = search.among([int(key[-1]) for key in keys])
            found += [key for key in keys if key[-1] in says]
            if len(found) >= limit or len(keys) < window:
                return found[:limit]
            after = keys[-1]
        return None

    def _sorted(self, order: Order, after: Key | None, limit: int, led: Columns | None) -> list[Key]:
        """Read the runs that were found, or that an index leads to by these columns, and sort them."""
        key: list[Any] = [GROUPED[order.sort]] if order.is_grouped else []
        key += [order.number.label("sorted_by"), runs.c.id]
        found = select(*key)
        found = found.where(*self._having(led or frozenset()))
        if led is None:
            found = found.where(_is_found())
        if after is not None:
            found = found.where(order.all_following(after))
        return self._read(found.order_by(*order.clauses(along=False)).limit(limit))

    def _read(self, statement: Select[Any]) -> list[Key]:
        return [tuple(row) for row in self.connection.execute(statement)]

    def _along(self, order: Order, after: Key | None, limit: int) -> list[Key]:
        """Read along an index that has the order."""
        if not order.is_grouped:
            return self._seek(order, None, after, limit)
        keys: list[Key] = []
        first = None if after is None else str(after[0])
        for group in self._groups(order, first):
            rest = after[1:] if after is not None and group == first else None
            keys += [(group, *key) for key in self._seek(order, group, rest, limit - len(keys))]
            if len(keys) == limit:
                break
        return keys

    def _groups(self, order: Order, first: str | None) -> Iterable[str]:
        if order.sort is HistorySort.PROFILE:
            return self._tally.names(first, descending=order.groups_down)
        groups = STATUSES[::-1] if order.groups_down else STATUSES
        groups = groups[groups.index(first) :] if first in groups else groups
        known = self._tally.statuses()
        return [group for group in groups if group in known]

    def _seek(self, order: Order, group: str | None, after: Sequence[str | int] | None, limit: int) -> list[Key]:
        columns = self._tally.columns if group is None else self._tally.columns | {GROUPED[order.sort].name}
        led = self._index(columns, order.name) | (frozenset({DUE}) if order.name == DUE else frozenset())
        statement = select(order.number.label("sorted_by"), runs.c.id).where(*self._having(led))
        if group is not None:
            column = GROUPED[order.sort]
            statement = statement.where((column if column.name in led else unled(column)) == group)
        if after is not None:
            statement = statement.where(order.follows(after))
        return self._read(statement.order_by(*order.clauses(within_group=True)).limit(limit))

    def _index(self, columns: Columns, by: str) -> Columns:
        """Return by which columns to go to the runs, in the order of `by`."""
        if {"profile", "status"} <= columns and by == "due_at":
            return frozenset({"profile", "status"})
        return self._fewest(columns) or frozenset()

    def _fewest(self, columns: Columns) -> Columns | None:
        """Return the part of these columns that leads to the fewest runs; what a group leads to counts as fewest."""
        led = [
            part
            for part in (frozenset({"profile", "status"}), *(frozenset({name}) for name in sorted(columns)))
            if part <= columns and tally.leads(part, self.filter)
        ]
        return min(led, key=lambda part: self._counts.get(part, 0), default=None)


def _has_order(columns: Columns, order: Order) -> bool:
    """Whether an index leads to just the runs that are asked for, in their order."""
    columns |= {GROUPED[order.sort].name} if order.is_grouped else frozenset()
    return len(columns) == 1 or (columns == {"profile", "status"} and order.name == "due_at")


def _is_found() -> ColumnElement[bool]:
    return runs.c.id.in_(select(FOUND.c.id))
