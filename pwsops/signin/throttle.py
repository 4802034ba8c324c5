"""How long somebody waits after failures to sign in. Strangers cannot lock anybody out.

Failures are counted for a name from one peer, for a peer, for the site that it belongs to, and for a name from all
peers; each failure beyond the first few doubles the wait. A browser that has signed in as somebody before holds a mark
of that (a "device cookie"): it waits for its own failures alone, so that whoever guesses from elsewhere, or through the
same proxy, does not hinder it.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pwsops.clock import Clock
from pwsops.signin.keys import kept_key
from pwsops.signin.peers import household, site

KEY_FILE = "devices.key"
LONGEST_WAIT_S = 900.0
FORGOTTEN_AFTER_S = 3600.0
_REMEMBERED = 10_000
"""Counters at most, beside those of users."""
_FREE = {"pair": 4, "device": 4, "peer": 20, "site": 60, "name": 50}
"""Failures before the first wait. With the waits that follow, a name has fewer than 100 an hour (ASVS 2.2.1)."""

_Key = tuple[str, str, str]


@dataclass
class _Counter:
    failures: int = 0
    at_s: float = 0.0
    """Of the last failure, by the clock that never jumps."""
    lasts: bool = False
    """Whether it is a user's."""

    def wait_s(self, free: int, now_s: float) -> float:
        over = self.failures - free
        if over < 0:
            return 0.0
        return max(0.0, self.at_s + min(2.0 ** min(over, 20), LONGEST_WAIT_S) - now_s)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Somebody tries to sign in.

    Parameters
    ----------
    name
        As it was typed; empty for a way without names.
    peer
        The address it comes from.
    device
        The mark that the browser showed; empty: none.
    """

    name: str
    peer: str
    device: str = ""


class Throttle:
    """Counts failures, in this process's memory, which is bounded.

    Parameters
    ----------
    home
        Keeps the key that marks browsers, so that a restart does not forget them.
    clock
        The time.
    exists
        Whether there is a user of a name. What is counted for those stays, whatever strangers make up.
    """

    def __init__(self, home: Path, *, clock: Clock, exists: Callable[[str], bool] = lambda name: False) -> None:
        self._key_path = home / KEY_FILE
        self._clock = clock
        self._exists = exists
        self._counters: dict[_Key, _Counter] = {}
        self._lock = threading.Lock()

    def begin(self, attempt: Attempt) -> float:
        """Return the seconds to wait before another try; 0: it may be made now, and counts as failed until it succeeds.

        So that many tries at once count as many.
        """
        now_s, lasts = self._clock.monotonic(), bool(attempt.name) and self._exists(attempt.name)
        with self._lock:
            keys = self._keys(attempt)
            wait_s = max(self._known(key, now_s).wait_s(_FREE[key[0]], now_s) for key in keys)
            if wait_s > 0:
                return wait_s
            for key in keys:
                counter = self._known(key, now_s)
                counter.failures += 1
                counter.at_s = now_s
                counter.lasts = lasts and key[0] in ("name", "device")
                self._counters[key] = counter
            self._forget(now_s)
        return 0.0

    def succeeded(self, attempt: Attempt) -> None:
        """Take back what `begin` counted. What others failed at from there, or under that name, stays counted."""
        with self._lock:
            for key in self._keys(attempt):
                if key[0] in ("pair", "device"):
                    self._counters.pop(key, None)
                elif key in self._counters:
                    self._counters[key].failures -= 1

    def mark(self, name: str) -> str:
        """Return the mark for a browser that has just signed in under a name."""
        digest = _digest(name)
        return hmac.new(kept_key(self._key_path), digest.encode(), hashlib.sha256).hexdigest()

    def _keys(self, attempt: Attempt) -> list[_Key]:
        # Of a name only a digest is kept: strangers type as much as they like.
        name = _digest(attempt.name) if attempt.name else ""
        if attempt.device and hmac.compare_digest(attempt.device.encode(), self.mark(attempt.name).encode()):
            return [("device", name, "")]
        peer = household(attempt.peer)
        keys = [("pair", name, peer), ("peer", "", peer), ("site", "", site(attempt.peer))]
        return [*keys, ("name", name, "")] if name else keys

    def _known(self, key: _Key, now_s: float) -> _Counter:
        counter = self._counters.get(key)
        if counter is None or now_s - counter.at_s > FORGOTTEN_AFTER_S:
            return _Counter(at_s=now_s)
        return counter

    def _forget(self, now_s: float) -> None:
        if len(self._counters) <= _REMEMBERED:
            return
        strangers = sorted((key for key in self._counters if not self._counters[key].lasts), key=self._rank)
        # Many at once: to look for them takes a while.
        pushed_out = set(strangers[: len(self._counters) - _REMEMBERED * 9 // 10])
        self._counters = {
            key: counter
            for key, counter in self._counters.items()
            if key not in pushed_out and now_s - counter.at_s <= FORGOTTEN_AFTER_S
        }

    def _rank(self, key: _Key) -> tuple[int, float]:
        # What failed least and longest ago goes first: a name that is guessed at outlasts those that are made up.
        return self._counters[key].failures, self._counters[key].at_s


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
