"""What an address asks of the history, and what can be chosen instead. All of it may be made up; that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pwsops.operations.history import HistoryQuery, HistorySort
from pwsops.operations.reports import RestoreQuery
from pwsops.rules.model import RunStatus, Trigger
from pwsops.rules.periods import ALL_TIME, PERIOD_WORDS, Period, PeriodName, named
from pwsops.rules.periods import days as days_of
from pwsops.web.nav import Nav
from pwsops.web.pages import days
from pwsops.web.ui import formatting

FIELDS = ("status", "profile", "trigger", "sort", "period", "since", "until")
"""The fields of the page that the address keeps under the same name, besides what is searched for."""
DAYS = "days"
"""The period from one day to another."""
ORDERS = {
    "": "newest first",
    "due": "oldest first",
    "profile": "profile A to Z",
    "-profile": "profile Z to A",
    "status": "failed first",
    "-status": "succeeded first",
    "-duration": "longest first",
    "duration": "shortest first",
    "-size": "largest first",
    "size": "smallest first",
}
_RESTORE_STATES = (RunStatus.RUNNING, RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


def query_of(nav: Nav, now: datetime, zone: ZoneInfo) -> HistoryQuery:
    """Return what an address asks of the runs, days being those of a zone."""
    sort = nav.sort if nav.sort in ORDERS else ""
    period = period_of(nav, now, zone)
    return HistoryQuery(
        text=nav.q,
        status=_status(nav),
        profile=nav.profile or None,
        trigger=Trigger(nav.trigger) if nav.trigger in set(Trigger) else None,
        since=period.since,
        until=period.until,
        sort=HistorySort(sort.removeprefix("-")) if sort else HistorySort.DUE,
        descending=not sort or sort.startswith("-"),
        position=nav.after,
    )


def restore_query_of(nav: Nav, now: datetime, zone: ZoneInfo) -> RestoreQuery:
    """Return what an address asks of the restores."""
    period = period_of(nav, now, zone)
    return RestoreQuery(text=nav.q, status=_status(nav), since=period.since, until=period.until)


def period_of(nav: Nav, now: datetime, zone: ZoneInfo) -> Period:
    """Return the period of an address as of now."""
    kind = _kind(nav)
    if kind in set(PeriodName):
        return named(PeriodName(kind), now, zone)
    return days.period(nav, zone) if kind == DAYS else ALL_TIME


def period_error(nav: Nav, zone: ZoneInfo) -> str:
    """Return why nothing can be in the period of an address; empty: something can."""
    return days.error(nav, zone) if _kind(nav) == DAYS else ""


def change(nav: Nav, field: str, value: str, now: datetime, zone: ZoneInfo) -> dict[str, str | int]:
    """Return what of the address becomes different by a field: the list is shown from its beginning."""
    other: dict[str, str | int] = {"after": "", "opened": 0, field: value}
    if field == "period":
        # Who goes on from a name to days, begins with those of the name.
        since, until = _days_of(nav, now, zone) if value == DAYS else ("", "")
        other |= {"since": since, "until": until}
    elif field in ("since", "until"):
        other["period"] = DAYS
    return other


def is_filtered(nav: Nav, query: HistoryQuery | RestoreQuery) -> bool:
    """Whether not everything is asked for."""
    also = (query.profile, query.trigger) if isinstance(query, HistoryQuery) else ()
    chosen = (query.status, query.since, query.until, *also)
    return bool(nav.q.strip()) or any(value is not None for value in chosen)


def run_choices(nav: Nav, names: Sequence[str], now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return what can be chosen of the runs; `names`: the profiles that have a history."""
    known = names if not nav.profile or nav.profile in names else [nav.profile, *names]
    return {
        "profile": nav.profile,
        "trigger": nav.trigger,
        "statuses": _statuses(RunStatus),
        "profiles": [("", "all profiles"), *((name, name) for name in known)],
        "triggers": [("", "in any way"), *((trigger.value, formatting.trigger(trigger)) for trigger in Trigger)],
        "orders": list(ORDERS.items()),
        "sort": nav.sort if nav.sort in ORDERS else "",
        **_common(nav, query_of(nav, now, zone), now, zone),
    }


def restore_choices(nav: Nav, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return what can be chosen of the restores."""
    return {"statuses": _statuses(_RESTORE_STATES), **_common(nav, restore_query_of(nav, now, zone), now, zone)}


def _common(nav: Nav, query: HistoryQuery | RestoreQuery, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    since, until = days.bounds(nav)
    return {
        "q": nav.q,
        "status": nav.status,
        "period": _kind(nav),
        "periods": [("", "all time"), *PERIOD_WORDS.items(), (DAYS, "from … to …")],
        "since": "" if since is None else since.isoformat(),
        "until": "" if until is None else until.isoformat(),
        "since_error": period_error(nav, zone),
        "period_text": _period_text(nav, now, zone),
        "filtered": is_filtered(nav, query),
    }


def _kind(nav: Nav) -> str:
    if nav.period in (*PeriodName, DAYS):
        return nav.period
    return DAYS if any(days.bounds(nav)) else ""


def _days_of(nav: Nav, now: datetime, zone: ZoneInfo) -> tuple[str, str]:
    kind = _kind(nav)
    if kind not in set(PeriodName):
        return nav.since, nav.until
    first, last = days_of(PeriodName(kind), now, zone)
    return first.isoformat(), last.isoformat()


def _period_text(nav: Nav, now: datetime, zone: ZoneInfo) -> str:
    kind = _kind(nav)
    first, last = days_of(PeriodName(kind), now, zone) if kind in set(PeriodName) else days.bounds(nav)
    if first is None and last is None:
        return ""
    if first == last:
        text = f"on {first}"
    else:
        text = " ".join(f"{word} {day}" for word, day in (("from", first), ("to", last)) if day is not None)
    return f"{text} ({str(zone).removeprefix('Etc/')})"


def _status(nav: Nav) -> RunStatus | None:
    return RunStatus(nav.status) if nav.status in set(RunStatus) else None


def _statuses(states: Sequence[RunStatus] | type[RunStatus]) -> list[tuple[str, str]]:
    return [("", "any state"), *((status.value, formatting.run_mark(status).word) for status in states)]
