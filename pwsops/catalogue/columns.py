"""What columns hold: instants, wall-clock values and the rows' numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LATEST = (datetime(9999, 1, 1, tzinfo=UTC) - BEGINNING) // _MICROSECOND
"""The last instant that can be kept, in microseconds since 1970."""


class Instant(TypeDecorator[datetime]):
    """Aware UTC as microseconds since 1970: sorts and indexes as a number, and never loses its zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - BEGINNING) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else BEGINNING + timedelta(microseconds=value)


class _IsoText(TypeDecorator[Any]):
    """A wall-clock value, kept as the ISO text that a person can read in the file."""

    impl = Text
    cache_ok = True
    parse: Any

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else value.isoformat()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        return None if value is None else type(self).parse(value)


class WallTime(_IsoText):
    """A time of day without a zone."""

    cache_ok = True
    parse = time.fromisoformat


class WallDate(_IsoText):
    """A date without a zone."""

    cache_ok = True
    parse = date.fromisoformat


class WallMoment(_IsoText):
    """A date and time without a zone."""

    cache_ok = True
    parse = datetime.fromisoformat


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[int]:
    """Return the column that numbers a table's rows."""
    return Column("id", Integer, primary_key=True)
