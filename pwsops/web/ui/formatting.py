"""How times, sizes, kinds and states are said to people. The same words on every page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from pwsops.operations.records import ProfileView, RestoreView, RunView
from pwsops.rules import sizes
from pwsops.rules.model import BackupKind, Health, ProfileState, RunStatus, Trigger

DASH = "\N{EN DASH}"


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
    RunStatus.FAILED: Mark(tone="orange", icon="warning", word="failed"),
    RunStatus.CANCELLED: Mark(tone="plain", icon="stop", word="cancelled"),
    RunStatus.MISSED: Mark(tone="orange", icon="warning", word="missed"),
    RunStatus.SKIPPED: Mark(tone="orange", icon="warning", word="skipped"),
}
_TRIGGERS = {Trigger.SCHEDULE: "by schedule", Trigger.CATCH_UP: "caught up", Trigger.MANUAL: "by hand"}


def kind(value: BackupKind | None) -> str:
    """Say a kind as people know it."""
    if value is None:
        return ""
    return "full" if value is BackupKind.FULL else "incremental"


def trigger(value: Trigger) -> str:
    """Say who wanted a run."""
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


def row_tone(profile: ProfileView) -> str:
    """Return the colour of a profile's row: only what failed has one."""
    return {Health.RED: "red", Health.ORANGE: "orange"}.get(profile.health, "")


def short_time(moment: datetime | None, now: datetime, zone: tzinfo) -> str:
    """Say a moment as briefly as `now` allows: the time alone today, the day this year, else the date."""
    if moment is None:
        return DASH
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        just_now = timedelta() <= now - moment < timedelta(minutes=2)
        return f"{local:%H:%M:%S}" if just_now else f"{local:%H:%M}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    if local.year == today.year:
        return f"{local:%a} {local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y %H:%M}"


def full_time(moment: datetime | None, zone: tzinfo) -> str:
    """Say a moment in full, with its offset, for the hover."""
    if moment is None:
        return ""
    local = moment.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S} (UTC{local:%z})"


def day(moment: datetime, zone: tzinfo) -> str:
    """Say a day, in the form in which `short_time` has it."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def other_zone(zone: tzinfo, of_the_pages: str) -> str:
    """Say that times are in another zone than those of the other pages."""
    return f" The times here are in {zone}, those of the other pages in {of_the_pages}."


def duration(seconds: float | None) -> str:
    """Say a duration to two figures: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 days."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return counted(hours // 24, "day")


def age(seconds: float) -> str:
    """Say an age in its largest unit, rounded up, so that "not older than" is never too little."""
    if seconds > 2 * 86400:
        return counted(math.ceil(seconds / 86400), "day")
    if seconds > 3600:
        return counted(math.ceil(seconds / 3600), "hour")
    return counted(max(1, math.ceil(seconds / 60)), "minute")


def ago(seconds: float) -> str:
    """Say how long ago something was, so that it is still true when it is read a minute later."""
    if seconds < 60:
        return "less than a minute ago"
    if seconds < 3600:
        return f"{counted(int(seconds // 60), 'minute')} ago"
    if seconds < 2 * 86400:
        return f"{counted(int(seconds // 3600), 'hour')} ago"
    return f"{counted(int(seconds // 86400), 'day')} ago"


def size(size_bytes: int | None) -> str:
    """Say a size in decimal units."""
    return "" if size_bytes is None else sizes.told(size_bytes)


def counted(number: int, noun: str) -> str:
    """Say a number of things: 1 run, 2 runs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Name the first few and count the others."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


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
