"""Calls of procedures: what a client asks for by RPC ([MS-TDS] 2.2.6.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.standin.wire.packets import Malformed
from tests.standin.wire.parameters import Parameter, Reader, read_parameter

BY_NUMBER = 0xFFFF
NUMBERED = {
    1: "sp_cursor",
    2: "sp_cursoropen",
    3: "sp_cursorprepare",
    4: "sp_cursorexecute",
    5: "sp_cursorprepexec",
    6: "sp_cursorunprepare",
    7: "sp_cursorfetch",
    8: "sp_cursoroption",
    9: "sp_cursorclose",
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}
SEPARATORS = {0x80, 0xFE, 0xFF}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A procedure and what it is given."""

    procedure: str
    parameters: Sequence[Parameter]


def skip_headers(body: bytes) -> Reader:
    """Skip the headers that come before a request's own data."""
    reader = Reader(body)
    reader.take(reader.number("<I") - 4)
    return reader


def read_calls(body: bytes) -> Iterator[Call]:
    """Read the calls of an RPC message.

    Raises
    ------
    Malformed
        A procedure or a type that this server does not know.
    """
    reader = skip_headers(body)
    while reader.more:
        yield _read_call(reader)


def _read_call(reader: Reader) -> Call:
    procedure = _read_name(reader)
    reader.take(2)
    parameters = []
    while reader.more and reader.peek() not in SEPARATORS:
        parameters.append(read_parameter(reader))
    if reader.more:
        reader.take(1)
    return Call(procedure=procedure, parameters=parameters)


def _read_name(reader: Reader) -> str:
    units = reader.number("<H")
    if units != BY_NUMBER:
        return reader.text(units)
    number = reader.number("<H")
    if number not in NUMBERED:
        raise Malformed(f"procedure number {number}")
    return NUMBERED[number]
