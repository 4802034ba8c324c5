"""Lengths of time as restic and borg write them: `30d`, `6m`, `1y6m`; `m` is months, and `h` hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pwsops.errors import InvalidInput

FORM = "Give years, months, weeks, days and hours, as 1y, 6m, 2w, 30d, 36h or 1y6m; m is months."
_PART = re.compile(r"([0-9]{1,5})([ymwdh])")
_WHOLE = re.compile(r"(?:[0-9]{1,5}[ymwdh])+")
_LONGEST_YEARS = 1000


@dataclass(frozen=True, kw_only=True)
class Span:
    """A length of time; `text` is how it was written."""

    text: str
    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    def __str__(self) -> str:
        return self.text

    def before(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """Return the instant that lies so long before another, by the calendar of a zone; aware UTC.

        A day that a month lacks is one of the next month, as in restic: a month before 31 March is 3 March.
        """
        local = instant.astimezone(zone)
        months = local.year * 12 + local.month - 1 - self.years * 12 - self.months
        if months < 12:
            return datetime.min.replace(tzinfo=UTC)
        first = local.replace(year=months // 12, month=months % 12 + 1, day=1)
        try:
            moved = first + timedelta(days=local.day - 1 - self.days)
            return moved.astimezone(UTC) - timedelta(hours=self.hours)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)


def parse_span(text: str) -> Span | None:
    """Read a length of time; empty is None. Raises `InvalidInput`."""
    if not text:
        return None
    written = text.strip().lower()
    parts: dict[str, int] = dict.fromkeys("ymwdh", 0)
    for number, unit in _PART.findall(written):
        parts[unit] += int(number)
    if not _WHOLE.fullmatch(written) or not any(parts.values()) or parts["y"] > _LONGEST_YEARS:
        raise InvalidInput(f"The length of time {text!r} cannot be read.", hint=FORM, field="keep_within")
    days = parts["w"] * 7 + parts["d"]
    return Span(text=written, years=parts["y"], months=parts["m"], days=days, hours=parts["h"])
