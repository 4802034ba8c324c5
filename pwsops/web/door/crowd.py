"""How many are connected, and who has to go when there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from tornado.iostream import IOStream

from pwsops.web.door.limits import Limits

Serve = Callable[[IOStream, Any], Any]


class Crowd:
    """Every connection is a stranger's, until a request on it shows a valid sign-in.

    A stranger who comes when there are too many takes the place of the one who has been here longest: so nobody is kept
    out by connections that are only held, and those signed in never have to go.

    Parameters
    ----------
    limits
        How many there may be.
    proxies
        Peers that bring others, and are therefore not limited each.
    """

    def __init__(self, limits: Limits, proxies: Collection[str] = ()) -> None:
        self._limits = limits
        self._proxies = proxies
        self._strangers: dict[IOStream, str] = {}
        self._known: dict[IOStream, str] = {}

    def __len__(self) -> int:
        self._forget_closed()
        return len(self._strangers) + len(self._known)

    def guard(self, serve: Serve) -> Serve:
        """Return what serves a new connection as `serve` does, once there is room for it."""

        def came(stream: IOStream, address: Any) -> Any:
            self._make_room(_peer(address))
            self._strangers[stream] = _peer(address)
            return serve(stream, address)

        return came

    def know(self, stream: IOStream, whose: str) -> bool:
        """Note whose connection it is; whether there is still room for one of theirs."""
        if stream in self._known:
            return True
        self._forget_closed()
        theirs = Counter(self._known.values())
        if len(self._known) >= self._limits.connections - self._limits.strangers:
            return False
        if theirs[whose] >= self._limits.connections_a_person:
            return False
        self._strangers.pop(stream, None)
        self._known[stream] = whose
        return True

    def _make_room(self, peer: str) -> None:
        if len(self._strangers) < min(self._limits.strangers, self._limits.strangers_a_peer):
            return
        self._forget_closed()
        theirs = [stream for stream, whose in self._strangers.items() if whose == peer]
        if len(theirs) >= self._limits.strangers_a_peer and peer not in self._proxies:
            self._dismiss(theirs[0])
        elif len(self._strangers) >= self._limits.strangers:
            self._dismiss(next(iter(self._strangers)))

    def _dismiss(self, stream: IOStream) -> None:
        del self._strangers[stream]
        stream.close()

    def _forget_closed(self) -> None:
        self._strangers = {stream: peer for stream, peer in self._strangers.items() if not stream.closed()}
        self._known = {stream: whose for stream, whose in self._known.items() if not stream.closed()}


def _peer(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) and address else ""
