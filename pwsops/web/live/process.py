"""What a process has once, however many sessions it serves: the operations, the scheduler thread, the store."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from pwsops.web import access
from pwsops.web.live.snapshot import Store

if TYPE_CHECKING:
    from pwsops.operations import Operations

_lock = threading.RLock()
_store: Store | None = None


def store(ops: Operations | None = None) -> Store:
    """Return this process's store. The first call makes it, from `ops` or the home that the environment names.

    The first call also makes the process a candidate for the scheduler, so the service runs with no page open.
    """
    global _store
    with _lock:
        if _store is None:
            _store = Store(ops or _open(), waits=False)
            _store.ops.service.attach()
            # The servers are asked before anybody looks, so that the first page has their answers.
            _store.snapshot()
        return _store


def _open() -> Operations:
    # Imported here: importing a page must not open a catalogue or load an engine.
    from pwsops.operations import open_operations

    access.say_unguarded()
    ops = open_operations(actor="dashboard")
    # `panel serve` ends through atexit; our own server forgets the store first, and closes what it was given itself.
    atexit.register(forget, ops)
    return ops


def forget(ops: Operations | None = None) -> None:
    """Drop the process's store, and close the operations that this module opened."""
    global _store
    with _lock:
        _store = None
    if ops is not None:
        ops.close()
