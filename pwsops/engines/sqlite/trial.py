"""Whether backups can be written into a directory: the very steps of a backup, on a small file that goes again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pwsops import foreign
from pwsops.engines.sqlite import causes, files, publishing

KEY = files.key("", "trial")
BLOCK = bytes(4096)
NO_GUARD = " and no swap of names: two homes that publish one name at the same instant are not kept apart"


class Failed(Exception):
    """A step that no backup can do without did not work; its text says which, and why."""


def attempt(directory: str, token: str) -> tuple[str, list[str]]:
    """Return the step that failed, with its cause (empty: none), and remarks on what a backup does without.

    `token` marks the temporary files.
    """
    remarks: list[str] = []
    temp, other = (os.path.join(directory, files.temp_name(role, KEY, token)) for role in ("trial", "named"))
    try:
        with files.temporary(temp) as fd:
            try:
                _use(fd, temp, other, directory, remarks)
            finally:
                files.discard(other)
    except Failed as failed:
        return str(failed), remarks
    except OSError as error:
        return _failure("no file could be created there", error, directory), remarks
    return "", remarks


def _use(fd: int, temp: str, other: str, directory: str, remarks: list[str]) -> None:
    can_lock = _can(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    with _step("a file there could not be written", directory):
        os.pwrite(fd, BLOCK, 0)
    with _step("a file there could not be synced", directory):
        os.fsync(fd)
    if not _can(lambda: os.fchmod(fd, 0o640)):
        remarks.append("the file system does not let the mode of a file be changed")
    with _step("a finished file could not be given its name there", directory):
        publishing.new(temp, other, lambda text: None)
    if remark := files.sync_remark(directory):
        remarks.append(remark)
    can_swap = _can(lambda: _swap(temp, other))
    if not can_lock:
        remarks.append("the file system has no locks" + ("" if can_swap else NO_GUARD))
    with _step("a file there could not be removed", directory):
        foreign.unlink(other)


def _swap(temp: str, other: str) -> None:
    os.close(foreign.create(temp))
    foreign.exchange(temp, other)


def _can(step: Callable[[], object]) -> bool:
    with suppress(OSError):
        step()
        return True
    return False


def _failure(what: str, error: OSError, directory: str) -> str:
    return f"{what}: {error.strerror} ({causes.cause(error, directory).why})"


@contextmanager
def _step(what: str, directory: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failed(_failure(what, error, directory)) from error


def look(directory: str, token: str) -> tuple[str, str, list[str], int | None]:
    """Return a `DirectoryStatus`, its reason, the remarks of `attempt`, and how many bytes are free."""
    try:
        os.stat(directory)
    except (FileNotFoundError, NotADirectoryError):
        return "missing", "it does not exist", [], None
    except OSError as error:
        return "unknown", _failure("it cannot be looked at", error, directory), [], None
    if not os.path.isdir(directory):
        return "missing", "it is not a directory", [], None
    failed, remarks = attempt(directory, token)
    return "unusable" if failed else "ok", failed, remarks, causes.free_bytes(directory)
