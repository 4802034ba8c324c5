"""A client without a driver: for what no driver can be brought to do."""

from __future__ import annotations

import socket
import struct
from typing import Self

from tests.standin.wire.packets import HEADER, Kind, packed, read_header

TIMEOUT_S = 10
NO_ENCRYPTION = 2
INTEGRATED = 0x80
LOGIN_BYTES = 94
NO_HEADERS = struct.pack("<I", 4)


class RawClient:
    """Speaks TDS by hand, packet by packet, without encryption."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def prelogin(self) -> bytes:
        self.send(Kind.PRELOGIN, struct.pack(">BHHBB", 1, 6, 1, 0xFF, NO_ENCRYPTION))
        return self.receive()

    def login(self, *, integrated: bool = False, packet_size: int = 4096) -> bytes:
        flags = INTEGRATED if integrated else 0
        head = struct.pack("<IIIIIIBBBBiI", LOGIN_BYTES, 0x74000004, packet_size, 0, 0, 0, 0, flags, 0, 0, 0, 0)
        nothing = struct.pack("<HH", LOGIN_BYTES, 0)
        self.send(Kind.LOGIN, head + nothing * 9 + bytes(6) + nothing * 3 + bytes(4))
        return self.receive()

    def batch(self, text: str, *, status: int = 0) -> bytes:
        self.send(Kind.BATCH, NO_HEADERS + text.encode("utf-16-le"), status=status)
        return self.receive()

    def send(self, kind: Kind, payload: bytes, *, status: int = 0) -> None:
        data = bytearray(packed(kind, payload, 4096, ends=True))
        data[1] |= status
        self._socket.sendall(data)

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """Wait for a whole message; gives what it says."""
        found = b"".join(part for part, _ in iter(self.packet, None))
        return found + self._last

    def packet(self) -> tuple[bytes, bool] | None:
        """Wait for a packet; None at the last of a message, which `receive` adds."""
        raw = self._file.read(HEADER.size)
        if len(raw) < HEADER.size:
            raise EOFError
        header = read_header(raw)
        payload = self._file.read(header.length)
        if header.last:
            self._last = payload
            return None
        return payload, False
