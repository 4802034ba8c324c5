"""How many runs there are, of a profile, in a state, started in some way: read from counts that triggers keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, MetaData, and_, func, select

from pwsops.catalogue.conditions import Columns
from pwsops.catalogue.schema import profiles, run_counts
from pwsops.rules.model import Trigger

if TYPE_CHECKING:
    from pwsops.catalogue.history import Filter

# A run that worked on somebody's instance names a profile which may have been given another one since: they see its
# name with the run, and find the run by it.
_profiles = profiles.to_metadata(MetaData(), schema="main")


class Tally:
    """The numbers of runs that a filter leaves, whatever else it says of texts and times.

    Parameters
    ----------
    connection
        To read with.
    query
        The filter.
    """

    def __init__(self, connection: Connection, query: Filter) -> None:
        self._connection = connection
        self._conditions = _conditions(query)
        self.columns: Columns = frozenset(self._conditions)
        """What the filter asks about."""

    def counts(self) -> Mapping[Columns, int]:
        """Return the number of runs for the whole filter, and for each part of it that an index leads to."""
        parts = {self.columns, *(frozenset({name}) for name in self.columns)}
        if {"profile", "status"} <= self.columns:
            parts.add(frozenset({"profile", "status"}))
        order = sorted(parts, key=sorted)
        sums = [func.coalesce(func.sum(run_counts.c.count).filter(self._all_of(part)), 0) for part in order]
        return dict(zip(order, self._connection.execute(select(*sums)).one(), strict=True))

    def names(self, first: str | None = None, *, descending: bool = False) -> Iterator[str]:
        """Return the names of the profiles that such runs are of, deleted ones too, in order, from `first` on."""
        name = _profiles.c.name
        found = select(name).distinct().join(run_counts, run_counts.c.profile_id == _profiles.c.id)
        found = found.where(self._all_of(self.columns))
        if first is not None:
            found = found.where(name <= first if descending else name >= first)
        yield from self._connection.execute(found.order_by(name.desc() if descending else name)).scalars()

    def statuses(self) -> set[str]:
        """Return the states that such runs are in."""
        found = select(run_counts.c.status).distinct().where(self._all_of(self.columns))
        return set(self._connection.execute(found).scalars())

    def _all_of(self, part: Columns) -> ColumnElement[bool]:
        return and_(run_counts.c.count > 0, *(self._conditions[name] for name in sorted(part)))


def _conditions(query: Filter) -> dict[str, ColumnElement[bool]]:
    asked: dict[str, Any] = {"status": query.status, "trigger": query.trigger}
    found = {name: run_counts.c[name] == value.value for name, value in asked.items() if value is not None}
    if query.profile is not None:
        named = select(_profiles.c.id).where(_profiles.c.name == query.profile)
        found["profile"] = run_counts.c.profile_id.in_(named)
    return found


def leads(part: Columns, query: Filter) -> bool:
    """Return whether an index leads to the runs that this part of a filter leaves."""
    return part in ({"profile"}, {"status"}, {"profile", "status"}) or (
        part == {"trigger"} and query.trigger is not Trigger.SCHEDULE
    )
