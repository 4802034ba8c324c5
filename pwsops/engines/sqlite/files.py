"""Files and directories: temporary files of ours, how they are recognised and go, and names that are possible."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pwsops import foreign
from pwsops.engines.sqlite.causes import free_bytes as free_bytes
from pwsops.engines.sqlite.causes import translate as translate
from pwsops.errors import Conflict, EngineError, InvalidInput, NotFound

TEMP = re.compile(r"\.pwsops-(?P<role>[a-z]+)-(?P<key>[0-9a-f]{16})-(?P<token>[0-9a-f]{32})\.tmp(-wal|-shm|-journal)?")
FORMER = re.compile(r"\.pwsops-former-(?P<key>[0-9a-f]{16})-(?P<token>[0-9a-f]{32})-(?P<expected>[0-9a-f]{32})\.tmp")
_leftovers: set[str] = set()


def key(database: str, description: str) -> str:
    """Return the part of a temporary name that says which backup of which database it belonged to."""
    return hashlib.sha256(f"{database}\0{description}".encode()).hexdigest()[:16]


def temp_name(role: str, key: str, token: str) -> str:
    """Name a temporary file so that it can be recognised after a crash. Hidden, so that nobody offers it."""
    return f".pwsops-{role}-{key}-{token}.tmp"


def former_name(key: str, token: str, set_id: str) -> str:
    """Name an older backup while a newer one takes its place; the name says which set may go (`sweeping`)."""
    return f".pwsops-former-{key}-{token}-{named(set_id)}.tmp"


def named(set_id: str) -> str:
    """Return how the name of a former backup says which set it is."""
    return hashlib.sha256(set_id.encode()).hexdigest()[:32]


def plain_name(name: str) -> str:
    """Return `name` if it is a file name and nothing more."""
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


@contextmanager
def temporary(path: str) -> Iterator[int]:
    """Create `path`, give its descriptor, and remove whatever is left of it at the end, however that comes.

    Its lock says to others that somebody is alive behind it. Where locks do not work, its age has to do (`_is_alive`).
    """
    fd = foreign.create(path)  # what has the name already is not ours, and stays
    _leftovers.add(path)
    try:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    finally:
        os.close(fd)
        discard(path)


def discard(path: str) -> None:
    """Remove a temporary file with what SQLite may have put beside it; it may be gone already."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            foreign.unlink(path + suffix)
    _leftovers.discard(path)


def discard_all() -> None:
    """Remove what this process began, because it is about to end at once."""
    for path in list(_leftovers):
        discard(path)


def sync_directory(directory: str) -> None:
    """Make names in `directory` durable."""
    foreign.sync_directory(directory)


def sync_remark(directory: str) -> str:
    """Make names in `directory` durable; return what to say where the file system does not, else nothing."""
    try:
        sync_directory(directory)
    except OSError as error:
        return (
            f"the directory {directory} could not be synced ({error.strerror}): after a power failure within the next "
            "seconds its entry may be missing."
        )
    return ""


def is_empty(directory: str) -> bool:
    """Whether a directory has nothing in it, as a mount point has that nothing is mounted at. Raises `OSError`."""
    with os.scandir(directory) as entries:
        return next(entries, None) is None


def taken(final: str) -> Conflict:
    """Return the error of a file that is in the way."""
    return Conflict(
        f"The file {final} exists already.", hint="Let the date be added to the file name, or remove that file."
    )


def is_there(path: str) -> Conflict:
    """Return the refusal to write into what is there and was not to be."""
    return Conflict(
        f"Restore: {path} exists already; it was left as it is.",
        hint="Look at what it holds. Restore into it to replace it, or give another name.",
    )


def require_directory(path: str) -> None:
    """Raise `NotFound` where the directory that a new file is to be made in is not there."""
    if not os.path.isdir(os.path.dirname(path)):
        raise NotFound(
            f"Nothing can be restored into {path}: its directory does not exist.",
            hint="Create the directory, or mount what should be there, or name another one.",
        )


def database_path(address: str, name: str) -> str:
    """Return the path of a database by its file name in the instance's directory."""
    return str(Path(address) / plain_name(name))
