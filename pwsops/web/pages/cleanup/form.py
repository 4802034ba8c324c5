"""A hold while it is being typed. Knows no page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from pwsops.operations.holds import MOST_CHARACTERS

_NO_REASON = "Say what it is kept for, and who asked for it."
_TOO_LONG = f"Give at most {MOST_CHARACTERS} characters."
_NO_DAY = "Give a day, or leave it empty for no end."
_PASSED = "This day has passed. Choose a later one, or leave it empty for no end."


class HoldForm:
    """The fields of a hold on one backup.

    Attributes
    ----------
    set_id
        The backup.
    text
        Every field by its name, as typed.
    pressed
        Whether it was tried already: before that, an empty field is no mistake.
    """

    def __init__(self, set_id: str) -> None:
        self.set_id = set_id
        self.text = {"reason": "", "until": ""}
        self.pressed = False

    def set(self, field: str, value: str | bool) -> bool:
        """Take what was typed; return whether this form has such a field."""
        if field not in self.text or not isinstance(value, str):
            return False
        self.text[field] = value
        return True

    @property
    def reason(self) -> str:
        """Why it is held."""
        return self.text["reason"].strip()

    def until(self, zone: tzinfo) -> datetime | None:
        """Return the end of the last day, aware UTC; None: there is no end. Raises `ValueError` for what is no day."""
        typed = self.text["until"].strip()
        if not typed:
            return None
        try:
            return datetime.combine(date.fromisoformat(typed) + timedelta(days=1), time(), zone).astimezone(UTC)
        except OverflowError:
            raise ValueError(typed) from None

    def problems(self, now: datetime, zone: tzinfo) -> Mapping[str, str]:
        """Return what is wrong, by field."""
        found = {}
        if not self.reason:
            found["reason"] = _NO_REASON
        elif len(self.reason) > MOST_CHARACTERS:
            found["reason"] = _TOO_LONG
        try:
            until = self.until(zone)
        except ValueError:
            return found | {"until": _NO_DAY}
        return found | {"until": _PASSED} if until is not None and until <= now else found
