"""The file with a home's key: read, made once, and replaced whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet

KEY_FILE = "secret.key"


def new_key() -> str:
    """Return a new random key, as text."""
    return Fernet.generate_key().decode()


def state(path: Path) -> object:
    """Return what differs whenever the file differs: who keeps what was read of it, asks this before using it."""
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def make(path: Path, text: str) -> None:
    """Put a key there unless there is one: of two processes that make one at once, the first wins."""
    with _written(path, text) as unfinished:
        with suppress(FileExistsError):
            os.link(unfinished, path)
        unfinished.unlink()


def replace(path: Path, text: str) -> None:
    """Put other keys in place of those there; at any moment one of the two is there whole, also after a crash."""
    with _written(path, text) as unfinished:
        unfinished.replace(path)


@contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """Write a file of another name, which is private and on disk before it gets its own."""
    unfinished = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
        _sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
