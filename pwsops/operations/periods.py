"""What periods have in common wherever they are asked for: they are checked, and this machine has a zone."""

from __future__ import annotations

from datetime import UTC, datetime

from tzlocal import get_localzone_name

from pwsops.errors import InvalidInput
from pwsops.rules.validity import is_zone


def check_period(what: str, since: datetime | None, until: datetime | None) -> None:
    """Raise `InvalidInput` for a period in which nothing can be: that nothing is found there says nothing."""
    ends = [end for end in (since, until) if end is not None]
    if any(end.tzinfo is None for end in ends):
        raise InvalidInput(
            f"The period of {what} was given without a time zone.",
            hint="Give aware instants, such as datetime(2026, 3, 1, tzinfo=UTC).",
        )
    if len(ends) == 2 and ends[0] >= ends[1]:
        first, last = (f"{end.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for end in ends)
        raise InvalidInput(
            f"The period of {what} ends before it begins: it is from {first} to {last}.",
            hint="Give an end that is later; the end itself does not belong to the period.",
        )


def local_zone() -> str:
    """Return the name of this machine's zone; UTC where it has none that is known."""
    name = get_localzone_name()
    return name if name and is_zone(name) else "UTC"
