"""Which profiles the list shows, and in which order: what failed first, unless somebody asks for another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pwsops.operations.records import ProfileView
from pwsops.web.live.snapshot import Snapshot
from pwsops.web.nav import Nav
from pwsops.web.ui import formatting

SHOWN = 50
"""How many profiles are shown at first, and how many more each time: a browser draws so many at once."""
_URGENT = ("red", "orange", "")
_FAR = datetime.max.replace(tzinfo=UTC)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _name(profile: ProfileView) -> str:
    return profile.name.lower()


def _last(profile: ProfileView) -> datetime:
    run = profile.last_run
    return _LONG_AGO if run is None else run.started_at or run.due_at


def _next(profile: ProfileView) -> datetime:
    return profile.next_due_at or _FAR


_KEYS: dict[str, Callable[[ProfileView], str | datetime]] = {"name": _name, "last": _last, "next": _next}
_COLUMNS = (
    ("Profile", ("name", "-name"), "by name"),
    ("State", ("", ""), "what failed first"),
    ("Schedule", None, ""),
    ("Last run", ("-last", "last"), "by the last run"),
    ("Next run", ("next", "-next"), "by the next run"),
)
"""Each column's name, its orders, the more useful one first (None: it has none), and what they are called."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the list: its name, the order that its button leads to, and how the list is sorted by it now."""

    name: str
    key: str | None
    sorted: str
    hint: str


def columns(sort: str) -> Sequence[Column]:
    """Return the columns for an order; an order that there is not is the first one."""
    sort = _known(sort)
    found = []
    for name, orders, hint in _COLUMNS:
        here = orders is not None and sort in orders
        key = None if orders is None else orders[1] if sort == orders[0] else orders[0]
        way = ("descending" if sort.startswith("-") or not sort else "ascending") if here else ""
        found.append(Column(name=name, key=key, sorted=way, hint=f"Sort {hint}" if hint else ""))
    return found


def arranged(profiles: Sequence[ProfileView], sort: str, sought: str) -> Sequence[ProfileView]:
    """Return the profiles that have a text in their name, instance or databases, in an order."""
    sort, sought = _known(sort), sought.strip().lower()
    found = sorted((profile for profile in profiles if sought in _searched(profile)), key=_name)
    if not sort:
        return sorted(found, key=lambda profile: _URGENT.index(formatting.row_tone(profile)))
    return sorted(found, key=_KEYS[sort.removeprefix("-")], reverse=sort.startswith("-"))


def _known(sort: str) -> str:
    return sort if sort.removeprefix("-") in _KEYS and sort.count("-") < 2 else ""


def _searched(profile: ProfileView) -> str:
    return " ".join([profile.name, profile.instance, *profile.databases]).lower()


def selected(snapshot: Snapshot, nav: Nav) -> ProfileView | None:
    """Return the profile that the address names, or the only one there is."""
    if len(snapshot.profiles) == 1:
        return snapshot.profiles[0]
    return snapshot.profile(nav.profile)
