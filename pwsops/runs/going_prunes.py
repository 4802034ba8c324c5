"""The prunes that go on in this process, and whose of another process do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pwsops.catalogue.profiles import ProfileRow
from pwsops.errors import Conflict
from pwsops.runs.liveness import Liveness


class Prune(NamedTuple):
    """One prune: in whose name it gives backups up, and what is set when it is to stop."""

    owner: str
    cancel: threading.Event


class GoingPrunes:
    """Lets one prune of a profile go on at a time, and tells whether that of an owner does.

    Each has an owner of its own, so that nobody takes what another gives up for what was left by one that died.
    """

    def __init__(self, liveness: Liveness) -> None:
        self._liveness = liveness
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._going: dict[int, Prune] = {}
        self._closed = False

    @contextmanager
    def begin(self, profile: ProfileRow, cancel: threading.Event | None = None) -> Iterator[Prune]:
        """Begin one; raises `Conflict` while another of that profile goes on: it may hang with its server."""
        with self._lock:
            if profile.id in self._going:
                raise Conflict(
                    f"The backups of profile {profile.name} are being pruned just now.", hint="Prune again after that."
                )
            owner = f"{self._liveness.token}:{next(self._numbers)}"
            prune = self._going[profile.id] = Prune(owner, cancel or threading.Event())
            if self._closed:
                prune.cancel.set()
        try:
            yield prune
        finally:
            with self._lock:
                del self._going[profile.id]

    def goes_on(self, owner: str | None) -> bool:
        """Whether the prune of that owner goes on, in this process or another."""
        token, _, number = (owner or "").partition(":")
        if token != self._liveness.token:
            # One of a process that lives and is done with it has written so.
            return bool(number) and self._liveness.is_alive(token)
        with self._lock:
            return any(prune.owner == owner for prune in self._going.values())

    def stop(self) -> None:
        """Let those that go on stop, and those that begin do nothing."""
        with self._lock:
            self._closed = True
            going = list(self._going.values())
        for prune in going:
            prune.cancel.set()
