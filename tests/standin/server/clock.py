"""The server's clock: an instant, and how far local time is from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Now(Protocol):
    """Anything with a `now` that gives an aware instant."""

    def now(self) -> datetime:
        """Return the instant."""


class SystemNow:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ServerClock:
    """Instants as aware UTC, and as the naive local time that the server shows.

    Parameters
    ----------
    source
        Where the instants come from.
    offset
        How far local time is from UTC, or a function that says so for an instant, where a shift matters.
    """

    def __init__(self, source: Now, offset: timedelta | Callable[[datetime], timedelta] = timedelta()) -> None:
        self._source = source
        self._offset = offset

    def now(self) -> datetime:
        return self._source.now().astimezone(UTC)

    def offset_at(self, instant: datetime) -> timedelta:
        return self._offset(instant) if callable(self._offset) else self._offset

    def local(self, instant: datetime) -> datetime:
        """Return an instant as the server writes it: naive, local."""
        return (instant.astimezone(UTC) + self.offset_at(instant)).replace(tzinfo=None)

    def quarters(self, instant: datetime) -> int:
        """Return the offset in quarter hours, as msdb keeps it."""
        return round(self.offset_at(instant) / timedelta(minutes=15))

    def instant(self, local: datetime) -> datetime:
        """Return the instant of a local time, by the offset in force about then."""
        guess = local.replace(tzinfo=UTC)
        return guess - self.offset_at(guess - self.offset_at(guess))
