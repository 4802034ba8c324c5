"""What a calendar says: the same as its figure shows, in words and as lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from pwsops.rules.model import RunStatus
from pwsops.web.live.calendar_cache import DAY, MONTH, WEEK, Content
from pwsops.web.ui import formatting
from pwsops.web.ui.charts.hours import clash_words
from pwsops.web.ui.charts.month import OPEN, Month, begin_of, coming_text, day_name, ended
from pwsops.web.ui.charts.plan import Clash

LISTED = 5
"""So many of the next runs are listed; the days have all of them."""
CLASHES_LISTED = 20
"""So many times at which runs overlap are told one by one of a week; a day tells all of its own."""


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What stands above a calendar.

    Parameters
    ----------
    title
        What it is about.
    several
        Whether it can be widened to all profiles.
    overdue
        Since when runs are due that nobody does.
    lead
        A sentence that comes first.
    problem
        Why nothing could be worked out.
    """

    title: str
    several: bool = False
    overdue: datetime | None = None
    lead: str = ""
    problem: str = ""


def head(month: Month, heading: Heading, view: str, day: date | None) -> dict[str, Any]:
    """Return what the template of the head shows: where one is, and where one can go."""
    today = month.present
    if view == MONTH or day is None:
        return {
            "heading": heading,
            "view": MONTH,
            "period": month.title,
            "before": ("month", month.earlier, "Month before", "" if month.earlier else _nothing_before(month)),
            "after": ("month", month.later, "Month after", "" if month.later else "Runs are shown two years ahead."),
            "today": month.named,
            "week": f"{_near(month, today):%Y-%m-%d}",
        }
    step = timedelta(days=7 if view == WEEK else 1)
    noun = "Week" if view == WEEK else "Day"
    monday = day - timedelta(days=day.weekday())
    period = f"Week of {day_name(monday, year=True)}" if view == WEEK else day_name(day, year=True)
    earliest, latest = Month.limits(today, behind=month.behind)
    before, after = day - step, day + step
    return {
        "heading": heading,
        "view": view,
        "period": period,
        "before": (view, _iso(before), f"{noun} before", "" if before >= earliest else _nothing_before(month)),
        "after": (view, _iso(after), f"{noun} after", "" if after <= latest else "Runs are shown two years ahead."),
        "today": today != day and not (view == WEEK and monday <= today < monday + step),
        "week": _iso(monday),
    }


def _near(month: Month, today: date) -> date:
    """Return the day whose week is opened from a month: today's, where that is in it."""
    return today if month.begin <= today <= month.last else month.first


def _nothing_before(month: Month) -> str:
    return "Runs are shown two years back." if month.behind else "Only runs to come are shown."


def _iso(day: date) -> str:
    return day.isoformat()


def body(content: Content, heading: Heading, now: datetime) -> dict[str, Any]:
    """Return what the template of the words and lists shows."""
    request = content.request
    month, zone = request.month, request.zone
    common = {"zone": zone, "zone_name": formatting.zone_name(zone), "now": now, "heading": heading, "content": content}
    if request.view == DAY and request.day is not None:
        return common | _day(content)
    if request.view == WEEK and request.day is not None:
        return common | _week(content)
    runs = month.inside(content.plans.days)
    named = request.named is None
    lead = [heading.lead] if heading.lead else []
    if heading.overdue is not None:
        due = formatting.short_time(heading.overdue, now, zone)
        lead.append(f"Due since {due}: the backup service is stopped.")
    begin = begin_of(month.first, zone) if month.named else month.since(zone)
    return common | {
        "view": MONTH,
        "summary": " ".join([*lead, coming_text(runs, month)]),
        "past": ended(content.days, month),
        "overlap": overlap(content, month),
        "beside": bool(content.plans.days_beside),
        "runs": list(islice(content.plans.since(begin), LISTED)),
        "named": named,
        "changes": [day for day in content.days if day.change],
        "days": [day for day in content.days if not day.is_empty],
        "first": next((day.date for day in content.days if not day.is_empty and not day.past), None),
    }


def overlap(content: Content, month: Month) -> str:
    """Return in words how often runs overlap, the first time with its profiles; empty where none do."""
    count = sum(count for day, count in content.plans.clashes_by_day.items() if month.holds(day))
    unmeasured = content.plans.unmeasured
    unknown = ""
    if unmeasured:
        # Nobody knows is not the same as none.
        who = formatting.listed(unmeasured) if all(unmeasured) else "this profile"
        unknown = f" How long the runs of {who} take is not known before the first that succeeds."
    if not count:
        return f"No runs overlap, as far as is known.{unknown}" if unmeasured else "No runs overlap."
    first = next(clash for clash in content.plans.clashes if month.holds(clash.begin.date()))
    when = f"{first.begin:%a} {first.begin.day} {first.begin:%b}"
    return (
        f"Runs overlap {formatting.counted(count, 'time')}, by how long they usually take. "
        f"First on {when}, {clash_words(first, content.plans.names(first))}.{unknown}"
    )


def _week(content: Content) -> dict[str, Any]:
    week = content.week
    assert week is not None
    days = [day for day in content.days if week.days[0] <= day.date <= week.days[-1]]
    clashes = _clashes(content, week.edges[0], week.edges[-1])
    coming, over = sum(day.runs.count for day in days if day.runs), sum(sum(day.outcomes.values()) for day in days)
    trouble = sum(day.trouble for day in days)
    parts = [f"{formatting.counted(coming, 'run')} to come"]
    if over:
        parts.insert(0, f"{formatting.counted(over, 'run')} over or under way, {trouble or 'none'} in trouble")
    return {
        "view": WEEK,
        "summary": f"{'; '.join(parts)}.",
        "days": days,
        "clashes": [(clash, _clash(content, clash)) for clash in clashes[:CLASHES_LISTED]],
        "more": len(clashes[CLASHES_LISTED:]),
        "overlap": "No runs overlap, as far as is known." if coming else "",
        "changes": [day for day in days if day.change],
        "first": days[0].date if days else None,
    }


def _day(content: Content) -> dict[str, Any]:
    request = content.request
    assert request.day is not None
    since, until = (begin_of(request.day + timedelta(days=days), request.zone) for days in (0, 1))
    day = next((each for each in content.days if each.date == request.day), None)
    mine = [line for line in content.lines if not line.beside]
    entries = [entry for line in mine for entry in line.entries]
    coming = sum(entry.status is None for entry in entries)
    trouble = sum(line.trouble for line in mine)
    counted = (
        (trouble, "in trouble"),
        (sum(entry.status is RunStatus.SUCCEEDED for entry in entries), "succeeded"),
        (sum(entry.status is RunStatus.CANCELLED for entry in entries), "cancelled"),
        (sum(entry.status in OPEN for entry in entries), "under way"),
        (coming, "to come"),
    )
    counts = ", ".join(f"{count} {words}" for count, words in counted if count)
    return {
        "view": DAY,
        "day": day_name(request.day, year=True),
        "summary": f"Runs: {counts}." if counts else "No runs on this day.",
        "change": day.change if day is not None else "",
        "lines": content.lines,
        "clashes": [(clash, _clash(content, clash)) for clash in _clashes(content, since, until)],
    }


def _clashes(content: Content, since: datetime, until: datetime) -> Sequence[Clash]:
    return [clash for clash in content.plans.clashes if since <= clash.begin < until]


def _clash(content: Content, clash: Clash) -> str:
    return clash_words(clash, content.plans.names(clash))
