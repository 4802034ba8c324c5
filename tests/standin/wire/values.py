"""Values of a result: their types and bytes ([MS-TDS] 2.2.5.4 to 2.2.5.6)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from tests.standin.events import Column, ColumnType, Value

GUID, INTN, BITN, NUMERICN, FLTN, DATETIMEN, DATETIME2N = 0x24, 0x26, 0x68, 0x6C, 0x6D, 0x6F, 0x2A
BIGVARBINARY, NVARCHAR = 0xA5, 0xE7
COLLATION = bytes.fromhex("0904d00034")
"""SQL_Latin1_General_CP1_CI_AS."""
LARGE = 0xFFFF
"""The size of a `(max)` type."""
LONGEST = {ColumnType.NVARCHAR: 4000, ColumnType.VARBINARY: 8000}
PRECISION = 25
NUMERIC_BYTES = 13
"""A sign and twelve bytes, which hold up to 28 digits."""
DATETIME_EPOCH = datetime(1900, 1, 1)
DATETIME2_EPOCH = datetime(1, 1, 1)
CHUNK = 8000

_INTEGERS = {ColumnType.TINYINT: "<B", ColumnType.SMALLINT: "<h", ColumnType.INT: "<i", ColumnType.BIGINT: "<q"}
_FIXED_INFO = {
    ColumnType.BIT: bytes([BITN, 1]),
    ColumnType.FLOAT: bytes([FLTN, 8]),
    ColumnType.NUMERIC: bytes([NUMERICN, NUMERIC_BYTES, PRECISION, 0]),
    ColumnType.DATETIME: bytes([DATETIMEN, 8]),
    ColumnType.DATETIME2: bytes([DATETIME2N, 7]),
    ColumnType.UNIQUEIDENTIFIER: bytes([GUID, 16]),
} | {column_type: bytes([INTN, struct.calcsize(code)]) for column_type, code in _INTEGERS.items()}


def is_large(column: Column) -> bool:
    """Whether a column is sent in chunks: it is `(max)`, or longer than what fits into a row."""
    return column.size is None or column.size > LONGEST[column.type]


def type_info(column: Column) -> bytes:
    """Write a column's type."""
    if column.type in _FIXED_INFO:
        return _FIXED_INFO[column.type]
    size = LARGE if is_large(column) else (column.size or 1) * (2 if column.type is ColumnType.NVARCHAR else 1)
    if column.type is ColumnType.NVARCHAR:
        return struct.pack("<BH", NVARCHAR, size) + COLLATION
    return struct.pack("<BH", BIGVARBINARY, size)


def cell(column: Column, value: Value) -> bytes:
    """Write a value in a row, with its length before it.

    Raises
    ------
    ValueError
        The value does not fit the column's type.
    """
    try:
        if column.type in LONGEST:
            return _long_cell(column, None if value is None else _bytes_of(value))
        if value is None:
            return b"\0"
        data = _ENCODERS[column.type](value)
    except (struct.error, TypeError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"{value!r} does not fit the {column.type.value} of column {column.name!r}") from error
    return bytes([len(data)]) + data


def _bytes_of(value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass")
    if isinstance(value, bytes):
        return value
    raise TypeError(type(value).__name__)


def _long_cell(column: Column, data: bytes | None) -> bytes:
    if not is_large(column):
        return b"\xff\xff" if data is None else struct.pack("<H", len(data)) + data
    if data is None:
        return b"\xff" * 8
    chunks = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    parts = [struct.pack("<I", len(chunk)) + chunk for chunk in chunks]
    return struct.pack("<Q", len(data)) + b"".join(parts) + b"\0\0\0\0"


def _integer(code: str) -> Callable[[Value], bytes]:
    return lambda value: struct.pack(code, value)


def _numeric(value: Value) -> bytes:
    number = Decimal(value)  # type: ignore[arg-type]  # what it does not take is refused by `cell`
    if number != number.to_integral_value() or abs(number) >= 10**PRECISION:
        raise TypeError("numeric(25, 0)")
    return bytes([number >= 0]) + abs(int(number)).to_bytes(NUMERIC_BYTES - 1, "little")


def _datetime(value: Value) -> bytes:
    since = _naive(value) - DATETIME_EPOCH
    ticks = round((since.seconds + since.microseconds / 1e6) * 300)
    days, ticks = since.days + ticks // (86400 * 300), ticks % (86400 * 300)
    return struct.pack("<iI", days, ticks)


def _datetime2(value: Value) -> bytes:
    since = _naive(value) - DATETIME2_EPOCH
    ticks = (since.seconds * 1_000_000 + since.microseconds) * 10
    return ticks.to_bytes(5, "little") + since.days.to_bytes(3, "little")


def _naive(value: Value) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise TypeError("a datetime without a zone")
    return value


def _guid(value: Value) -> bytes:
    return (value if isinstance(value, UUID) else UUID(str(value))).bytes_le


_ENCODERS: dict[ColumnType, Callable[[Value], bytes]] = {
    ColumnType.BIT: lambda value: bytes([bool(value)]),
    ColumnType.FLOAT: lambda value: struct.pack("<d", value),
    ColumnType.NUMERIC: _numeric,
    ColumnType.DATETIME: _datetime,
    ColumnType.DATETIME2: _datetime2,
    ColumnType.UNIQUEIDENTIFIER: _guid,
} | {column_type: _integer(code) for column_type, code in _INTEGERS.items()}
