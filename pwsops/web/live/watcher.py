"""Pushing changes into open pages: one thread a process, and nothing sent while nothing changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

_log = structlog.get_logger(__name__)
T = TypeVar("T")
Listener = Callable[[T], None]


@dataclass(kw_only=True)
class Watcher(Generic[T]):
    """Asks `version` now and then, and tells every listener what `read` gives when it has changed.

    A listener that fails is logged and kept from harming the others. The thread lives only while somebody listens.

    Parameters
    ----------
    version
        Cheap; two equal answers mean that nothing a page shows has changed.
    read
        What listeners are given, read once for all of them.
    every_s
        Pause between two questions.
    """

    version: Callable[[], object]
    read: Callable[[], T]
    every_s: float = 0.3
    _listeners: list[Listener[T]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _newcomer: bool = False
    _thread: threading.Thread | None = None
    _wake: threading.Event = field(default_factory=threading.Event)

    @property
    def listening(self) -> int:
        """How many listen: one for each open page."""
        with self._lock:
            return len(self._listeners)

    def subscribe(self, listener: Listener[T]) -> Callable[[], None]:
        """Add a listener and give what removes it again (as often as one likes).

        Everybody is told once more then: something may have changed since the newcomer last looked.
        """
        with self._lock:
            self._listeners.append(listener)
            self._newcomer = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pwsops-pages", daemon=True)
                self._thread.start()
        self._wake.set()
        return lambda: self._unsubscribe(listener)

    def _unsubscribe(self, listener: Listener[T]) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
        self._wake.set()

    def _run(self) -> None:
        seen: object = None
        failing = False
        while self._somebody_listens():
            try:
                version = self.version()
                with self._lock:
                    newcomer, self._newcomer = self._newcomer, False
                if newcomer or version != seen:
                    self._tell(self.read())
                    seen = version
                failing = False
            except Exception:  # noqa: BLE001 - whatever it is, the next question may be answered
                if not failing:
                    _log.exception("the pages cannot be refreshed; trying again")
                failing, seen = True, None
            self._wake.wait(self.every_s)
            self._wake.clear()

    def _somebody_listens(self) -> bool:
        with self._lock:
            if not self._listeners:
                self._thread = None
            return bool(self._listeners)

    def _tell(self, news: T) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(news)
            except Exception:  # noqa: BLE001 - one page in trouble must not keep the others from being told
                _log.exception("a page could not be told of a change")
