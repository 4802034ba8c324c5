"""A way to a server that can be made slow, or dead without a word, under connections that are open already."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

HOST = "127.0.0.1"
CHUNK_BYTES = 65536


class Hindrance:
    """Carries bytes to a server and back.

    Parameters
    ----------
    address
        Where to, as ``host,port``.
    """

    def __init__(self, address: str) -> None:
        host, port = address.split(",")
        self._target = (host, int(port))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.address = ""
        """Where to connect to instead."""
        self.delay_s = 0.0
        """How late each part of an answer comes."""
        self.is_dead = False
        """Whether nothing comes through any more."""

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, HOST, 0), self._loop)
        port = listening.result().sockets[0].getsockname()[1]
        self.address = f"{HOST},{port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._carry(reader, to_server), self._carry(from_server, writer, answers=True))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False) -> None:
        try:
            while data := await source.read(CHUNK_BYTES):
                await asyncio.sleep(self.delay_s if answers else 0)
                if not self.is_dead:
                    sink.write(data)
                    await sink.drain()
        except ConnectionError:
            pass  # the other side is gone: nothing is carried any more
        finally:
            sink.close()
