"""Open pages without a browser: what a browser says to the server when it opens one, and nothing more."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from http import HTTPStatus
from types import TracebackType
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

READY = {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}


class Visitors:
    """So many open pages of who is signed in by `cookie`, which read what they are sent; closed at the block's end."""

    def __init__(self, url: str, count: int, cookie: str) -> None:
        self._url = url
        self._cookie = cookie
        self._count = count
        self._sockets: list[WebSocketClientConnection] = []
        self._readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Visitors:
        for _ in range(self._count):
            socket = await _open(self._url, self._cookie)
            self._sockets.append(socket)
            self._readers.append(asyncio.create_task(_read(socket)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in self._sockets:
            socket.close()
        await asyncio.gather(*self._readers)


async def _open(url: str, cookie: str) -> WebSocketClientConnection:
    page = await AsyncHTTPClient().fetch(url, headers={"Cookie": cookie}, raise_error=False)
    while page.code == HTTPStatus.SERVICE_UNAVAILABLE:
        # So many were just closed that the door keeps newcomers waiting.
        await asyncio.sleep(1)
        page = await AsyncHTTPClient().fetch(url, headers={"Cookie": cookie}, raise_error=False)
    page.rethrow()
    token = re.search(r'"token":"([^"]+)"', page.body.decode())
    assert token is not None, "the page names no session"
    request = HTTPRequest(f"ws://{urlsplit(url).netloc}/ws", headers={"Origin": url.rstrip("/"), "Cookie": cookie})
    socket = await websocket_connect(request, subprotocols=["bokeh", token.group(1)], max_message_size=1 << 28)
    await _until(socket, "ACK")
    await _send(socket, "PULL-DOC-REQ", {})
    await _until(socket, "PULL-DOC-REPLY")
    # The page is drawn: only now does ours begin to follow what changes.
    await _send(
        socket, "PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": READY}]}
    )
    return socket


async def _send(socket: WebSocketClientConnection, kind: str, content: object) -> None:
    for part in ({"msgid": uuid.uuid4().hex, "msgtype": kind}, {}, content):
        await socket.write_message(json.dumps(part))


async def _until(socket: WebSocketClientConnection, kind: str) -> None:
    while True:
        message = await socket.read_message()
        assert message is not None, f"the server hung up before {kind}"
        if isinstance(message, str) and f'"{kind}"' in message[:200]:
            return


async def _read(socket: WebSocketClientConnection) -> None:
    while await socket.read_message() is not None:
        pass
