"""How values read in a document: instants in UTC, sizes and durations to two figures or three."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from pwsops.rules import sizes, verdict_words
from pwsops.rules.protection import Verdict

NOTHING = "–"


def day(at: datetime) -> str:
    """Return a day."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def moment(at: datetime | None) -> str:
    """Return an instant to the minute."""
    return NOTHING if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def kind(value: str) -> str:
    """Return a kind in the word people use for it."""
    return "incremental" if value == "differential" else value


def told(verdict: Verdict) -> str:
    """Return why a database is not protected, or what is to be known of it all the same."""
    return verdict_words.told(verdict, verdict_words.utc)


def step(verdict: Verdict) -> str:
    """Return what to do first about it; empty where all is well."""
    return verdict_words.step(verdict)


def share(value: float | None) -> str:
    """Return a share in percent, rounded down: what is not all must not read as 100%."""
    return NOTHING if value is None else f"{math.floor(value * 10_000) / 100:g}%"


def size(size_bytes: int | None) -> str:
    """Return a size in decimal units."""
    return NOTHING if size_bytes is None else sizes.told(size_bytes)


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    told = [f"{value} {unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if value]
    return " ".join(told[:2])
