"""Which page belongs to which visit: who may connect to it, and what is closed when a visit ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from pwsops.web.door.allowance import Allowance
from pwsops.web.door.gate import Visit
from pwsops.web.door.limits import Limits


class Closing(Protocol):
    """A page's connection, as far as its end is concerned."""

    def end(self) -> None:
        """Close it, from the event loop's own thread."""


@dataclass
class _Page:
    session_id: str
    visit_id: str
    whose: str
    until: float
    """When it can no longer be connected to for the first time."""


@dataclass
class _Stay:
    """What there is of one visit."""

    connections: set[Closing] = field(default_factory=set)


@dataclass(kw_only=True)
class Pages:
    """Remembers the pages that were handed out.

    Parameters
    ----------
    limits
        How many there may be.
    clock
        Seconds that only grow.
    in_loop
        Has something done in the event loop's own thread.
    alive
        The ids of the sessions that the toolkit has.
    """

    limits: Limits
    clock: Callable[[], float]
    in_loop: Callable[[Callable[[], None]], object]
    alive: Callable[[], set[str]]
    _pages: dict[bytes, _Page] = field(default_factory=dict)
    _stays: dict[str, _Stay] = field(default_factory=dict)
    _shares: dict[str, Allowance] = field(default_factory=dict)

    def share(self, visit: Visit) -> Allowance:
        """Return what somebody may take of the processor with all their pages, for use at once."""
        share = self._shares.get(visit.whose)
        if share is None:
            share = self._shares[visit.whose] = Allowance(self.limits.work_s, self.limits.share, self.clock)
        return share

    def room(self, visit: Visit) -> bool:
        """Whether another page may be handed to somebody, of all that their visits have."""
        self._forget()
        alive = self.alive()
        theirs = sum(page.whose == visit.whose and page.session_id in alive for page in self._pages.values())
        return theirs < self.limits.pages_a_person and len(alive) < self.limits.pages

    def issue(self, visit: Visit, session_id: str, token: str) -> None:
        """Note that a page with a token was made for a visit."""
        self._follow(visit)
        self._pages[_digest(token)] = _Page(session_id, visit.id, visit.whose, self.clock() + self.limits.claim_s)

    def claim(self, visit: Visit, token: str) -> bool:
        """Whether a token is one that this visit was given, exactly as it was given; nothing in it is believed."""
        self._forget()
        page = self._pages.get(_digest(token))
        return page is not None and page.visit_id == visit.id

    def opened(self, visit: Visit, connection: Closing) -> None:
        """Note a page's connection, which is closed when its visit ends."""
        self._follow(visit).connections.add(connection)

    def closed(self, visit: Visit, connection: Closing) -> None:
        """Forget a connection that is gone."""
        if (stay := self._stays.get(visit.id)) is not None:
            stay.connections.discard(connection)

    def _follow(self, visit: Visit) -> _Stay:
        stay = self._stays.get(visit.id)
        if stay is None:
            stay = self._stays[visit.id] = _Stay()
            visit.on_end(partial(self._ended, visit.id))
        return stay

    def _ended(self, visit_id: str) -> None:
        self.in_loop(partial(self._end, visit_id))

    def _end(self, visit_id: str) -> None:
        stay = self._stays.pop(visit_id, _Stay())
        self._pages = {digest: page for digest, page in self._pages.items() if page.visit_id != visit_id}
        for connection in list(stay.connections):
            connection.end()

    def _forget(self) -> None:
        alive, now = self.alive(), self.clock()
        self._pages = {
            digest: page for digest, page in self._pages.items() if page.session_id in alive or now < page.until
        }
        self._shares = {whose: share for whose, share in self._shares.items() if not share.whole}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
