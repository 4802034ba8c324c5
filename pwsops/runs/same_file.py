"""What the catalogue recorded of a file, however its path is spelled and whichever instance wrote it.

A path is text: a linked directory, another case of letters or `..` make other texts of one file. What was recorded of
the file holds whichever is typed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

from pwsops.catalogue import Connection, sets
from pwsops.clock import Clock
from pwsops.engines import registry
from pwsops.engines.protocol import Engine
from pwsops.rules.model import BackupSet
from pwsops.runs.parallel import ask_all

LIMIT_S = 5.0
"""How long the directories may take that one of the recorded files of that name lies in."""

Read = Callable[[], AbstractContextManager[Connection]]
"""Gives the catalogue, or what of it belongs to who asks."""


class Recorded(NamedTuple):
    """A set that an instance wrote, as it was recorded: `backup_set.path` is spelled as it was then."""

    instance: str
    backup_set: BackupSet


def recorded_in(
    read: Read, engine: Engine, path: str, position: int, *, clock: Clock, set_id: str = ""
) -> list[Recorded]:
    """Return the sets that were recorded at a place in a file and not replaced, the one written last first.

    Parameters
    ----------
    engine
        Who reads the file at `path`. What instances on the same machine wrote there is the same file.
    clock
        Measures how long recorded paths are looked at. One that does not answer is no file that was just read.
    set_id
        Only this set; empty: whichever.
    """
    place = registry.place(engine.instance.engine, engine.instance.address)
    with read() as connection:
        named = sets.in_files_called(connection, engine.split(path)[1], position)
    here = [(found, instance) for found, instance, theirs in named if registry.share_files(place, theirs, found.path)]
    here = [(found, instance) for found, instance in here if set_id in ("", found.set_id)]
    same = _spellings(engine, path, {found.path for found, _ in here}, clock)
    return [Recorded(instance, found) for found, instance in here if found.path in same]


def _spellings(engine: Engine, path: str, known: set[str], clock: Clock) -> set[str]:
    """Return those of the known paths that mean the file at `path`."""
    others = sorted(known - {path})
    if not others:
        return known
    keys = ask_all({name: partial(engine.file_key, name) for name in (path, *others)}, limit_s=LIMIT_S, clock=clock)
    return {name for name in known if name == path or (isinstance(keys[name], str) and keys[name] == keys[path])}
