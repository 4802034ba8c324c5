"""HTTP and websockets by hand: whatever a browser would never send."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

PATIENCE_S = 60.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


def ask(
    port: int, path: str, *, method: str = "GET", host: str | None = "", body: bytes | None = None, **headers: str
) -> Answer:
    """Ask once; header names have underscores for dashes. No `host` is this machine's, and None sends none."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("Host", host or f"127.0.0.1:{port}")
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))


def token_of(page: str) -> str:
    """The token that a page brings for its websocket."""
    found = re.search(r'"token":"([^"]+)"', page)
    assert found is not None, page[:500]
    return found[1]


@dataclass
class Closed:
    """The other end closed: with a code, or 1006 where it just hung up."""

    code: int


@dataclass
class Socket:
    """An open websocket. Frames are masked, as a client's have to be."""

    wire: socket.socket
    _buffer: bytearray = field(default_factory=bytearray)

    def send(self, data: str | bytes, opcode: int | None = None) -> None:
        raw = data.encode() if isinstance(data, str) else data
        kind = opcode if opcode is not None else TEXT if isinstance(data, str) else BINARY
        mask = os.urandom(4)
        if len(raw) < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | len(raw))
        elif len(raw) < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, len(raw))
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, len(raw))
        repeated = mask * (len(raw) // 4 + 1)
        masked = (int.from_bytes(raw, "big") ^ int.from_bytes(repeated[: len(raw)], "big")).to_bytes(len(raw), "big")
        self.wire.sendall(head + mask + masked)

    def message(self, kind: str, content: object, number: str = "1") -> None:
        """Send a message of the toolkit's protocol."""
        for part in ({"msgid": number, "msgtype": kind}, {}, content):
            self.send(json.dumps(part))

    def receive(self) -> str | bytes | Closed:
        """The next frame of text or bytes, or how it was closed."""
        while True:
            try:
                first, second = self._take(2)
                size = second & 0x7F
                if size >= 126:
                    size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
                payload = self._take(size)
            except (ConnectionError, EOFError):
                return Closed(1006)
            if first & 0x0F == CLOSE:
                return Closed(int.from_bytes(payload[:2], "big"))
            if first & 0x0F in (TEXT, BINARY):
                return payload.decode() if first & 0x0F == TEXT else bytes(payload)

    def closed(self) -> int:
        """The code that it is closed with, whatever comes before that."""
        while True:
            if isinstance(found := self.receive(), Closed):
                return found.code

    def kinds(self, until: str) -> list[str]:
        """The kinds of the toolkit's messages that come, to one of a kind."""
        found: list[str] = []
        while until not in found:
            frame = self.receive()
            assert not isinstance(frame, Closed), frame
            if isinstance(frame, str) and '"msgtype"' in frame[:200]:
                found.append(json.loads(frame)["msgtype"])
        return found

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            more = self.wire.recv(1 << 16)
            if not more:
                raise EOFError
            self._buffer += more
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


@contextmanager
def websocket(
    port: int, token: str | None, *, host: str = "", origin: str | None = "", path: str = "/ws", **headers: str
) -> Iterator[Socket | int]:
    """A websocket, or the status with which it was refused. No `origin` is the page's own, and None sends none."""
    host = host or f"127.0.0.1:{port}"
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]  # fmt: skip
    if origin is not None:
        lines.append(f"Origin: {origin or f'http://{host}'}")
    if token is not None:
        lines.append(f"Sec-WebSocket-Protocol: bokeh, {token}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as wire:
        # A message is several small frames: none of them waits for the answer to the one before.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        head = bytearray()
        while b"\r\n\r\n" not in head:
            more = wire.recv(1 << 16)
            if not more:
                break
            head += more
        status = int(head.split(b" ", 2)[1]) if head else 0
        yield Socket(wire, bytearray(head.partition(b"\r\n\r\n")[2])) if status == 101 else status
