"""Connections that wait for their next use. Opening one takes several round trips and a handshake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pwsops.clock import Clock, SystemClock

IDLE_LIMIT = 4
IDLE_LIMIT_S = 120.0


@dataclass(kw_only=True)
class _Shelf:
    """The connections of one key: those that wait, since when, and how many are lent."""

    idle: list[tuple[float, Any]] = field(default_factory=list)
    lent: int = 0


class Pool:
    """Idle connections by who connected where.

    A connection is used by one thread at a time. After any error it is closed, by the pool or by its user: what state
    it is in then, nobody knows. Keys hold passwords: one that has no connection any more is forgotten.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._shelves: dict[str, _Shelf] = {}
        self._lock = threading.Lock()

    @contextmanager
    def borrow(
        self, key: str, make: Callable[[], Any], *, fresh: bool = False, is_alive: Callable[[Any], bool] | None = None
    ) -> Iterator[Any]:
        """Lend a connection: an idle one, if `is_alive` finds it so, or a new one; with `fresh` always a new one."""
        shelf, connection = self._take(key, fresh=fresh)
        try:
            if connection is not None and is_alive is not None and not is_alive(connection):
                _close(connection)
                self.forget(key)
                shelf, connection = self._take(key, fresh=True)
            if connection is None:
                connection = make()
            yield connection
        except BaseException:
            self._give_back(key, shelf, connection, usable=False)
            raise
        self._give_back(key, shelf, connection, usable=not connection.closed)

    def forget(self, key: str) -> None:
        """Close the connections of a key, now or when they are given back: its server or its login is gone."""
        with self._lock:
            shelf = self._shelves.pop(key, _Shelf())
        for _, connection in shelf.idle:
            _close(connection)

    @property
    def keys(self) -> set[str]:
        """Those that have connections, in use or not."""
        with self._lock:
            return set(self._shelves)

    def _take(self, key: str, *, fresh: bool) -> tuple[_Shelf, Any]:
        with self._lock:
            expired = self._expired()
            shelf = self._shelves.setdefault(key, _Shelf())
            shelf.lent += 1
            connection = shelf.idle.pop()[1] if shelf.idle and not fresh else None
        for each in expired:
            _close(each)
        return shelf, connection

    def _expired(self) -> list[Any]:
        """Take away what has waited too long, whosever it is: nobody may come for it again."""
        oldest = self._clock.monotonic() - IDLE_LIMIT_S
        expired = []
        for key, shelf in list(self._shelves.items()):
            expired += [connection for since, connection in shelf.idle if since < oldest]
            shelf.idle = [(since, connection) for since, connection in shelf.idle if since >= oldest]
            self._drop_empty(key, shelf)
        return expired

    def _give_back(self, key: str, shelf: _Shelf, connection: Any, *, usable: bool) -> None:
        with self._lock:
            shelf.lent -= 1
            # Where the key was forgotten meanwhile, another shelf stands in its place, or none.
            keep = usable and self._shelves.get(key) is shelf and len(shelf.idle) < IDLE_LIMIT
            if keep:
                shelf.idle.append((self._clock.monotonic(), connection))
            elif self._shelves.get(key) is shelf:
                self._drop_empty(key, shelf)
        if not keep and connection is not None:
            _close(connection)

    def _drop_empty(self, key: str, shelf: _Shelf) -> None:
        if not shelf.idle and not shelf.lent:
            del self._shelves[key]


def _close(connection: Any) -> None:
    with suppress(Exception):
        connection.close()
