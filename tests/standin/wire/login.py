"""The login: who the client is, and what it wants ([MS-TDS] 2.2.6.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.standin.events import Login, Said
from tests.standin.wire import tokens
from tests.standin.wire.packets import FIRST_SIZE, Malformed

FIXED = struct.Struct("<IIIIIIBBBBiI")
FIELDS = ("host", "user", "password", "application", "server", "extension", "library", "language", "database")
INTEGRATED = 0x80
EXTENDED = 0x10
TDS_7_4 = 0x74000004
TDS_8_0 = 0x08000000
NO_MORE_FEATURES = 0xFF
UTF8 = 0x0A
UNTRUSTED_DOMAIN = Said(
    number=18452,
    severity=14,
    text="Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A login as it came: whom it is for, and what the client's side of the protocol wants."""

    login: Login
    packet_size: int
    tds_version: int
    features: frozenset[int]


def read(body: bytes, *, encrypted: bool) -> Request:
    """Read a LOGIN7 message; `encrypted` says whether TLS stays on after it.

    Raises
    ------
    Malformed
        Fields that point outside the message.
    """
    try:
        _, version, size, _, _, _, _, flags2, _, flags3, _, _ = FIXED.unpack_from(body)
        texts = {name: _field(body, number) for number, name in enumerate(FIELDS) if name != "extension"}
        features = _features(body) if flags3 & EXTENDED else frozenset()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Malformed("a login that cannot be read") from error
    login = Login(
        user=texts["user"].decode("utf-16-le"),
        password=_clear(texts["password"]).decode("utf-16-le"),
        database=texts["database"].decode("utf-16-le"),
        application=texts["application"].decode("utf-16-le"),
        host=texts["host"].decode("utf-16-le"),
        integrated=bool(flags2 & INTEGRATED),
        encrypted=encrypted,
    )
    return Request(login=login, packet_size=size or FIRST_SIZE, tds_version=version, features=features)


def welcome(request: Request, *, database: str, packet_size: int, server_name: str) -> bytes:
    """Write what a client hears that was let in."""
    hello = [
        tokens.database(database, "master"),
        tokens.said(Said(number=5701, state=2, text=f"Changed database context to '{database}'."), server_name),
        tokens.collation(),
        tokens.language("us_english"),
        tokens.said(Said(number=5703, text="Changed language setting to us_english."), server_name),
        tokens.login_ack(TDS_8_0 if request.tds_version == TDS_8_0 else TDS_7_4),
    ]
    if packet_size != FIRST_SIZE:
        hello.append(tokens.packet_size(packet_size, FIRST_SIZE))
    if UTF8 in request.features:
        hello.append(tokens.features({UTF8: b"\x01"}))
    return b"".join([*hello, tokens.done()])


def _field(body: bytes, number: int) -> bytes:
    offset, characters = struct.unpack_from("<HH", body, FIXED.size + 4 * number)
    found = body[offset : offset + 2 * characters]
    if len(found) != 2 * characters:
        raise IndexError(number)
    return found


def _clear(password: bytes) -> bytes:
    # Each byte was turned by half and XORed with 0xA5: no secret, only not legible at a glance.
    return bytes(((byte ^ 0xA5) >> 4 | (byte ^ 0xA5) << 4) & 0xFF for byte in password)


def _features(body: bytes) -> frozenset[int]:
    place, _ = struct.unpack_from("<HH", body, FIXED.size + 4 * FIELDS.index("extension"))
    (position,) = struct.unpack_from("<I", body, place)
    found = set()
    while body[position] != NO_MORE_FEATURES:
        found.add(body[position])
        (length,) = struct.unpack_from("<I", body, position + 1)
        position += 5 + length
    return frozenset(found)
