"""Packets: a header of eight bytes and a piece of a message ([MS-TDS] 2.2.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct(">BBHHBB")
FIRST_SIZE = 4096
"""The size of a packet until the login has agreed on another."""
END_OF_MESSAGE = 0x01
RESET_CONNECTION = 0x08


class Kind(IntEnum):
    """What a message is."""

    BATCH = 0x01
    RPC = 0x03
    REPLY = 0x04
    ATTENTION = 0x06
    TRANSACTION = 0x0E
    LOGIN = 0x10
    SSPI = 0x11
    PRELOGIN = 0x12


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of a packet; `length` is that of what follows it."""

    kind: int
    status: int
    length: int

    @property
    def last(self) -> bool:
        return bool(self.status & END_OF_MESSAGE)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A whole message of the client."""

    kind: int
    body: bytes
    resets: bool = False
    """The client wants a fresh session before this is done."""


class Malformed(Exception):
    """The client sent what is no TDS, or what this server does not speak."""


def read_header(raw: bytes) -> Header:
    """Read a packet's header.

    Raises
    ------
    Malformed
        A length that no packet has.
    """
    kind, status, length, _, _, _ = HEADER.unpack(raw)
    if length < HEADER.size:
        raise Malformed(f"a packet of {length} bytes")
    return Header(kind=kind, status=status, length=length - HEADER.size)


def packed(kind: Kind, payload: bytes, size: int, *, ends: bool) -> bytes:
    """Cut a payload into packets of at most `size` bytes; with `ends` the last of them ends the message.

    An empty payload is not sent: Microsoft's driver waits for ever after an empty packet that ends a message.
    """
    room = size - HEADER.size
    parts = []
    for number, start in enumerate(range(0, len(payload), room), start=1):
        part = payload[start : start + room]
        status = END_OF_MESSAGE if ends and start + room >= len(payload) else 0
        parts.append(HEADER.pack(kind, status, len(part) + HEADER.size, 0, number & 0xFF, 0))
        parts.append(part)
    return b"".join(parts)
