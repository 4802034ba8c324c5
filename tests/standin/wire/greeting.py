"""The first words with a client: how much is encrypted, and whether it is let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.standin.events import Login, LoginRefused, Session
from tests.standin.wire import login, prelogin, tokens
from tests.standin.wire.channel import Channel
from tests.standin.wire.packets import Kind, Malformed, Message
from tests.standin.wire.prelogin import Wish
from tests.standin.wire.settings import Encryption, Settings
from tests.standin.wire.tokens import Status

SMALLEST_PACKET = 512
FIRST_DATABASE = "master"


class Greeting:
    """Goes through the pre-login and the login with one client.

    Parameters
    ----------
    settings
        What was decided about encryption and packets.
    channel
        The client's bytes; set to what was agreed on.
    connect
        Asks the server behind the wire; raises `LoginRefused`.
    """

    def __init__(self, settings: Settings, channel: Channel, connect: Callable[[Login], Awaitable[Session]]) -> None:
        self._settings = settings
        self._channel = channel
        self._connect = connect

    async def session(self) -> Session | None:
        """Let the client in; None: it was told why not.

        Raises
        ------
        ConnectionAbortedError
            The two cannot agree on encryption.
        Malformed
            The client speaks no TDS.
        """
        login_only = await self._agree_on_encryption()
        message = await self._expect(Kind.LOGIN)
        if login_only:
            self._channel.stop_tls()
        request = login.read(message.body, encrypted=self._channel.encrypted)
        try:
            return await self._let_in(request)
        except LoginRefused as refused:
            said = [tokens.said(message, self._settings.server_name) for message in refused.said]
            await self._channel.send(b"".join(said) + tokens.done(Status.ERROR))
            return None

    async def _agree_on_encryption(self) -> bool:
        """Start TLS as agreed; gives whether it ends with the login."""
        strict = await self._channel.opens_with_tls()
        if self._settings.encryption is (Encryption.NONE if strict else Encryption.STRICT):
            raise ConnectionAbortedError
        if strict:
            await self._channel.start_tls(prelogin.tls_context(self._settings, strict=True), wrapped=False)
        message = await self._expect(Kind.PRELOGIN)
        answer = prelogin.answer_to(prelogin.read_wish(message.body), self._settings.encryption)
        await self._channel.send(prelogin.reply(answer))
        if strict:
            return False
        if answer is not Wish.NOT_SUPPORTED:
            await self._channel.start_tls(prelogin.tls_context(self._settings, strict=False), wrapped=True)
        return answer is Wish.OFF

    async def _let_in(self, request: login.Request) -> Session:
        if request.login.integrated:
            raise LoginRefused(login.UNTRUSTED_DOMAIN)
        session = await self._connect(request.login)
        size = min(max(request.packet_size, SMALLEST_PACKET), self._settings.packet_size)
        database = request.login.database or FIRST_DATABASE
        hello = login.welcome(request, database=database, packet_size=size, server_name=self._settings.server_name)
        await self._channel.send(hello)
        self._channel.packet_size = size
        return session

    async def _expect(self, kind: Kind) -> Message:
        message = await self._channel.read_message()
        if message.kind != kind:
            raise Malformed(f"a message of kind {message.kind} instead of {kind.name}")
        return message
