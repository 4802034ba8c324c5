"""The runs to come of all profiles, worked out once for all pages."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pwsops.operations.records import ProfileView
from pwsops.web.ui import formatting
from pwsops.web.ui.charts.month import Month, Tally, tally, together, told

if TYPE_CHECKING:
    from pwsops.operations import Operations
    from pwsops.web.live.snapshot import Snapshot

Days = Mapping[date, Tally]
LISTED = 9
_KEPT = 2_000
"""How many plans are kept: one a profile and month."""


class Plans:
    """Plans by profile and month, kept until the profile changes or has run.

    Only what is shown is worked out, however far away it is. Safe from several threads.
    """

    def __init__(self, ops: Operations) -> None:
        self._ops = ops
        self._lock = threading.Lock()
        self._plans: dict[tuple[object, ...], Days] = {}
        self._sum: tuple[object, Days] = (None, {})
        self._zones: dict[tuple[object, ...], tzinfo] = {}

    def known(self, profiles: Sequence[ProfileView], month: Month, zone: tzinfo) -> Days | None:
        """Return the runs of these profiles by day, if all of it is known already."""
        keys = [_key(profile, month, zone) for profile in profiles if profile.next_due_at is not None]
        with self._lock:
            if self._sum[0] == keys:
                return self._sum[1]
            if any(key not in self._plans for key in keys):
                return None
            self._sum = (keys, together([self._plans[key] for key in keys]))
            return self._sum[1]

    def work_out(self, profiles: Sequence[ProfileView], month: Month, zone: tzinfo) -> Days:
        """Return the runs of these profiles by day. Takes some milliseconds for each profile that is not known yet."""
        for profile in profiles:
            key = _key(profile, month, zone)
            if profile.next_due_at is None or key in self._plans:
                continue
            start = max(profile.next_due_at, month.since(zone))
            found = self._ops.profiles.preview(profile.name, start=start, until=month.end(zone))
            with self._lock:
                if len(self._plans) >= max(_KEPT, 2 * len(profiles)):
                    self._plans.clear()
                self._plans[key] = tally(found, zone, profile.name)
        return self.known(profiles, month, zone) or {}

    def zone_of(self, profile: ProfileView) -> tzinfo:
        """Return a profile's own time zone; kept until its schedule changes. UTC for one that cannot be worked out."""
        if profile.broken:
            return UTC
        key = (profile.id, profile.name, profile.schedule)
        with self._lock:
            known = self._zones.get(key)
        if known is None:
            known = ZoneInfo(self._ops.profiles.get(profile.name).timezone)
            with self._lock:
                self._zones[key] = known
        return known


def _key(profile: ProfileView, month: Month, zone: tzinfo) -> tuple[object, ...]:
    shown = (profile.id, profile.name, profile.schedule, profile.next_due_at, profile.next_kind)
    return (*shown, month.begin, str(zone))


def due_since(profiles: Sequence[ProfileView], snapshot: Snapshot) -> datetime | None:
    """Return the earliest run that is due and that nobody does, because the service is stopped; None: there is none."""
    if snapshot.service.running:
        return None
    due = [one.next_due_at for one in profiles if one.next_due_at is not None and one.next_due_at <= snapshot.at]
    return min(due, default=None)


def picture(
    runs: Days | None,
    month: Month,
    *,
    title: str,
    now: datetime,
    zone: tzinfo,
    overdue: datetime | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return what the template of the calendar shows.

    `runs`: None says that they are being worked out. `overdue`: since when runs are due that nobody does.
    """
    inside = month.inside(runs or {})
    listed = month.coming(runs or {}, LISTED)
    summary = "Working out the runs to come …" if runs is None else told(inside, month)
    if overdue is not None:
        summary = f"Due since {formatting.short_time(overdue, now, zone)}: the backup service is stopped. {summary}"
    values = {
        "overdue": overdue,
        "title": title,
        "several": False,
        "named": True,
        "month": month,
        "weeks": month.weeks(runs or {}),
        "summary": summary,
        "runs": listed,
        "more": 0 if inside is None else max(0, inside.count - len(listed)),
        "now": now,
        "zone": zone,
    }
    return values | more
