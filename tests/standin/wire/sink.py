"""Where the events of one statement go: into a reply, and out."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable

from tests.standin.events import Columns, Cut, Done, Event, Row, Said
from tests.standin.wire.outbox import Outbox
from tests.standin.wire.reply import Reply
from tests.standin.wire.tokens import LOWEST_ERROR


class CutOff(Exception):
    """The connection is to be cut here."""


class Sink:
    """Writes events into the client's message as they come.

    Parameters
    ----------
    reply
        Makes tokens of events.
    outbox
        Takes the tokens.
    cancelled
        Set when the client wants to hear no more.
    """

    def __init__(self, reply: Reply, outbox: Outbox, cancelled: threading.Event) -> None:
        self.reply = reply
        self.cancelled = cancelled
        self._outbox = outbox

    def take(self, event: Event) -> None:
        """Pass an event on.

        Raises
        ------
        CutOff
            It was a `Cut`.
        """
        self.put(self.reply.take(event))
        if isinstance(event, Cut):
            raise CutOff

    def take_all(self, events: Iterable[Event]) -> None:
        """Pass on what comes; after a cancel only the errors that say so, up to the first other thing."""
        try:
            for event in events:
                self.take(event)
                if self.cancelled.is_set() and not _is_error(event):
                    break
        finally:
            # What the session holds while it runs is let go of now, and not when the collector comes by.
            if isinstance(events, Generator):
                events.close()

    def take_messages(self, events: Iterable[Event]) -> None:
        """Pass on what is said, without results: the client did not write the statement itself."""
        self.take_all(event for event in events if not isinstance(event, (Columns, Row, Done)))

    def put(self, tokens: bytes, *, last: bool = False) -> None:
        """Pass tokens on that no event stands for; `last`: they end the message."""
        self._outbox.put(tokens, last=last)


def _is_error(event: Event) -> bool:
    return isinstance(event, Said) and event.severity >= LOWEST_ERROR
