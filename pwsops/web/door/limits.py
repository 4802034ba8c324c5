"""How much the front door lets in at once."""

from __future__ import annotations

import resource
from dataclasses import dataclass, replace
from typing import Self

MIB = 1024 * 1024
RESERVE = 448
"""Descriptors that visitors leave alone: for backups, for their workers' pipes, and for what else is open."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What strangers, and those signed in, may take of this process.

    Parameters
    ----------
    connections
        Connections in total, websockets too.
    strangers, strangers_a_peer
        Of these, how many may be of people who have not shown a valid sign-in, and how many from one address.
    connections_a_person
        How many one person may have, in all their visits. A browser opens six, and one more for each page.
    header_s, body_s
        Time for the whole of a request's header, also while a connection is idle, and of its body. Seconds.
    header_bytes, body_bytes
        Sizes of a request.
    ping_s
        Pause between two questions whether a page's connection is alive; without an answer it is closed. Seconds.
    pages, pages_a_person
        Open pages in total, and of one person.
    claim_s
        Time from a page's answer to its websocket. Seconds.
    message_bytes
        Size of one message on a page's connection: chosen certificate files, 2 MiB in all, are the largest.
    messages_a_second, burst
        How many frames of messages a page may send in the long run, and how many at once. More have to wait.
    pulls, pull_s
        How often a page may ask for its document at once, and the pause after which once more. A page asks once.
        Seconds.
    work_s, share
        What all pages of one person may take of the processor that serves everybody, at once (seconds), and of each
        second in the long run. Who takes more waits.
    """

    connections: int = 512
    strangers: int = 256
    strangers_a_peer: int = 192
    connections_a_person: int = 96
    header_s: float = 20.0
    body_s: float = 20.0
    header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    ping_s: float = 30.0
    pages: int = 200
    pages_a_person: int = 48
    claim_s: int = 120
    message_bytes: int = 4 * MIB
    messages_a_second: float = 200.0
    burst: int = 1_000
    pulls: int = 3
    pull_s: float = 5.0
    work_s: float = 4.0
    share: float = 0.25

    def within(self, descriptors: int) -> Self:
        """Return the same limits for a process that may open so many descriptors, of which a reserve stays free."""
        connections = min(self.connections, max(32, descriptors - RESERVE))
        share = connections / self.connections
        return replace(
            self,
            connections=connections,
            strangers=max(8, int(self.strangers * share)),
            strangers_a_peer=max(8, int(self.strangers_a_peer * share)),
        )


def raise_descriptors() -> int:
    """Raise the number of descriptors that this process may open as far as it is allowed to, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**20
