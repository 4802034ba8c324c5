"""From the session's thread to the socket's loop: what is said goes out soon, and many things at once."""

from __future__ import annotations

import asyncio
import threading

from tests.standin.wire.channel import Channel

PAUSE_S = 0.005
"""How long a little is kept, in case more comes."""
ENOUGH = 1 << 14
"""How much is sent without waiting for more."""
LIMIT = 1 << 18
"""How much may wait for a client that does not read, before the statement itself has to wait."""


class Outbox:
    """One message on its way to the client. The thread puts tokens in, the loop pumps them out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting = bytearray()
        self._changed = threading.Condition()
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._finished = False
        self._broken = False
        self._cut = False

    def put(self, tokens: bytes, *, last: bool = False) -> None:
        """Add tokens, from the thread; `last`: the message ends with them (then there must be some)."""
        if not tokens:
            return
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < LIMIT or self._broken)
            if self._broken:
                return
            before = len(self._waiting)
            self._waiting += tokens
            self._finished = last
            after = len(self._waiting)
        if last or before < ENOUGH <= after:
            self._loop.call_soon_threadsafe(self._wake, True)
        elif not before:
            self._loop.call_soon_threadsafe(self._wake, False)

    def cut(self) -> None:
        """Say from the thread that the message stops here, without an end."""
        with self._changed:
            self._cut = True
        self._loop.call_soon_threadsafe(self._wake, True)

    async def pump(self, channel: Channel) -> bool:
        """Send what comes until the message has ended, from the loop; False: it was cut.

        Raises
        ------
        ConnectionError
            The client has gone; what the thread still puts in goes nowhere.
        """
        try:
            finished = cut = False
            while not (finished or cut):
                await self._some.wait()
                await self._gather()
                tokens, finished, cut = self._emptied()
                await channel.send(tokens, ends=finished)
            return finished
        finally:
            self.break_off()

    def break_off(self) -> None:
        """Let nobody wait for this any more: the client has gone."""
        with self._changed:
            self._broken = True
            self._changed.notify_all()

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(PAUSE_S):
                await self._enough.wait()
        except TimeoutError:
            pass

    def _wake(self, enough: bool) -> None:
        self._some.set()
        if enough:
            self._enough.set()

    def _emptied(self) -> tuple[bytes, bool, bool]:
        with self._changed:
            tokens = bytes(self._waiting)
            self._waiting.clear()
            self._some.clear()
            self._enough.clear()
            self._changed.notify_all()
            return tokens, self._finished, self._cut
