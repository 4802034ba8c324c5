"""The orders of the history: what a run is sorted by, and what holds of the runs that follow a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, and_, case, or_, tuple_, type_coerce
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from pwsops.catalogue.schema import runs
from pwsops.rules.model import RunStatus

Key = tuple[str | int, ...]
"""Where a run stands in an order: the values that are sorted by, from the first on."""


class HistorySort(StrEnum):
    """What the history can be sorted by; by profile and status, the newest of each stand first, either way."""

    DUE = "due"
    PROFILE = "profile"
    STATUS = "status"
    DURATION = "duration"
    SIZE = "size"


STATUSES = tuple(
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
GROUPED: dict[HistorySort, Column[str]] = {HistorySort.PROFILE: runs.c.profile, HistorySort.STATUS: runs.c.status}
_NUMBERS: dict[HistorySort, Column[Any]] = {
    HistorySort.DUE: runs.c.due_at,
    HistorySort.DURATION: runs.c.duration_us,
    HistorySort.SIZE: runs.c.size_bytes,
}


def key_types(sort: HistorySort) -> tuple[type, ...]:
    """Return the types of an order's keys."""
    return (str, int, int) if sort in GROUPED else (int, int)


@dataclass(frozen=True)
class Order:
    """What is sorted by: the group, where there is one, and the number in it, each of them downwards or upwards."""

    sort: HistorySort
    groups_down: bool
    down: bool

    @staticmethod
    def of(sort: HistorySort, *, descending: bool, backwards: bool) -> Order:
        """Return the order in which a page is read; `backwards`, from its last run on."""
        down = (sort in GROUPED or descending) is not backwards
        return Order(sort, descending is not backwards, down)

    @property
    def is_grouped(self) -> bool:
        """Whether there are groups."""
        return self.sort in GROUPED

    @property
    def number(self) -> ColumnElement[int]:
        """An instant as it is kept: keys are plain numbers."""
        return type_coerce(_NUMBERS.get(self.sort, runs.c.due_at), BigInteger)

    @property
    def name(self) -> str:
        """The name of the number's column."""
        return str(_NUMBERS.get(self.sort, runs.c.due_at).name)

    def rank(self, group: Any) -> Any:
        """Return where a group stands among the others, or what works it out."""
        if self.sort is HistorySort.PROFILE:
            return group
        if isinstance(group, str):
            return STATUSES.index(group) if group in STATUSES else len(STATUSES)
        return case({status: at for at, status in enumerate(STATUSES)}, value=group, else_=len(STATUSES))

    def follows(self, place: Sequence[str | int]) -> ColumnElement[bool]:
        """Return what holds of the runs that follow a place in a group."""
        beyond: ColumnElement[bool] = _beyond(tuple_(self.number, runs.c.id), tuple_(*place), self.down)
        return beyond

    def all_following(self, after: Key) -> ColumnElement[bool]:
        """Return what holds of the runs that follow a place in all of them."""
        if not self.is_grouped:
            return self.follows(after)
        here, there = self.rank(GROUPED[self.sort]), self.rank(after[0])
        return or_(_beyond(here, there, self.groups_down), and_(here == there, self.follows(after[1:])))

    def clauses(self, *, within_group: bool = False, along: bool = True) -> list[ColumnElement[Any]]:
        """Return what a statement orders by; not `along` an index where few runs are wanted, anywhere in it."""
        group = [] if within_group or not self.is_grouped else [(self.rank(GROUPED[self.sort]), self.groups_down)]
        places = [*group, (self.number, self.down), (runs.c.id, self.down)]
        terms = [(column if along else unled(column), down) for column, down in places]
        return [column.desc() if down else column.asc() for column, down in terms]


def unled(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the same value, by which SQLite looks for no index."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def _beyond(one: Any, other: Any, down: bool) -> Any:
    return one < other if down else one > other
