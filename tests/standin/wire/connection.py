"""One client, from its first byte to its last."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tests.standin.events import LoginRefused, Server, Session
from tests.standin.wire import login, prelogin, tokens
from tests.standin.wire.channel import Channel
from tests.standin.wire.dialogue import Dialogue
from tests.standin.wire.outbox import Outbox
from tests.standin.wire.packets import Kind, Malformed, Message
from tests.standin.wire.prelogin import Wish
from tests.standin.wire.settings import Encryption, Settings
from tests.standin.wire.tokens import Status

SMALLEST_PACKET = 512
T = TypeVar("T")
P = ParamSpec("P")
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
        await self._agree_on_encryption()
        session = await self._let_in()
        if session is None:
            return
        try:
            await self._answer_all(Dialogue(session, self._settings, self._report))
        finally:
            await self._in_thread(session.close)

    async def _agree_on_encryption(self) -> None:
        strict = await self._channel.opens_with_tls()
        refused = Encryption.NONE if strict else Encryption.STRICT
        if self._settings.encryption is refused:
            raise ConnectionAbortedError
        if strict:
            await self._channel.start_tls(prelogin.tls_context(self._settings, strict=True), wrapped=False)
        message = await self._channel.read_message()
        if message.kind != Kind.PRELOGIN:
            raise Malformed(f"a first message of kind {message.kind}")
        answer = prelogin.answer_to(prelogin.read_wish(message.body), self._settings.encryption)
        await self._channel.send(prelogin.reply(answer))
        if not strict and answer is not Wish.NOT_SUPPORTED:
            await self._channel.start_tls(prelogin.tls_context(self._settings, strict=False), wrapped=True)
        self._login_only = not strict and answer is Wish.OFF

    async def _let_in(self) -> Session | None:
        message = await self._channel.read_message()
        if self._login_only:
            self._channel.stop_tls()
        if message.kind != Kind.LOGIN:
            raise Malformed(f"a login of kind {message.kind}")
        request = login.read(message.body, encrypted=self._channel.encrypted)
        try:
            if request.login.integrated:
                raise LoginRefused(login.UNTRUSTED_DOMAIN)
            session = await self._in_thread(self._server.connect, request.login)
        except LoginRefused as refused:
            said = b"".join(tokens.said(message, self._settings.server_name) for message in refused.said)
            await self._channel.send(said + tokens.done(Status.ERROR))
            return None
        size = min(max(request.packet_size, SMALLEST_PACKET), self._settings.packet_size)
        database = request.login.database or "master"
        hello = login.welcome(request, database=database, packet_size=size, server_name=self._settings.server_name)
        await self._channel.send(hello)
        self._channel.packet_size = size
        return session

    async def _answer_all(self, dialogue: Dialogue) -> None:
        incoming = self._reading()
        try:
            while True:
                message = await incoming
                incoming = self._reading()
                if message.kind == Kind.ATTENTION:
                    await self._acknowledge_attention()
                else:
                    incoming = await self._answer(dialogue, message, incoming)
        finally:
            incoming.cancel()

    async def _answer(
        self, dialogue: Dialogue, message: Message, incoming: asyncio.Task[Message]
    ) -> asyncio.Task[Message]:
        """Answer a request and listen for an attention meanwhile; gives the reading that is under way."""
        outbox, cancelled = Outbox(asyncio.get_running_loop()), threading.Event()
        working = self._in_thread(dialogue.answer, message, outbox, cancelled)
        pumping = asyncio.create_task(outbox.pump(self._channel))
        stopped = False
        try:
            while not pumping.done():
                await asyncio.wait({pumping, incoming}, return_when=asyncio.FIRST_COMPLETED)
                if incoming.done() and not pumping.done():
                    if (await incoming).kind != Kind.ATTENTION:
                        raise Malformed("a request while another is being answered")
                    incoming, stopped = self._reading(), True
                    cancelled.set()
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
        return incoming

    async def _acknowledge_attention(self) -> None:
        await self._channel.send(tokens.done(Status.ATTENTION))

    def _reading(self) -> asyncio.Task[Message]:
        return asyncio.create_task(self._channel.read_message())

    def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))
