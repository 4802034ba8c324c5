"""Parameters as clients send them: their types and bytes ([MS-TDS] 2.2.5.4 to 2.2.5.6)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from tests.standin.events import Value
from tests.standin.wire.packets import Malformed
from tests.standin.wire.values import DATETIME2_EPOCH, DATETIME_EPOCH, LARGE

BY_REFERENCE = 0x01
PLP_NULL = 0xFFFFFFFFFFFFFFFF
SHORT_NULL = 0xFFFF
LONG_NULL = 0xFFFFFFFF
COLLATION_BYTES = 5
CODE_PAGE = "cp1252"
INTEGERS = {1: "<B", 2: "<h", 4: "<i", 8: "<q"}
FLOATS = {4: "<f", 8: "<d"}
DATE_BYTES = 3
UTF16, NARROW, BINARY = "utf-16-le", CODE_PAGE, None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a procedure's call; its name is empty where it is known by its place."""

    name: str
    value: Value
    output: bool = False


class Reader:
    """Takes one thing after the other off a message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def peek(self) -> int:
        return self._data[self._at]

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise Malformed("a message that ends too early")
        self._at += count
        return taken

    def number(self, code: str) -> int:
        (number,) = struct.unpack(code, self.take(struct.calcsize(code)))
        return int(number)

    def byte(self) -> int:
        return self.take(1)[0]

    def text(self, units: int) -> str:
        return self.take(2 * units).decode("utf-16-le", "surrogatepass")

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def read_parameter(reader: Reader) -> Parameter:
    """Read a parameter: name, flags, type and value.

    Raises
    ------
    Malformed
        A type that this server does not know.
    """
    name = reader.text(reader.byte())
    flags = reader.byte()
    kind = reader.byte()
    if kind not in _TYPES:
        raise Malformed(f"a parameter of type 0x{kind:02X}")
    return Parameter(name=name, value=_TYPES[kind](reader), output=bool(flags & BY_REFERENCE))


def _nullable(decode: Callable[[bytes], Value], *, info: int = 1) -> Callable[[Reader], Value]:
    """Read `info` bytes of type, then a value with its length in one byte, zero meaning NULL."""

    def read(reader: Reader) -> Value:
        reader.take(info)
        data = reader.take(reader.byte())
        return decode(data) if data else None

    return read


def _fixed(size: int, decode: Callable[[bytes], Value]) -> Callable[[Reader], Value]:
    return lambda reader: decode(reader.take(size))


def _integer(data: bytes) -> int:
    return int(struct.unpack(INTEGERS[len(data)], data)[0])


def _float(data: bytes) -> float:
    return float(struct.unpack(FLOATS[len(data)], data)[0])


def _money(data: bytes) -> Decimal:
    # The eight bytes are two halves, the higher one first.
    whole = data if len(data) == 4 else data[4:] + data[:4]
    return Decimal(int.from_bytes(whole, "little", signed=True)).scaleb(-4)


def _datetime(data: bytes) -> datetime:
    if len(data) == 4:
        days, minutes = struct.unpack("<HH", data)
        return DATETIME_EPOCH + timedelta(days=days, minutes=minutes)
    days, ticks = struct.unpack("<iI", data)
    return DATETIME_EPOCH + timedelta(days=days, milliseconds=round(ticks * 10 / 3))


def _date(data: bytes) -> datetime:
    return DATETIME2_EPOCH + timedelta(days=int.from_bytes(data, "little"))


def _scaled_time(data: bytes, scale: int) -> timedelta:
    return timedelta(microseconds=int.from_bytes(data, "little") * 10 ** (7 - scale) // 10)


def _datetime2(reader: Reader) -> Value:
    scale = reader.byte()
    data = reader.take(reader.byte())
    return _date(data[-DATE_BYTES:]) + _scaled_time(data[:-DATE_BYTES], scale) if data else None


def _time(reader: Reader) -> Value:
    scale = reader.byte()
    data = reader.take(reader.byte())
    return (DATETIME2_EPOCH + _scaled_time(data, scale)).time().isoformat() if data else None


def _numeric(reader: Reader) -> Value:
    _, _, scale = reader.take(3)
    data = reader.take(reader.byte())
    if not data:
        return None
    number = int.from_bytes(data[1:], "little")
    return Decimal(number if data[0] else -number).scaleb(-scale)


def _string(encoding: str | None) -> Callable[[Reader], Value]:
    def read(reader: Reader) -> Value:
        size = reader.number("<H")
        if encoding is not None:
            reader.take(COLLATION_BYTES)
        return _decoded(_chunks(reader) if size == LARGE else _short(reader), encoding)

    return read


def _text(encoding: str | None) -> Callable[[Reader], Value]:
    def read(reader: Reader) -> Value:
        reader.take(4)
        if encoding is not None:
            reader.take(COLLATION_BYTES)
        length = reader.number("<I")
        return _decoded(None if length == LONG_NULL else reader.take(length), encoding)

    return read


def _short(reader: Reader) -> bytes | None:
    length = reader.number("<H")
    return None if length == SHORT_NULL else reader.take(length)


def _chunks(reader: Reader) -> bytes | None:
    if reader.number("<Q") == PLP_NULL:
        return None
    found = bytearray()
    while length := reader.number("<I"):
        found += reader.take(length)
    return bytes(found)


def _decoded(data: bytes | None, encoding: str | None) -> Value:
    if data is None or encoding is None:
        return data
    return data.decode(encoding, "surrogatepass" if encoding == UTF16 else "replace")


def _always_null(_: Reader) -> Value:
    return None


def _bit(data: bytes) -> bool:
    return bool(data[0])


def _guid(data: bytes) -> UUID:
    return UUID(bytes_le=data)


_TYPES: dict[int, Callable[[Reader], Value]] = {
    0x1F: _always_null,
    0x22: _text(BINARY),
    0x23: _text(NARROW),
    0x24: _nullable(_guid),
    0x26: _nullable(_integer),
    0x28: _nullable(_date, info=0),
    0x29: _time,
    0x2A: _datetime2,
    0x30: _fixed(1, _integer),
    0x32: _fixed(1, _bit),
    0x34: _fixed(2, _integer),
    0x38: _fixed(4, _integer),
    0x3A: _fixed(4, _datetime),
    0x3B: _fixed(4, _float),
    0x3C: _fixed(8, _money),
    0x3D: _fixed(8, _datetime),
    0x3E: _fixed(8, _float),
    0x63: _text(UTF16),
    0x68: _nullable(_bit),
    0x6A: _numeric,
    0x6C: _numeric,
    0x6D: _nullable(_float),
    0x6E: _nullable(_money),
    0x6F: _nullable(_datetime),
    0x7A: _fixed(4, _money),
    0x7F: _fixed(8, _integer),
    0xA5: _string(BINARY),
    0xA7: _string(NARROW),
    0xAD: _string(BINARY),
    0xAF: _string(NARROW),
    0xE7: _string(UTF16),
    0xEF: _string(UTF16),
}
