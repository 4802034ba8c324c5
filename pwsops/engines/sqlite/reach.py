"""What a worker gives up before it touches a foreign file: what its request does not name, and memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from pwsops import confinement, foreign
from pwsops.engines.off_limits import OffLimits, of_values
from pwsops.engines.sqlite import names
from pwsops.errors import PwsopsError

READING_BYTES = 256 << 20
"""How much memory of its own a process may have that only reads what may be anybody's: frames hold 2 MiB each."""
RESTORING_BYTES = 512 << 20
_MEMORY: Mapping[str, int | None] = {"backup": None, "restore": RESTORING_BYTES, "restore_file": RESTORING_BYTES}
"""Where it is another number. Backups have no limit: SQLite's check of the structure reads rows that may be large."""
_ANYWHERE = {"look_for", "looks"}
"""These only read, many directories side by side, and one of those may hang: they give up writing alone."""


class Reach(NamedTuple):
    """Directories below which a worker reads, and those where it writes, too; which of these only links lead to."""

    read: set[str]
    write: set[str]
    linked: frozenset[str] = frozenset()


def give_up_the_rest(operation: str, given: Mapping[str, Any]) -> None:
    """Confine this process to what one request needs. Called once, before it has threads.

    Each directory is opened once, and then judged: its name may lead elsewhere by the time that somebody looks again.
    """
    reach, off_limits = of(operation, given), of_values(given.get("off_limits"))
    read, write = (list(_held(directories, reach.linked, off_limits)) for directories in (reach.read, reach.write))
    confinement.confine(read, write)
    if (most := memory_bytes(operation)) is not None:
        confinement.limit_memory(most)


def _held(directories: Iterable[str], linked: frozenset[str], off_limits: OffLimits) -> Iterable[int]:
    for directory in directories:
        with suppress(OSError):  # it is missing, which the operation says in its own words
            held = foreign.hold(directory)
            if not off_limits.why_not(os.path.join(foreign.real(directory), "any"), linked=directory in linked):
                yield held


def memory_bytes(operation: str) -> int | None:
    """Return how much memory of its own an operation may take; None: as much as there is."""
    return _MEMORY.get(operation, READING_BYTES)


def refuse_home(operation: str, given: Mapping[str, Any]) -> None:
    """Raise `Refused` for a request that leads into the home, by whatever name; for those that only look, too."""
    off_limits = of_values(given.get("off_limits"))
    reach = of(operation, given)
    for directory in sorted((reach.read | reach.write) - {os.sep}):
        off_limits.refuse_home("The directory", directory)


def of(operation: str, given: Mapping[str, Any]) -> Reach:
    """Return what one request needs."""
    if operation in _ANYWHERE:
        return Reach(read={os.sep}, write=set())
    sets = {os.path.dirname(recorded[0]) for recorded in given.get("sets", ()) if recorded[0]}
    paths = {os.path.dirname(given[key]) for key in ("path", "base_path") if given.get(key)}
    paths |= {given["root"]} if "root" in given else set()
    write = {given["directory"]} if "directory" in given else set()
    linked: frozenset[str] = frozenset()
    if "address" in given:
        linked = frozenset(_really_in(given)) - {given["address"]}
        write |= {given["address"], *linked}
    if operation == "save_certificate":
        write |= paths
    if operation == "delete":
        write |= sets
    return Reach(read=sets | paths, write=write, linked=linked)


def _really_in(given: Mapping[str, Any]) -> Iterable[str]:
    """Yield where the databases lie that links lead to, where these are followed."""
    if not given.get("follow_links"):
        return
    address, database = given["address"], given.get("database")
    found = [database] if database is not None else _entries(address)
    for name in found:
        with suppress(PwsopsError):  # the operation says so in its own words
            located = names.locate(address, name, follow_links=True, off_limits=of_values(given.get("off_limits")))
            yield os.path.dirname(located[1])


def _entries(address: str) -> list[str]:
    with suppress(OSError):
        return os.listdir(address)
    return []
