"""Tokens: what replies are made of ([MS-TDS] 2.2.7)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import IntFlag

from tests.standin.events import Column, Said, Value
from tests.standin.wire import values
from tests.standin.wire.values import COLLATION

ERROR, INFO, LOGINACK, ENVCHANGE, FEATUREEXTACK = 0xAA, 0xAB, 0xAD, 0xE3, 0xAE
COLMETADATA, ROW, RETURNSTATUS, RETURNVALUE = 0x81, 0xD1, 0x79, 0xAC
DONE, DONEPROC, DONEINPROC = 0xFD, 0xFE, 0xFF
SELECT = 0xC1
"""The command a DONE names when it counts the rows of a result."""
LOWEST_ERROR = 11
NULLABLE = 0x0001
PROGRAM = "Microsoft SQL Server"

_SAID = struct.Struct("<iBBH")
_DONE = struct.Struct("<BHHQ")


class Status(IntFlag):
    """What a DONE says of the statement that ended."""

    FINAL = 0
    MORE = 0x01
    ERROR = 0x02
    IN_TRANSACTION = 0x04
    COUNT = 0x10
    ATTENTION = 0x20


def said(message: Said, server_name: str) -> bytes:
    """Write a message: ERROR from severity 11 on, INFO below."""
    text = message.text.encode("utf-16-le", "surrogatepass")
    body = b"".join(
        (
            _SAID.pack(message.number, message.state, message.severity, len(text) // 2),
            text,
            short_text(server_name),
            short_text(message.procedure),
            struct.pack("<I", message.line),
        )
    )
    token = ERROR if message.severity >= LOWEST_ERROR else INFO
    return struct.pack("<BH", token, len(body)) + body


def done(status: Status = Status.FINAL, *, rows: int | None = None, token: int = DONE, command: int = 0) -> bytes:
    """Write the end of a statement (DONE), of one in a procedure (DONEINPROC) or of a procedure (DONEPROC)."""
    if rows is not None:
        status |= Status.COUNT
    return _DONE.pack(token, status, command, rows or 0)


def columns(described: Sequence[Column]) -> bytes:
    """Write what a result's columns are."""
    parts = [struct.pack("<BH", COLMETADATA, len(described))]
    for column in described:
        parts.append(struct.pack("<IH", 0, NULLABLE))
        parts.append(values.type_info(column))
        parts.append(short_text(column.name))
    return b"".join(parts)


def row(described: Sequence[Column], cells: Sequence[Value]) -> bytes:
    """Write a row of a result."""
    if len(cells) != len(described):
        raise ValueError(f"a row of {len(cells)} values for {len(described)} columns")
    return bytes([ROW]) + b"".join(values.cell(column, cell) for column, cell in zip(described, cells, strict=True))


def return_status(status: int) -> bytes:
    return struct.pack("<Bi", RETURNSTATUS, status)


def handle(name: str, ordinal: int, value: int) -> bytes:
    """Write an output parameter of type int: the handle of a prepared statement."""
    head = struct.pack("<BH", RETURNVALUE, ordinal) + short_text(name) + struct.pack("<BIH", 1, 0, 0)
    return head + bytes([values.INTN, 4, 4]) + struct.pack("<i", value)


def login_ack(tds_version: int) -> bytes:
    body = b"\x01" + struct.pack(">I", tds_version) + short_text(PROGRAM) + struct.pack(">BBH", 16, 0, 4100)
    return struct.pack("<BH", LOGINACK, len(body)) + body


def features(acknowledged: Mapping[int, bytes]) -> bytes:
    parts = [struct.pack("<BI", number, len(data)) + data for number, data in acknowledged.items()]
    return bytes([FEATUREEXTACK]) + b"".join(parts) + b"\xff"


def database(new: str, old: str) -> bytes:
    return _changed(1, short_text(new) + short_text(old))


def language(new: str) -> bytes:
    return _changed(2, short_text(new) + short_text(""))


def packet_size(new: int, old: int) -> bytes:
    return _changed(4, short_text(str(new)) + short_text(str(old)))


def collation() -> bytes:
    return _changed(7, bytes([len(COLLATION)]) + COLLATION + b"\0")


def transaction_began(descriptor: bytes) -> bytes:
    return _changed(8, bytes([len(descriptor)]) + descriptor + b"\0")


def transaction_ended(descriptor: bytes, *, committed: bool) -> bytes:
    return _changed(9 if committed else 10, b"\0" + bytes([len(descriptor)]) + descriptor)


def was_reset() -> bytes:
    return _changed(18, b"\0\0")


def short_text(text: str) -> bytes:
    """Write a text of up to 255 UTF-16 units, their number before it."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    return bytes([len(encoded) // 2]) + encoded


def _changed(kind: int, change: bytes) -> bytes:
    return struct.pack("<BHB", ENVCHANGE, len(change) + 1, kind) + change
