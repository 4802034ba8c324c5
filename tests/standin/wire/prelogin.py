"""The pre-login: what version we are, and how much is encrypted ([MS-TDS] 2.2.6.5)."""

from __future__ import annotations

import ssl
import struct
from enum import IntEnum

from tests.standin.wire.packets import Malformed
from tests.standin.wire.settings import Encryption, Settings

VERSION, ENCRYPTION, INSTANCE, THREAD, MARS = range(5)
TERMINATOR = 0xFF
SERVER_VERSION = struct.pack(">BBHH", 16, 0, 4100, 0)
STRICT_PROTOCOL = "tds/8.0"


class Wish(IntEnum):
    """What one side says of encryption."""

    OFF = 0
    ON = 1
    NOT_SUPPORTED = 2
    REQUIRED = 3


def read_wish(body: bytes) -> Wish:
    """Find what a client's pre-login says of encryption."""
    position = 0
    while position < len(body) and body[position] != TERMINATOR:
        token, offset, length = struct.unpack_from(">BHH", body, position)
        if token == ENCRYPTION and length == 1:
            return Wish(body[offset] & 0x0F)
        position += 5
    raise Malformed("a pre-login that says nothing of encryption")


def answer_to(wish: Wish, encryption: Encryption) -> Wish:
    """Agree on how much is encrypted; where the two cannot agree the client leaves."""
    if encryption is Encryption.NONE:
        return Wish.NOT_SUPPORTED
    if encryption is Encryption.FULL:
        return Wish.ON if wish is Wish.ON else Wish.REQUIRED
    return {Wish.OFF: Wish.OFF, Wish.NOT_SUPPORTED: Wish.NOT_SUPPORTED}.get(wish, Wish.ON)


def reply(wish: Wish) -> bytes:
    """Write the server's pre-login."""
    options = {VERSION: SERVER_VERSION, ENCRYPTION: bytes([wish]), INSTANCE: b"\0", THREAD: b"", MARS: b"\0"}
    offset = 5 * len(options) + 1
    index = b""
    for token, data in options.items():
        index += struct.pack(">BHH", token, offset, len(data))
        offset += len(data)
    return index + bytes([TERMINATOR]) + b"".join(options.values())


def tls_context(settings: Settings, *, strict: bool) -> ssl.SSLContext:
    """Set TLS up. Inside pre-login packets SQL Server goes up to 1.2; before everything else, 1.3 is used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.certificate.chain, settings.certificate.key)
    if strict:
        context.set_alpn_protocols([STRICT_PROTOCOL])
    else:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context
