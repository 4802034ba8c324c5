"""How sizes, durations, times and counts are written: the same on pages, on the command line and in reports. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

import humanize

from pwsops.rules.model import BackupKind

NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""


def kind(value: BackupKind | str | None) -> str:
    """Return a kind in the word people use for it."""
    if value is None:
        return NOTHING
    return "full" if value == BackupKind.FULL else "incremental" if value == BackupKind.DIFFERENTIAL else str(value)


class Backup(Protocol):
    """What is shown of a backup's nature."""

    @property
    def kind(self) -> BackupKind:
        """Whether it is a full."""

    @property
    def is_safety_copy(self) -> bool:
        """Whether it holds what a restore replaced."""


def kind_of(backup: Backup) -> str:
    """Return what a backup is: its kind, or that it is a safety copy."""
    return "safety copy" if backup.is_safety_copy else kind(backup.kind)


def size(size_bytes: float | None) -> str:
    """Return a size in decimal units, to one figure behind the point: 1.5 MB is 1,500,000 bytes."""
    if size_bytes is None:
        return NOTHING
    return str(humanize.naturalsize(size_bytes, format="%.1f")).replace("Byte", "byte")


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if round(seconds, 1) < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(at for at, (value, _) in enumerate(parts) if value)
    return " ".join(f"{value} {unit}" for value, unit in parts[first : first + 2] if value)


def age(seconds: float) -> str:
    """Return an age in its largest unit, rounded up, so that "not older than" is never too little."""
    if seconds > 2 * 86400:
        return counted(math.ceil(seconds / 86400), "day")
    if seconds > 3600:
        return counted(math.ceil(seconds / 3600), "hour")
    return counted(max(1, math.ceil(seconds / 60)), "minute")


def ago(seconds: float) -> str:
    """Return how long ago something was, so that it is still true when it is read a minute later."""
    if seconds < 60:
        return "less than a minute ago"
    if seconds < 3600:
        return f"{counted(int(seconds // 60), 'minute')} ago"
    if seconds < 2 * 86400:
        return f"{counted(int(seconds // 3600), 'hour')} ago"
    return f"{counted(int(seconds // 86400), 'day')} ago"


def day(at: datetime, zone: tzinfo | None) -> str:
    """Return the day of an instant in a zone; None is the machine's own."""
    return f"{at.astimezone(zone):%Y-%m-%d}"


def moment(at: datetime | None, zone: tzinfo | None) -> str:
    """Return an instant to the minute, in a zone; None is the machine's own."""
    return NOTHING if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def short_time(at: datetime | None, now: datetime, zone: tzinfo) -> str:
    """Return an instant as briefly as `now` allows: the time alone today, the day this year, else the date."""
    if at is None:
        return NOTHING
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        just_now = timedelta() <= now - at < timedelta(minutes=2)
        return f"{local:%H:%M:%S}" if just_now else f"{local:%H:%M}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    if local.year == today.year:
        return f"{local:%a} {local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y %H:%M}"


def short_day(at: datetime, zone: tzinfo) -> str:
    """Return the day of an instant in the form in which `short_time` has it."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def full_time(at: datetime | None, zone: tzinfo) -> str:
    """Return an instant in full, with its offset, for the hover; empty where there is none."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S} (UTC{local:%z})"


def counted(number: int, noun: str) -> str:
    """Return a number of things: 1 run, 2 runs, 1,234 runs."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first few names and the number of the others."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def share(value: float | None) -> str:
    """Return a share in percent, rounded down: what is not all must not read as 100%."""
    return NOTHING if value is None else f"{math.floor(value * 10_000) / 100:g}%"
