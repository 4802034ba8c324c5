"""Values and types: what the server makes of them, and how it compares them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.standin.events import Column, ColumnType, Value
from tests.standin.server.messages import refuse

TYPES = {
    "bit": ColumnType.BIT, "tinyint": ColumnType.TINYINT, "smallint": ColumnType.SMALLINT, "int": ColumnType.INT,
    "bigint": ColumnType.BIGINT, "float": ColumnType.FLOAT, "real": ColumnType.FLOAT,
    "numeric": ColumnType.NUMERIC, "decimal": ColumnType.NUMERIC, "money": ColumnType.NUMERIC,
    "datetime": ColumnType.DATETIME, "smalldatetime": ColumnType.DATETIME,
    "datetime2": ColumnType.DATETIME2, "date": ColumnType.DATETIME2, "datetimeoffset": ColumnType.DATETIME2,
    "uniqueidentifier": ColumnType.UNIQUEIDENTIFIER,
    "nvarchar": ColumnType.NVARCHAR, "varchar": ColumnType.NVARCHAR, "nchar": ColumnType.NVARCHAR,
    "char": ColumnType.NVARCHAR, "sysname": ColumnType.NVARCHAR, "ntext": ColumnType.NVARCHAR,
    "sql_variant": ColumnType.NVARCHAR,
    "varbinary": ColumnType.VARBINARY, "binary": ColumnType.VARBINARY,
}  # fmt: skip
DEFAULT_SIZES = {"sysname": 128, "nvarchar": 30, "varchar": 30, "varbinary": 30}
TEXT_SIZE = 4000
INTEGERS = (ColumnType.TINYINT, ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT)
# From the type that gives way to the one that wins, where two meet.
PRECEDENCE = (
    ColumnType.VARBINARY, ColumnType.NVARCHAR, ColumnType.UNIQUEIDENTIFIER, ColumnType.BIT, ColumnType.TINYINT,
    ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT, ColumnType.NUMERIC, ColumnType.FLOAT, ColumnType.DATETIME,
    ColumnType.DATETIME2,
)  # fmt: skip
SPECIFICATION = re.compile(r"(\w+)\s+(\w+)(?:\((\d+|max)\))?")


def columns(specification: str) -> list[Column]:
    """Return columns from `name type(size), ...`."""
    return [
        Column(name=name, type=TYPES[kind], size=_size(kind, size))
        for name, kind, size in SPECIFICATION.findall(specification)
    ]


def _size(kind: str, size: str) -> int | None:
    if size == "max":
        return None
    return int(size) if size else DEFAULT_SIZES.get(kind, TEXT_SIZE)


def wider(types: Sequence[ColumnType]) -> ColumnType:
    """Return the type that values of several types become."""
    return max(types, key=PRECEDENCE.index, default=ColumnType.NVARCHAR)


def type_of(value: Value) -> ColumnType:
    """Return the type of a constant or a parameter."""
    match value:
        case bool():
            return ColumnType.BIT
        case int():
            return ColumnType.INT if -(1 << 31) <= value < 1 << 31 else ColumnType.BIGINT
        case float():
            return ColumnType.FLOAT
        case Decimal():
            return ColumnType.NUMERIC
        case datetime():
            return ColumnType.DATETIME2
        case UUID():
            return ColumnType.UNIQUEIDENTIFIER
        case bytes():
            return ColumnType.VARBINARY
        case _:
            return ColumnType.NVARCHAR


def parse_datetime(text: str) -> datetime:
    """Read a date and time in one of the forms that mean the same in every language; naive."""
    cleaned = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
    try:
        parsed = datetime.fromisoformat(cleaned)
    except ValueError:
        raise refuse(241) from None
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed


def cast(value: Value, kind: str, size: int | None = None, style: int = 0) -> Value:
    """Turn a value into another type, as CAST and CONVERT do.

    Raises
    ------
    ServerError
        241 or 245, for what is no such value.
    """
    if value is None:
        return None
    target = TYPES.get(kind)
    if target is ColumnType.NVARCHAR and kind != "sql_variant":
        text = as_text(value, style)
        limit = DEFAULT_SIZES.get(kind, TEXT_SIZE) if size is None else size
        return text if limit < 0 else text[:limit]
    if target is ColumnType.VARBINARY:
        return _as_bytes(value, style)
    if target in (ColumnType.DATETIME, ColumnType.DATETIME2):
        moment = value if isinstance(value, datetime) else parse_datetime(str(value))
        return moment.replace(hour=0, minute=0, second=0, microsecond=0) if kind == "date" else moment
    if target is ColumnType.UNIQUEIDENTIFIER:
        return value if isinstance(value, UUID) else _parse(UUID, value, kind)
    return value if target is None or kind == "sql_variant" else _as_number(value, kind, target)


def _as_number(value: Value, kind: str, target: ColumnType) -> Value:
    if isinstance(value, bytes):
        value = int.from_bytes(value, "big")
    if target is ColumnType.BIT:
        return bool(_parse(float, value, kind))
    if target is ColumnType.FLOAT:
        return _parse(float, value, kind)
    if target is ColumnType.NUMERIC:
        return _parse(Decimal, value, kind)
    if isinstance(value, str):
        return _parse(int, value, kind)
    return int(value)  # type: ignore[arg-type]


def _parse(make: type, value: Value, kind: str) -> Value:
    try:
        made: Value = make(str(value).strip()) if isinstance(value, str) else make(value)
    except (ValueError, ArithmeticError):
        raise refuse(245, "nvarchar", value, kind) from None
    return made


def _as_bytes(value: Value, style: int) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        if style in (1, 2):
            return bytes.fromhex(value.removeprefix("0x"))
        return value.encode("utf-16-le")
    return int(value).to_bytes(4, "big")  # type: ignore[arg-type]


def as_text(value: Value, style: int = 0) -> str:
    """Return a value as text."""
    match value:
        case bool():
            return str(int(value))
        case UUID():
            return str(value).upper()
        case datetime():
            return _moment(value, style)
        case bytes():
            if style in (1, 2):
                return ("0x" if style == 1 else "") + value.hex().upper()
            return value.decode("utf-16-le", errors="replace")
        case _:
            return str(value)


def _moment(value: datetime, style: int) -> str:
    if style == 120:
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if style == 121:
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    if style in (126, 127):
        return value.isoformat(timespec="milliseconds")
    if style == 112:
        return f"{value:%Y%m%d}"
    offset = value.isoformat()[-6:] if value.tzinfo else ""
    return f"{value:%Y-%m-%d %H:%M:%S.%f}0 {offset}".rstrip()


def sort_key(value: Value) -> tuple[bool, object]:
    """Return what values of one column are ordered by: nothing first, texts without regard to case."""
    if isinstance(value, str):
        return True, value.rstrip().casefold()
    return value is not None, value if value is not None else 0


def compare(left: Value, right: Value) -> int | None:
    """Compare two values, each turned into the other's type where they differ; None where one is nothing."""
    if left is None or right is None:
        return None
    first, second = _alike(left, right)
    return int(first > second) - int(first < second)


def _alike(left: Value, right: Value) -> tuple[Any, Any]:
    if isinstance(left, str) and isinstance(right, str):
        return left.rstrip().casefold(), right.rstrip().casefold()
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left.replace(tzinfo=None), right.replace(tzinfo=None)
    if isinstance(left, str):
        return _like_other(left, right), right
    if isinstance(right, str):
        return left, _like_other(right, left)
    return left, right


def _like_other(text: str, other: Value) -> Value:
    kind = {v: k for k, v in TYPES.items()}[type_of(other)]
    names = {"sql_variant": "nvarchar", "datetimeoffset": "datetime2", "money": "numeric", "real": "float"}
    if type_of(other) in INTEGERS:
        return cast(text, "bigint")
    return cast(text, names.get(kind, kind))
