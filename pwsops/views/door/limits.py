"""How much the front door lets in at once."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What strangers, and those signed in, may take of this process.

    Parameters
    ----------
    strangers
        Connections of whoever has not shown a valid sign-in; a newcomer takes the place of the oldest.
    connections
        Connections in total, websockets too.
    header_s, body_s
        Time for the whole of a request's header, also while a connection is idle, and of its body. Seconds.
    header_bytes, body_bytes
        Sizes of a request.
    pages
        Open pages in total.
    pages_a_visit
        Open pages of one visit.
    message_bytes
        Size of one message on a page's connection.
    messages_a_second, burst
        How many messages a page may send in the long run, and how many at once.
    """

    strangers: int = 256
    connections: int = 512
    header_s: float = 20.0
    body_s: float = 20.0
    header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    pages: int = 200
    pages_a_visit: int = 24
    message_bytes: int = MIB
    messages_a_second: float = 50.0
    burst: int = 400
