"""Which recurrences make sense. Everything else in the rules may rely on it."""

from __future__ import annotations

from datetime import UTC, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from pwsops.errors import InvalidInput
from pwsops.rules.days import LAST_YEAR
from pwsops.rules.due import next_due
from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth

ZONE_HINT = "Use an IANA name such as Europe/Berlin or UTC."
_LOCAL_ONLY = {"localtime", "posixrules"}
"""Files beside the zones that mean another one on each machine."""
_FIRST_YEAR = 1900
_WITHIN_DAY = (Unit.MINUTE, Unit.HOUR)
_A_DAY = {Unit.MINUTE: 24 * 60, Unit.HOUR: 24}
_WEEKDAYS = range(7)
_DAYS_OF_MONTH = range(1, 32)


def validate(recurrence: Recurrence, renewal: Renewal) -> None:
    """Raise `InvalidInput` for the first thing about a schedule that cannot be.

    Minutes, hours and days may be combined with `weekdays`: of their days only those count. Weeks choose theirs, and
    months choose a day by `on_day` instead. A `between` of one moment is one slot a day.
    """
    _require(
        is_zone(recurrence.timezone),
        f"there is no time zone {recurrence.timezone!r}",
        ZONE_HINT,
        "timezone",
    )
    validate_stored(recurrence, renewal)


def validate_stored(recurrence: Recurrence, renewal: Renewal) -> None:
    """Raise `InvalidInput` for the first thing about a stored schedule that cannot be.

    Like `validate`, but for a zone that was accepted once and still means something on this machine (``localtime``).
    """
    _check_zone(recurrence.timezone)
    _check_start(recurrence)
    _check_interval(recurrence)
    _check_times(recurrence)
    _check_days(recurrence)
    _check_renewal(renewal)
    beginning = recurrence.start.replace(tzinfo=UTC) - timedelta(days=2)
    _require(
        next_due(recurrence, beginning) is not None,
        "no day from its start to its last day is one that it chooses, so it would never run",
        "Move the last day, or choose other days.",
        "until",
    )


def is_zone(name: str) -> bool:
    """Whether a time zone can be chosen by this name. The settings, the profiles and the command line all ask here."""
    return name in _zones()


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _LOCAL_ONLY)


def _check_zone(name: str) -> None:
    try:
        known = bool(ZoneInfo(name).key)
    except (KeyError, ValueError, OSError):
        # The three ways in which zoneinfo refuses a name: not found, not a relative path, a directory.
        known = False
    _require(known, f"the time zone {name!r} is not known on this machine", ZONE_HINT, "timezone")


def _check_start(recurrence: Recurrence) -> None:
    start, until = recurrence.start, recurrence.until
    _require(
        start.tzinfo is None,
        "its start carries an offset",
        "Give wall time in the zone, as 2026-03-01T00:00.",
        "start",
    )
    _require(
        _FIRST_YEAR <= start.year <= LAST_YEAR,
        f"its start is in the year {start.year}",
        f"Choose a year from {_FIRST_YEAR} to {LAST_YEAR}.",
        "start",
    )
    _require(
        until is None or until >= start.date(),
        f"its last day ({until}) is before its start ({start:%Y-%m-%d})",
        "Choose a last day on or after the start, or none.",
        "until",
    )


def _check_interval(recurrence: Recurrence) -> None:
    _require(
        recurrence.every >= 1,
        f"its interval is {recurrence.every}",
        "Use a whole number from 1, as in 1h or 15m.",
        "every",
    )
    limit = _A_DAY.get(recurrence.unit)
    _require(
        limit is None or recurrence.every < limit,
        f"its interval is {recurrence.every}{recurrence.unit.value}, a day or more",
        "Minutes and hours repeat within a day, so use less than 24 hours; for longer intervals use days, as in 1d.",
        "every",
    )


def _check_times(recurrence: Recurrence) -> None:
    within_day = recurrence.unit in _WITHIN_DAY
    _require(
        recurrence.at is None or not within_day,
        "a time of day cannot be combined with minutes or hours",
        "Leave it out, or give a window of the day, as 06:00-22:00.",
        "at",
    )
    _require(
        recurrence.between is None or within_day,
        "a window of the day is for intervals in minutes or hours only",
        "Give a time of day instead, as 02:30.",
        "between",
    )
    times = (recurrence.at, *(recurrence.between or ()))
    _require(
        all(each is None or each.tzinfo is None for each in times),
        "a time of day carries an offset",
        "Give wall time in the zone, as 02:30.",
        "at" if recurrence.at is not None else "between",
    )


def _check_days(recurrence: Recurrence) -> None:
    _require(
        all(day in _WEEKDAYS for day in recurrence.weekdays),
        f"its weekdays {recurrence.weekdays} are not all weekdays",
        "Use 0 for Monday to 6 for Sunday, on the command line mon to sun.",
        "weekdays",
    )
    _require(
        not recurrence.weekdays or recurrence.unit is not Unit.MONTH,
        "weekdays cannot be combined with months",
        "Choose a day of the month, as 15, first:mon or last:fri.",
        "weekdays",
    )
    on_day = recurrence.on_day
    _require(
        on_day is None or recurrence.unit is Unit.MONTH,
        "a day of the month is for intervals in months only",
        "Leave it out, or use months, as 1mo.",
        "on_day",
    )
    valid = on_day.weekday in _WEEKDAYS if isinstance(on_day, WeekdayOfMonth) else on_day in (None, *_DAYS_OF_MONTH)
    _require(valid, f"{on_day} is no day of a month", "Use 1 to 31, first:mon to first:sun, or last:mon ….", "on_day")


def _check_renewal(renewal: Renewal) -> None:
    _require(
        renewal.period is not RenewalPeriod.WEEKLY or renewal.day in _WEEKDAYS,
        f"the weekly renewal of the full is on day {renewal.day}",
        "Use 0 for Monday to 6 for Sunday, on the command line weekly:sun.",
        "renew_full",
    )
    _require(
        renewal.period is not RenewalPeriod.MONTHLY or renewal.day in _DAYS_OF_MONTH,
        f"the monthly renewal of the full is on day {renewal.day}",
        "Use a day of the month, 1 to 31, on the command line monthly:1.",
        "renew_full",
    )


def _require(holds: bool, what: str, hint: str, field: str) -> None:
    if not holds:
        raise InvalidInput(f"The schedule cannot be used: {what}.", hint=hint, field=field)
