"""One connection's bytes: packets in and out, with TLS where it was agreed on."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct

from tests.standin.wire.packets import FIRST_SIZE, HEADER, RESET_CONNECTION, Kind, Message, packed, read_header

TLS_HANDSHAKE = 0x16
CHUNK = 1 << 16


class Channel:
    """Reads messages from a client and writes packets to it.

    In TDS 7 the TLS handshake travels inside pre-login packets, and may cover the login only. So TLS is done in
    memory here, and switched on and off above the socket.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._raw = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.packet_size = FIRST_SIZE
        writer.transport.set_write_buffer_limits(high=0)

    @property
    def encrypted(self) -> bool:
        return self._tls is not None

    async def opens_with_tls(self) -> bool:
        """Whether the client's first byte is that of a TLS handshake and not of a packet."""
        self._raw += await self._reader.readexactly(1)
        return self._raw[0] == TLS_HANDSHAKE

    async def read_message(self) -> Message:
        """Wait for a whole message.

        Raises
        ------
        asyncio.IncompleteReadError
            The client has gone.
        """
        body = bytearray()
        while True:
            header = read_header(await self._exactly(HEADER.size))
            body += await self._exactly(header.length)
            if header.last or header.kind == Kind.ATTENTION:
                break
        return Message(kind=header.kind, body=bytes(body), resets=bool(header.status & RESET_CONNECTION))

    async def wait_until_gone(self) -> None:
        """Listen without ever answering, until the client leaves."""
        while await self._reader.read(CHUNK):
            pass

    async def send(self, payload: bytes, *, kind: Kind = Kind.REPLY, ends: bool = True) -> None:
        """Write a message, or with `ends=False` a part of one, and wait until the system has taken it."""
        await self._send_raw(self._sealed(packed(kind, payload, self.packet_size, ends=ends)))

    async def start_tls(self, context: ssl.SSLContext, *, wrapped: bool) -> None:
        """Shake hands; `wrapped`: inside pre-login packets.

        Raises
        ------
        ssl.SSLError
            The client does not trust the certificate, or knows no common cipher.
        """
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        if self._raw:
            self._incoming.write(bytes(self._raw))
            self._raw.clear()
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._send_handshake(wrapped=wrapped)
                self._incoming.write(await self._read_handshake(wrapped=wrapped))
            else:
                await self._send_handshake(wrapped=wrapped)
                break
        self._tls = tls
        # A client that speaks last in the handshake may have sent more along with it.
        self._raw += self._opened(b"")

    def stop_tls(self) -> None:
        """Go on in the clear: only the login was to be encrypted."""
        self._tls = None

    def abort(self, *, reset: bool) -> None:
        """Close the socket without a word."""
        if reset:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _send_handshake(self, *, wrapped: bool) -> None:
        flight = self._outgoing.read()
        if flight:
            await self._send_raw(packed(Kind.PRELOGIN, flight, FIRST_SIZE, ends=True) if wrapped else flight)

    async def _read_handshake(self, *, wrapped: bool) -> bytes:
        if wrapped:
            header = read_header(await self._exactly(HEADER.size))
            return await self._exactly(header.length)
        return await self._some()

    def _sealed(self, data: bytes) -> bytes:
        if self._tls is None or not data:
            return data
        self._tls.write(data)
        return self._outgoing.read()

    async def _send_raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _exactly(self, count: int) -> bytes:
        while len(self._raw) < count:
            self._raw += self._opened(await self._some())
        taken = bytes(self._raw[:count])
        del self._raw[:count]
        return taken

    async def _some(self) -> bytes:
        data = await self._reader.read(CHUNK)
        if not data:
            raise asyncio.IncompleteReadError(b"", None)
        return data

    def _opened(self, data: bytes) -> bytes:
        if self._tls is None:
            return data
        self._incoming.write(data)
        found = bytearray()
        while True:
            try:
                part = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                return bytes(found)
            if not part:
                raise asyncio.IncompleteReadError(b"", None)
            found += part
