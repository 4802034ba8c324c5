"""How states are shown on pages, and beside them times, sizes and kinds as they are written everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from pwsops.operations.records import ProfileView, RestoreView, RunView
from pwsops.rules.formatting import (
    NOTHING,
    age,
    ago,
    counted,
    duration,
    full_time,
    kind,
    kind_of,
    listed,
    short_day,
    short_time,
    size,
)
from pwsops.rules.highlight import HasStatus, highlight, tone_of
from pwsops.rules.model import Health, ProfileState, RunStatus, Trigger

__all__ = [
    "NOTHING",
    "Mark",
    "age",
    "ago",
    "counted",
    "duration",
    "full_time",
    "kind",
    "kind_of",
    "listed",
    "other_zone",
    "percent",
    "profile_mark",
    "row_class",
    "row_tone",
    "run_mark",
    "run_size",
    "short_day",
    "short_time",
    "size",
    "trigger",
    "zone_name",
]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A state as it is shown: a tone (which colour), an icon's name, and always a word."""

    tone: str
    icon: str
    word: str


_RUN_MARKS = {
    RunStatus.QUEUED: Mark(tone="running", icon="clock", word="queued"),
    RunStatus.RUNNING: Mark(tone="running", icon="running", word="running"),
    RunStatus.SUCCEEDED: Mark(tone="ok", icon="check", word="succeeded"),
    RunStatus.FAILED: Mark(tone=tone_of(RunStatus.FAILED), icon="cross", word="failed"),
    RunStatus.CANCELLED: Mark(tone="plain", icon="stop", word="cancelled"),
    RunStatus.MISSED: Mark(tone=tone_of(RunStatus.MISSED), icon="warning", word="missed"),
    RunStatus.SKIPPED: Mark(tone=tone_of(RunStatus.SKIPPED), icon="warning", word="skipped"),
}
_TRIGGERS = {Trigger.SCHEDULE: "by schedule", Trigger.CATCH_UP: "caught up", Trigger.MANUAL: "by hand"}


def trigger(value: Trigger) -> str:
    """Return who started a run."""
    return _TRIGGERS[value]


def run_mark(status: RunStatus) -> Mark:
    """Return a run's (or an item's) state as it is shown."""
    return _RUN_MARKS[status]


def profile_mark(profile: ProfileView) -> Mark:
    """Return a profile's state as it is shown. A running one still shows when it is in trouble, by its row's colour."""
    if profile.running is not None:
        return run_mark(profile.running.status)
    if profile.broken:
        return Mark(tone="red", icon="cross", word="cannot run")
    if profile.health is Health.RED:
        return Mark(tone="red", icon="cross", word="switched off")
    if profile.health is Health.ORANGE:
        status = RunStatus.FAILED if profile.last_run is None else profile.last_run.status
        return Mark(tone="orange", icon="warning", word=f"last run {run_mark(status).word}")
    if profile.state is ProfileState.INACTIVE:
        return Mark(tone="plain", icon="pause", word="inactive")
    if profile.health is Health.NEW:
        return Mark(tone="plain", icon="clock", word="not run yet")
    return Mark(tone="ok", icon="check", word="succeeded")


def row_class(row: HasStatus) -> str:
    """Return the class of a row of a history, after its tone; empty for one that does not stand out."""
    tone = highlight(row)
    return f"is-{tone}" if tone else ""


def row_tone(profile: ProfileView) -> str:
    """Return the colour of a profile's row: only what failed has one."""
    return {Health.RED: "red", Health.ORANGE: "orange"}.get(profile.health, "")


def zone_name(zone: tzinfo) -> str:
    """Return the name of a time zone as it is shown: UTC, and not Etc/UTC."""
    return str(zone).removeprefix("Etc/")


def other_zone(zone: tzinfo, of_the_pages: str) -> str:
    """Return a sentence that names the zone of times where it is not that of the other pages; else nothing."""
    name = zone_name(zone)
    return "" if name == of_the_pages else f"The times here are in {name}, those of the other pages in {of_the_pages}."


def run_size(run: RunView) -> int | None:
    """Return the bytes a run has written; None where it wrote none."""
    sizes = [item.size_bytes for item in run.items if item.size_bytes is not None]
    return sum(sizes) if sizes else None


def percent(work: RunView | RestoreView) -> int | None:
    """Return how far a run or a restore is, in percent; None while that is unknown."""
    progress = work.progress
    if progress is None or progress.total_bytes <= 0:
        return None
    return max(0, min(100, progress.done_bytes * 100 // progress.total_bytes))
