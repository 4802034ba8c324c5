"""From one day to another, as an address says it: on every page that lists what was."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from pwsops.rules.periods import Period, between, read_day
from pwsops.web.nav import Nav


def bounds(nav: Nav) -> tuple[date | None, date | None]:
    """Return the first and the last day; None: that end is not said, or is no day."""
    return read_day(nav.since), read_day(nav.until)


def period(nav: Nav, zone: ZoneInfo) -> Period:
    """Return the period of both days and those between, in a zone."""
    return between(*bounds(nav), zone)


def error(nav: Nav, zone: ZoneInfo) -> str:
    """Return why nothing can be in that period, to be said beside its first day; empty: something can."""
    first, last = bounds(nav)
    if first is None or last is None:
        return ""
    if last < first:
        return "This day is after the other."
    both = period(nav, zone)
    is_empty = both.since is not None and both.until is not None and both.since >= both.until
    return f"There is no such day in {zone}: its clocks went over it." if is_empty else ""
