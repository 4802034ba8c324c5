"""Files and directories: names of our temporary files, publishing a finished one, and what went wrong in words."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pwsops.errors import Conflict, EngineError, InvalidInput, PwsopsError

TEMP = re.compile(r"\.pwsops-(?P<role>[a-z]+)-(?P<key>[0-9a-f]{16})-(?P<token>[0-9a-f]{32})\.tmp(-wal|-shm|-journal)?")
FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_leftovers: set[str] = set()


def key(database: str, description: str) -> str:
    """Give the part of a temporary name that says which backup of which database it belonged to."""
    return hashlib.sha256(f"{database}\0{description}".encode()).hexdigest()[:16]


def temp_name(role: str, key: str, token: str) -> str:
    """Name a temporary file so that it can be recognised after a crash. Hidden, so that nobody offers it."""
    return f".pwsops-{role}-{key}-{token}.tmp"


def plain_name(name: str) -> str:
    """Give `name` back if it is a file name and nothing more."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise InvalidInput(f"{name!r} is not a file name.", hint="Give the name alone, without a directory.")
    return name


def check_directory(directory: str) -> None:
    """Raise what keeps a file from being written in `directory`, each cause as its own error."""
    if not os.path.isdir(directory):
        if os.path.lexists(directory):
            raise EngineError(
                f"The backup directory {directory} is not a directory.", hint="Choose a directory in the profile."
            )
        raise EngineError(
            f"The backup directory {directory} does not exist.",
            hint="Create it, or mount what should be there, or choose another one in the profile.",
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise EngineError(
            f"The backup directory {directory} is not writable for the user the service runs as.",
            hint="Give that user the right to write there, or choose another directory.",
        )


def translate(error: OSError, operation: str, directory: str, written: int = 0) -> PwsopsError:
    """Say what an operating system's error means for `operation` in `directory`."""
    if error.errno in FULL_DISK:
        return EngineError(
            f"{operation} stopped: no space is left in {directory} after {written} bytes "
            f"({free_bytes(directory)} bytes free); what was begun has been removed.",
            hint="Free space there, remove old backups, or choose another directory.",
        )
    return EngineError(
        f"{operation} failed in {directory}: {error.strerror or error}.",
        hint="Check that the directory is there and that the service may write in it.",
        transient=error.errno in {errno.EIO, errno.EINTR, errno.EAGAIN, errno.ESTALE},
    )


def free_bytes(directory: str) -> int | None:
    """Give the bytes that we could still write in `directory`; None where nobody can say."""
    try:
        facts = os.statvfs(directory)
    except OSError:
        return None
    return facts.f_bavail * facts.f_frsize


@contextmanager
def temporary(path: str) -> Iterator[int]:
    """Create `path`, give its descriptor, and remove whatever is left of it at the end, however that comes.

    Its lock says to others that somebody is alive behind it.
    """
    _leftovers.add(path)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    finally:
        os.close(fd)
        discard(path)


def discard(path: str) -> None:
    """Remove a temporary file with what SQLite may have put beside it; it may be gone already."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            os.unlink(path + suffix)
    _leftovers.discard(path)


def discard_all() -> None:
    """Remove what this process began, because it is about to end at once."""
    for path in list(_leftovers):
        discard(path)


def sweep(directory: str, *, key: str | None = None, token: str | None = None) -> list[str]:
    """Remove leftovers of one backup (by key) or one worker (by token); give those that are still being written."""
    alive = []
    with suppress(OSError):
        for entry in os.scandir(directory):
            match = TEMP.fullmatch(entry.name)
            if match and (key is None or match["key"] == key) and (token is None or match["token"] == token):
                if token is None and _is_alive(entry.path):
                    alive.append(entry.path)
                else:
                    discard(entry.path)
    return alive


def _is_alive(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def sync_directory(directory: str) -> None:
    """Make names in `directory` durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def publish(temp: str, final: str, *, overwrite: bool) -> None:
    """Give a finished, synced file its name in one step.

    Raises
    ------
    Conflict
        Where the name is taken and `overwrite` is not set.
    """
    if overwrite:
        os.replace(temp, final)
    else:
        _publish_new(temp, final)
    _leftovers.discard(temp)
    sync_directory(os.path.dirname(final))


def _publish_new(temp: str, final: str) -> None:
    try:
        try:
            os.link(temp, final)
            os.unlink(temp)
        except FileExistsError:
            raise
        except OSError:
            # No hard links here (FAT, some network shares): reserve the name, then replace our own reservation.
            os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
            os.replace(temp, final)
    except FileExistsError as error:
        raise taken(final) from error


def taken(final: str) -> Conflict:
    """Say that a file is in the way."""
    return Conflict(
        f"The file {final} exists already.", hint="Let the date be added to the file name, or remove that file."
    )


def database_path(address: str, name: str) -> str:
    """Give the path of a database by its file name in the instance's directory."""
    return str(Path(address) / plain_name(name))
