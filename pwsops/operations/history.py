"""The history: every run that ever was, a page at a time."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from pwsops.catalogue import RunRow, runs
from pwsops.catalogue.history import Filter, Selection, profiles
from pwsops.catalogue.ordering import HistorySort, Key, key_types
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_run
from pwsops.operations.mapping import run_measure, run_views
from pwsops.operations.periods import check_period
from pwsops.operations.records import HistoryPage, RunMeasure
from pwsops.operations.rights import needs, of_run
from pwsops.rules.model import RunStatus, Trigger
from pwsops.rules.rights import Right

__all__ = ["PAGE_SIZE", "History", "HistoryQuery", "HistorySort"]

PAGE_SIZE = 50
MEASURES = 30
"""So many runs show what is usual for a profile."""
_LARGEST = 2**63


@dataclass(frozen=True, kw_only=True)
class HistoryQuery:
    """What is looked for, in which order, and from where on.

    Parameters
    ----------
    text
        Found anywhere in the profile's name, the summary, and the databases, errors, reasons and messages of a run,
        in either case; spaces around it and what is beyond 200 characters do not count. Empty: everything.
    status, profile, trigger
        Only runs of that kind; None: all. A deleted profile is found by its name.
    since, until
        Due from the first instant on and before the second, or missed then; aware. None: without that end.
    sort, descending
        The order; of runs that are equal in it, the same ones always stand first.
    size
        So many runs at most.
    position
        `before` or `after` of another page of the same sort; empty, or anything else, means the beginning.
    """

    text: str = ""
    status: RunStatus | None = None
    profile: str | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None
    sort: HistorySort = HistorySort.DUE
    descending: bool = True
    size: int = PAGE_SIZE
    position: str = ""


class History:
    """Search, filter and sort the runs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "see the history")
    def page(self, query: HistoryQuery) -> HistoryPage:
        """Return a page of runs, their items without messages.

        As quick at the end of a million runs as at their beginning. Of a `text` that tens of thousands of runs say, the
        page is found without all the others: its total is then the least that there are.
        """
        check_period("the history", query.since, query.until)
        filter_ = Filter(
            text=query.text.strip(),
            status=query.status,
            profile=query.profile,
            trigger=query.trigger,
            since=query.since,
            until=query.until,
        )
        with self._context.read() as connection:
            selection = Selection(connection, filter_)
            found, before, after = _read(selection, query, _Place.read(query.position, query.sort))
            views = run_views(connection, [row for _, row in found])
            total = max(selection.count(), len(views))
            return HistoryPage(runs=views, before=before, after=after, total=total, is_counted=selection.is_counted)

    @needs(Right.LOOK, "see a run", of_run)
    def up_to(self, run_id: int, limit: int = MEASURES) -> list[RunMeasure]:
        """Return what the last runs of its profile and kind took and wrote, up to this one, the oldest first."""
        with self._context.read() as connection:
            found = runs.alike(connection, find_run(connection, run_id), limit=limit)
        return [run_measure(row) for row in reversed(found)]

    @needs(Right.LOOK, "see the history")
    def profiles(self) -> list[str]:
        """Return the names of the profiles that have a history, deleted ones too."""
        with self._context.read() as connection:
            return list(profiles(connection))


@dataclass(frozen=True, kw_only=True)
class _Place:
    """After a key, or before it; without a key, the beginning."""

    key: Key | None = None
    backwards: bool = False

    def text(self, sort: HistorySort) -> str:
        content = json.dumps([sort.value, self.backwards, *(self.key or ())], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @staticmethod
    def read(text: str, sort: HistorySort) -> _Place:
        """Read what `text` gave; what somebody made up, or what another order gave, is the beginning."""
        try:
            padded = text + "=" * (-len(text) % 4)
            named, backwards, *key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, TypeError, RecursionError):
            return _Place()
        types = key_types(sort)
        fits = len(key) == len(types) and all(map(_fits, key, types))
        if named != sort.value or not isinstance(backwards, bool) or not fits:
            return _Place()
        return _Place(key=tuple(key), backwards=backwards)


def _fits(value: object, kind: type) -> bool:
    if isinstance(value, str):
        return kind is str and value.encode("utf-8", "replace").decode() == value
    return kind is int and type(value) is int and -_LARGEST <= value < _LARGEST


def _read(selection: Selection, query: HistoryQuery, place: _Place) -> tuple[list[tuple[Key, RunRow]], str, str]:
    """Return the runs at a place, and where the pages before and after them begin."""
    # One more than is shown tells whether there is more on that side.
    found = _at(selection, query, place, query.size + 1)
    if place.key is not None and len(found) < (query.size if place.backwards else 1):
        # Nothing is left there, or fewer than a page holds: then it is the first one.
        return _read(selection, query, _Place())
    here = found[: query.size]
    onwards = back = ""
    if len(found) > len(here):
        onwards = _Place(key=here[-1][0], backwards=place.backwards).text(query.sort)
    if place.key is not None:
        other = _Place(key=here[0][0], backwards=not place.backwards)
        back = other.text(query.sort) if _at(selection, query, other, 1) else ""
    return (here[::-1], onwards, back) if place.backwards else (here, back, onwards)


def _at(selection: Selection, query: HistoryQuery, place: _Place, limit: int) -> list[tuple[Key, RunRow]]:
    return selection.page(
        query.sort, descending=query.descending, after=place.key, backwards=place.backwards, limit=limit
    )
