"""Connections that wait for their next use. Opening one takes several round trips and a handshake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pwsops.clock import Clock, SystemClock

IDLE_LIMIT = 4
IDLE_LIMIT_S = 120.0


class Pool:
    """Idle connections by who connected where.

    A connection is used by one thread at a time. After any error it is closed, by the pool or by its user: what state
    it is in then, nobody knows.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._idle: dict[str, list[tuple[float, Any]]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def borrow(
        self, key: str, make: Callable[[], Any], *, fresh: bool = False, is_alive: Callable[[Any], bool] | None = None
    ) -> Iterator[Any]:
        """Lend a connection: an idle one, if `is_alive` finds it so, or a new one; with `fresh` always a new one."""
        connection = None if fresh else self._take(key)
        if connection is not None and is_alive is not None and not is_alive(connection):
            _close(connection)
            self.forget(key)
            connection = None
        if connection is None:
            connection = make()
        try:
            yield connection
        except BaseException:
            _close(connection)
            raise
        self._give_back(key, connection)

    def forget(self, key: str) -> None:
        """Close the idle connections of a key, for example because its server went away."""
        with self._lock:
            left = self._idle.pop(key, [])
        for _, connection in left:
            _close(connection)

    def _take(self, key: str) -> Any:
        now = self._clock.monotonic()
        with self._lock:
            idle = self._idle.get(key, [])
            found = idle.pop() if idle else None
        if found is None:
            return None
        since, connection = found
        if now - since <= IDLE_LIMIT_S:
            return connection
        _close(connection)
        self.forget(key)  # the others have waited even longer
        return None

    def _give_back(self, key: str, connection: Any) -> None:
        if connection.closed:
            return
        with self._lock:
            idle = self._idle.setdefault(key, [])
            if len(idle) < IDLE_LIMIT:
                idle.append((self._clock.monotonic(), connection))
                return
        _close(connection)


def _close(connection: Any) -> None:
    with suppress(Exception):
        connection.close()
