"""A moment as a person writes it, read and written: "2026-11-30 14:37:05", "yesterday 14:37", "2 hours ago". Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from pwsops.errors import InvalidInput
from pwsops.rules.validity import is_zone
from pwsops.rules.wallclock import instants, offset_spans

FORMS = (
    'Write a day and a time: "2026-11-30 14:37:05", "yesterday 14:37", "14:37" (of today) or "2 hours ago". An offset '
    '("2026-11-30T14:37:05+01:00") or a zone ("14:37 yesterday, Europe/Berlin") may follow.'
)
_ZONE = re.compile(r"(?P<rest>.+?)(?:\s*,\s*|\s+)(?P<zone>[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|UTC)")
_DAY = r"(?P<day>\d{4}-\d{2}-\d{2}|today|yesterday)"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,6}))?)?"
_OFFSET = r"(?:\s*(?P<offset>Z|[+-]\d{2}:?\d{2}(?::\d{2})?))?"
_WRITTEN = (
    re.compile(rf"{_DAY}(?:T|\s+|\s*,\s*){_TIME}{_OFFSET}", re.IGNORECASE),
    re.compile(rf"{_TIME}{_OFFSET}(?:(?:\s+|\s*,\s*){_DAY})?", re.IGNORECASE),
)
_AGO = re.compile(r"(?P<count>\d{1,6})\s*(?P<unit>s|sec|second|m|min|minute|h|hour|d|day|week)s?\s+ago", re.IGNORECASE)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def read_moment(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant that a text means, in UTC.

    Parameters
    ----------
    now
        What "today", "yesterday" and "ago" are told from; aware.
    zone
        Whose clock shows the time, where the text names neither a zone nor an offset.

    Raises
    ------
    InvalidInput
        The text is no moment, or its time came twice or never in that zone: then both readings are named, each as it
        is to be written.
    """
    written = text.strip()
    if (ago := _AGO.fullmatch(written)) is not None:
        return _before(now, int(ago["count"]) * _UNITS[ago["unit"][0].lower()], text)
    if (named := _ZONE.fullmatch(written)) is not None:
        if not is_zone(named["zone"]):
            raise InvalidInput(f"{named['zone']!r} in {text!r} is no time zone that is known.", hint=FORMS, field="at")
        written, zone = named["rest"], ZoneInfo(named["zone"])
    found = next((match for form in _WRITTEN if (match := form.fullmatch(written)) is not None), None)
    if found is None:
        raise _unread(text)
    if found["offset"] and named is not None:
        raise InvalidInput(f"{text!r} names an offset and a zone.", hint="Write one of them.", field="at")
    offset = _offset(found["offset"], text)
    try:
        wall = datetime.combine(_day(found["day"], now.astimezone(offset or zone).date()), _time(found))
        if offset is not None:
            return wall.replace(tzinfo=offset).astimezone(UTC)
        return _only_instant(wall, zone)
    except (ValueError, OverflowError):
        raise _unread(text) from None


def write_moment(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant by a zone's clock so that `read_moment` takes it for the very same.

    With fractions of a second where it has any, and with its offset where the clock shows that time twice.
    """
    local = instant.astimezone(zone)
    fraction = f".{local:%f}".rstrip("0") if local.microsecond else ""
    offset = "" if len({local.replace(fold=fold).utcoffset() for fold in (0, 1)}) == 1 else _written_offset(local)
    return f"{local:%Y-%m-%d %H:%M:%S}{fraction}{offset}"


def write_moments(instants: Sequence[datetime], zone: ZoneInfo) -> list[str]:
    """Return instants by a zone's clock so that each, read again as a moment, means no other one of them.

    To the second, rounded up: what is named by it is not after it. Where two would be written alike, with their
    fractions.
    """
    rounded = [write_moment(_rounded_up(each), zone) for each in instants]
    times = Counter(rounded)
    return [
        text if times[text] == 1 else write_moment(each, zone) for text, each in zip(rounded, instants, strict=True)
    ]


def _rounded_up(instant: datetime) -> datetime:
    return (instant + timedelta(seconds=1, microseconds=-1)).replace(microsecond=0)


def _written_offset(local: datetime) -> str:
    return local.isoformat(timespec="seconds")[len("2026-11-30T14:37:05") :]


def as_zone(name: str) -> ZoneInfo:
    """Return a zone by its IANA name; raises `InvalidInput` for one that is not known."""
    if not is_zone(name):
        raise InvalidInput(f"{name!r} is no time zone that is known.", hint="Give an IANA name: Europe/Berlin.")
    return ZoneInfo(name)


def _unread(text: str) -> InvalidInput:
    return InvalidInput(f"{text!r} is no moment that can be read.", hint=FORMS, field="at")


def _before(now: datetime, age: timedelta, text: str) -> datetime:
    try:
        return now.astimezone(UTC) - age
    except OverflowError:
        raise _unread(text) from None


def _day(text: str | None, today: date) -> date:
    word = (text or "today").lower()
    if word in ("today", "yesterday"):
        return today if word == "today" else today - timedelta(days=1)
    return date.fromisoformat(word)


def _time(found: re.Match[str]) -> time:
    fraction = int((found["fraction"] or "").ljust(6, "0"))
    return time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0), fraction)


def _offset(text: str | None, whole: str) -> timezone | None:
    if not text:
        return None
    if text.upper() == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes, seconds = (int(digits[at : at + 2] or 0) for at in (0, 2, 4))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise _unread(whole)
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-size if text[0] == "-" else size)


def _only_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    spans = offset_spans(zone, wall.toordinal())
    found = instants(wall, spans)
    if len(found) == 1:
        return found[0]
    if found:
        how, readings = "came twice", found
    else:
        how = "never came"
        at = next(number for number, span in enumerate(spans) if span.begin + span.offset > wall)
        readings = [(wall - span.offset).replace(tzinfo=UTC) for span in spans[at - 1 : at + 1]]
    offsets = [timezone(wall - instant.replace(tzinfo=None)) for instant in readings]
    ways = [
        f'"{wall.replace(tzinfo=offset).isoformat()}" ({instant:%Y-%m-%d %H:%M:%S} UTC'
        + ("" if found else f", when clocks showed {instant.astimezone(zone):%H:%M:%S}")
        + ")"
        for instant, offset in zip(readings, offsets, strict=True)
    ]
    raise InvalidInput(
        f"{wall:%Y-%m-%d %H:%M:%S} {how} in {zone.key}: clocks were changed there.",
        hint=f"Say which one is meant, with its offset: {' or '.join(ways)}.",
        field="at",
    )
