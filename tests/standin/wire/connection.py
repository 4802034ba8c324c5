"""One client, from its first byte to its last."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tests.standin.events import Login, Server, Session
from tests.standin.wire import tokens
from tests.standin.wire.channel import Channel
from tests.standin.wire.dialogue import Dialogue
from tests.standin.wire.greeting import Greeting
from tests.standin.wire.outbox import Outbox
from tests.standin.wire.packets import Kind, Malformed, Message
from tests.standin.wire.settings import Settings
from tests.standin.wire.tokens import Status

P = ParamSpec("P")
T = TypeVar("T")
GONE = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)
"""How a client leaves: it hangs up, or does not like the certificate."""


class Connection:
    """Lets a client in and answers it until it leaves.

    Parameters
    ----------
    server
        Lets the client in, or not.
    settings
        See there.
    channel
        The client's bytes.
    report
        Is told of what breaks.
    """

    def __init__(
        self, server: Server, settings: Settings, channel: Channel, report: Callable[[Exception], None]
    ) -> None:
        self._server = server
        self._settings = settings
        self._channel = channel
        self._report = report
        # A statement may hold its thread for long, and the session is used by one thread at a time.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="standin-session")
        self._incoming: asyncio.Task[Message] | None = None

    async def serve(self) -> None:
        """Serve the client until it leaves."""
        try:
            await self._serve()
        except GONE:
            pass
        except Malformed as error:
            self._report(error)
        finally:
            self._channel.abort(reset=False)
            self._thread.shutdown(wait=False)

    async def _serve(self) -> None:
        if self._settings.silent:
            await self._channel.wait_until_gone()
            return
        await asyncio.sleep(self._settings.delay_s)
        session = await Greeting(self._settings, self._channel, self._connect).session()
        if session is None:
            return
        try:
            await self._answer_all(Dialogue(session, self._settings, self._report))
        finally:
            await self._in_thread(session.close)

    async def _connect(self, login: Login) -> Session:
        return await self._in_thread(self._server.connect, login)

    async def _answer_all(self, dialogue: Dialogue) -> None:
        try:
            while True:
                message = await self._read()
                if message.kind == Kind.ATTENTION:
                    await self._acknowledge_attention()
                else:
                    await self._answer(dialogue, message)
        finally:
            if self._incoming is not None:
                self._incoming.cancel()

    async def _answer(self, dialogue: Dialogue, message: Message) -> None:
        outbox, cancelled = Outbox(asyncio.get_running_loop()), threading.Event()
        working = self._in_thread(dialogue.answer, message, outbox, cancelled)
        pumping = asyncio.create_task(outbox.pump(self._channel))
        try:
            await self._listen_during(pumping, cancelled)
            stopped = cancelled.is_set()
            if not await pumping:
                self._channel.abort(reset=self._settings.reset_on_cut)
                raise ConnectionAbortedError
        finally:
            cancelled.set()
            outbox.break_off()
            pumping.cancel()
            await working
        if stopped:
            await self._acknowledge_attention()

    async def _listen_during(self, pumping: asyncio.Task[bool], cancelled: threading.Event) -> None:
        """Wait for the end of a reply, and for the client's attention meanwhile."""
        while not pumping.done():
            incoming = self._reading()
            await asyncio.wait({pumping, incoming}, return_when=asyncio.FIRST_COMPLETED)
            if incoming.done() and not pumping.done():
                if (await self._read()).kind != Kind.ATTENTION:
                    raise Malformed("a request while another is being answered")
                cancelled.set()

    async def _acknowledge_attention(self) -> None:
        await self._channel.send(tokens.done(Status.ATTENTION))

    async def _read(self) -> Message:
        message = await self._reading()
        self._incoming = None
        return message

    def _reading(self) -> asyncio.Task[Message]:
        """Return the reading that is under way: a message is never waited for twice."""
        if self._incoming is None:
            self._incoming = asyncio.create_task(self._channel.read_message())
        return self._incoming

    def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))
