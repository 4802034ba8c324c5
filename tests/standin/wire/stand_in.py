"""The stand-in itself: it listens on a port of this machine."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.standin.events import Server
from tests.standin.wire.certificates import Authority, Certificate
from tests.standin.wire.channel import Channel
from tests.standin.wire.connection import Connection
from tests.standin.wire.settings import Encryption, Settings, Shape

HOST = "127.0.0.1"
BACKLOG = 200

LIMIT_S = 60


class StandIn:
    """Listens with a loop in a thread of its own, from `with` to its end.

    Leaving the `with` closes every connection, and raises what broke behind the wire.

    In the process of its client it cannot answer where pyodbc talks to a driver without releasing the interpreter's
    lock: with `fast_executemany` both wait for ever. No other call was seen to do that.

    Parameters
    ----------
    server
        What is behind the wire.
    encryption, shape, certificate, server_name, silent, delay_s, reset_on_cut, packet_size
        See `Settings`. Without a certificate it makes one that nobody trusts, as SQL Server does.
    listening
        False: the port exists and refuses connections.
    port
        Where to listen; 0: wherever there is room.
    """

    def __init__(
        self,
        server: Server,
        *,
        encryption: str = Encryption.LOGIN_ONLY,
        certificate: Certificate | None = None,
        shape: str = Shape.PLAIN,
        server_name: str = "STANDIN",
        silent: bool = False,
        delay_s: float = 0.0,
        reset_on_cut: bool = False,
        packet_size: int = 32767,
        listening: bool = True,
        port: int = 0,
    ) -> None:
        self._server = server
        self._folder = tempfile.TemporaryDirectory(prefix="standin-")
        self._settings = Settings(
            certificate=certificate or Authority(Path(self._folder.name), "Nobody").issue(),
            encryption=Encryption(encryption),
            shape=Shape(shape),
            server_name=server_name,
            silent=silent,
            delay_s=delay_s,
            reset_on_cut=reset_on_cut,
            packet_size=packet_size,
        )
        self._listening = listening
        self._socket = socket.create_server((HOST, port), backlog=BACKLOG) if listening else socket.socket()
        if not listening:
            self._socket.bind((HOST, port))
        self.port: int = self._socket.getsockname()[1]
        self.address = f"{HOST},{self.port}"
        """Where it is, as connection strings say it."""
        self.broken: list[Exception] = []
        """What broke behind the wire."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"standin-{self.port}", daemon=True)
        self._ready = threading.Event()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def __enter__(self) -> Self:
        if self._listening:
            self._thread.start()
            if not self._ready.wait(LIMIT_S):
                raise TimeoutError(f"the stand-in was not ready within {LIMIT_S} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(LIMIT_S)
        self._loop.close()
        self._socket.close()
        self._folder.cleanup()
        if self.broken and error is None:
            raise ExceptionGroup(
                "The stand-in broke", [broken for broken in self.broken if isinstance(broken, Exception)]
            )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listener = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._socket))
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        listener.close()
        for connection in self._connections:
            connection.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._connections, return_exceptions=True))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await Connection(self._server, self._settings, Channel(reader, writer), self.broken.append).serve()
        except asyncio.CancelledError:
            # The stand-in closes. The streams' own callback takes a cancelled task for a mistake.
            pass
        except Exception as error:  # noqa: BLE001  # the test has to hear of it, whatever it is
            self.broken.append(error)
        finally:
            self._connections.discard(task)
