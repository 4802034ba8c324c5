"""Looking where sets were written, in a worker process: quickly, and never waiting for a directory that hangs."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from pwsops import foreign
from pwsops.engines.sqlite import mounts
from pwsops.engines.sqlite.identity import Recorded, difference
from pwsops.engines.sqlite.media import Media, Unreadable
from pwsops.errors import MediaError
from pwsops.rules.model import MediaState

LIMIT_S = 20.0
"""How long all of them together may take. What was not looked at by then is not known."""
AT_ONCE = 16
"""So many directories are looked at side by side: one that hangs keeps no other waiting."""

_Found = tuple[str, str, list[str]]
"""A `MediaState`, the reason, and which set the file holds instead."""


def look_for(sets: Iterable[Sequence[Any]], limit_s: float = LIMIT_S) -> list[tuple[str, str, str, list[str]]]:
    """Return the set id and what was found (`_Found`) for each set (`Recorded`), in order."""
    recorded = [Recorded(*each) for each in sets]
    by_directory: dict[str, list[tuple[int, Recorded]]] = {}
    for index, each in enumerate(recorded):
        by_directory.setdefault(os.path.dirname(each.path), []).append((index, each))
    waiting: queue.SimpleQueue[list[tuple[int, Recorded]]] = queue.SimpleQueue()
    for together in by_directory.values():
        waiting.put(together)
    found: dict[int, _Found] = {}

    def work() -> None:
        with suppress(queue.Empty):
            while True:
                for index, each in waiting.get_nowait():
                    found[index] = sighting(each)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(by_directory)))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = _found(MediaState.UNKNOWN, f"its directory did not answer within {limit_s:g} s")
    return [(str(each.set_id), *found.get(index, late)) for index, each in enumerate(recorded)]


def sighting(recorded: Recorded) -> _Found:
    """Return what is found where one set was written. What is no plain file is not opened."""
    found = _look(recorded)
    if found[0] in (MediaState.PRESENT.value, MediaState.UNKNOWN.value):
        return found
    # What lies, or is missing, on another file system says nothing of the one that it was written to.
    why = mounts.moved(os.path.dirname(recorded.path), recorded.mount)
    return _found(MediaState.UNKNOWN, why) if why else found


def _look(recorded: Recorded) -> _Found:
    path = recorded.path
    try:
        facts = foreign.facts(path)
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except OSError as error:
        return _found(MediaState.UNKNOWN, f"{path} cannot be looked at: {error.strerror}")
    if not foreign.is_plain(facts.st_mode):
        return _found(MediaState.OTHER, f"{path} is {foreign.kind(facts.st_mode)}, not a plain file")
    try:
        with Media(path) as media:
            why, holds = difference(media, recorded), media.header.set_id
    except Unreadable as error:
        return _found(MediaState.UNKNOWN, error.message)
    except MediaError as error:
        return _found(MediaState.DAMAGED, error.message)
    if not why:
        return _found(MediaState.PRESENT)
    return _found(MediaState.OTHER, f"{path}: {why}", [] if holds == recorded.set_id else [holds])


def _found(state: MediaState, reason: str = "", holds: Sequence[str] = ()) -> _Found:
    return state.value, reason, list(holds)


def _missing(path: str) -> _Found:
    """Return what it means that a file is not there.

    Where its directory is not there either, nothing is proven: a disk that is not mounted looks like that, and its
    backups are all still on it.
    """
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        return _found(MediaState.UNKNOWN, f"the directory {directory} is not there: it may not be mounted")
    return _found(MediaState.MISSING, f"{path} does not exist")
