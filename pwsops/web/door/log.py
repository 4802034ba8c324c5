"""Refusals, said in the log without filling it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog
from tornado.httputil import HTTPServerRequest

_log = structlog.get_logger(__name__)
PAUSE_S = 60.0


class Refusals:
    """Logs the first refusal of each reason, and then how many there were, once a minute.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._repeated: Counter[str] = Counter()

    def note(self, reason: str, request: HTTPServerRequest) -> None:
        """Count a refusal, and say it where it is time to."""
        self._repeated[reason] += 1
        now = self._clock()
        if now < self._due.get(reason, now):
            return
        self._due[reason] = now + PAUSE_S
        path = (request.path or "")[:200]
        times = self._repeated.pop(reason)
        _log.warning("a request was refused", reason=reason, times=times, peer=request.remote_ip, path=path)
