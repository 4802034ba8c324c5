"""Giving a finished file its name, in the place of an older one too, and never losing what somebody else put there.

A name that is free is taken by a hard link or a rename that refuses to replace. An older file is replaced by letting
the two swap their names in one step: what came out is then looked at, and goes only where it is the very file that was
proven to be ours. Where a file system cannot do that, a lock that all of us respect holds others off meanwhile.

From the moment the new file has its name, a lesser failure is something to say, and no failure any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from pwsops import foreign
from pwsops.engines.sqlite import files
from pwsops.engines.sqlite.causes import UNSUPPORTED

LOCK = ".pwsops-publish.lock"
WAIT_S = 10.0
"""How long another run that publishes in the same directory is waited for. It takes milliseconds, mostly."""
_PAUSE_S = 0.02

Say = Callable[[str], None]


class Lock(Enum):
    """What came of asking for a directory's lock."""

    HELD = "held"
    BUSY = "busy"
    NONE = "none"
    """Locks do not work there."""


class Changed(Exception):
    """Another file has the name than the one that was looked at."""


@contextmanager
def locked(directory: str) -> Iterator[Lock]:
    """Hold the lock under which all runs, of all homes, publish in a directory; its file goes at the end."""
    path = os.path.join(directory, LOCK)
    fd, state = _lock(path)
    try:
        yield state
    finally:
        if state is Lock.HELD:
            with suppress(OSError):
                foreign.unlink(path)
        if fd is not None:
            os.close(fd)


def _lock(path: str) -> tuple[int | None, Lock]:
    end = time.monotonic() + WAIT_S
    while True:
        try:
            fd = foreign.open_lock(path)
        except OSError:
            return None, Lock.NONE
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if foreign.is_at(fd, path):
                return fd, Lock.HELD
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(fd)
                return None, Lock.BUSY
        except OSError:
            os.close(fd)
            with suppress(OSError):
                foreign.unlink(path)
            return None, Lock.NONE
        os.close(fd)
        time.sleep(_PAUSE_S)


def new(temp: str, final: str, say: Say) -> None:
    """Publish a finished, synced file under a name that nobody has.

    Raises
    ------
    FileExistsError
        Where somebody has it.
    OSError
        Where it could not be given; `temp` still has the file.
    """
    facts = foreign.facts(temp)
    for attempt in (_link, foreign.rename_new, _reserve):
        try:
            attempt(temp, final)
            break
        except OSError as error:
            # Over a network an answer may be lost and the request repeated: what counts is what is there.
            if _has(final, facts):
                break
            if isinstance(error, FileExistsError) or attempt is _reserve:
                raise
    _settle(temp, final, say)


def _link(temp: str, final: str) -> None:
    foreign.link(temp, final)


def _reserve(temp: str, final: str) -> None:
    """Take the name with an empty file, which no run replaces, and then replace that one of our own."""
    fd = foreign.create(final)
    try:
        foreign.replace(temp, final)
    except OSError:
        if foreign.is_at(fd, final):
            foreign.unlink(final)
        raise
    finally:
        os.close(fd)


def replace(temp: str, final: str, former: os.stat_result, aside: str, lock: Lock, say: Say) -> None:
    """Put a finished, synced file in the place of an older one, which goes.

    Parameters
    ----------
    former
        The older file, as it was when it was proven to be ours.
    aside
        A name of our own for it, in the same directory, where it lies until it goes.
    lock
        What came of asking for the directory's lock.

    Raises
    ------
    Changed
        Where another file has the name by now; it stays, and `temp` still has ours.
    OSError
        Where it could not be done; the older file stays, and `temp` still has ours.
    """
    try:
        _exchange(temp, final, former, aside)
    except FileNotFoundError:
        if foreign.exists(final) or not foreign.exists(temp):
            raise
        new(temp, final, say)  # somebody removed the older one since the look
        return
    except OSError as error:
        if error.errno not in UNSUPPORTED | {errno.EPERM, errno.EACCES}:
            raise
        _link_aside(temp, final, former, aside, lock, say)
    _settle(aside, final, say)


def _exchange(temp: str, final: str, former: os.stat_result, aside: str) -> None:
    ours, refused = foreign.facts(temp), None
    foreign.rename(temp, aside)
    try:
        foreign.exchange(aside, final)
    except OSError as error:
        refused = error
    if _has(final, ours) and _has(aside, former):
        return
    if _has(final, ours):
        # Somebody else's came out, published since the look. It goes back, in one step too.
        foreign.exchange(aside, final)
    if _has(aside, ours):
        foreign.rename(aside, temp)
    raise refused or Changed


def _link_aside(temp: str, final: str, former: os.stat_result, aside: str, lock: Lock, say: Say) -> None:
    if lock is Lock.BUSY or not _has(final, former):
        raise Changed
    with suppress(OSError):  # where there are no hard links, the rename alone has to do
        foreign.link(final, aside)
        if not _has(aside, former):
            foreign.unlink(aside)
            raise Changed
    try:
        foreign.replace(temp, final)
    except OSError:
        with suppress(OSError):
            foreign.unlink(aside)
        raise
    if lock is Lock.NONE:
        say(
            f"{final} was replaced on a file system without locks and without a swap of names: another pwsops that "
            "publishes the same name at the same instant could have lost its backup there. Use a directory of its own "
            "for each home, or names with a date."
        )


def _has(path: str, facts: os.stat_result) -> bool:
    """Whether the file with these facts has that name now."""
    try:
        return os.path.samestat(facts, foreign.facts(path))
    except OSError:
        return False


def _settle(rest: str, final: str, say: Say) -> None:
    """Remove the other name, and make all this durable: what fails now is said."""
    try:
        foreign.unlink(rest)
    except FileNotFoundError:
        pass
    except OSError as error:
        say(f"{final} is finished. The hidden file {rest} beside it could not be removed: {error.strerror}. Remove it.")
    if remark := files.sync_remark(os.path.dirname(final)):
        say(f"{final} is finished, but {remark}")
