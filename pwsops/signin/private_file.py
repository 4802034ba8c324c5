"""Files of the home that decide who gets in: written whole, readable by their owner alone, believed only then."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from pwsops.errors import Refused

MODE = 0o600
LARGEST = 4 * 1024 * 1024
"""Bytes. No file of this kind comes near it."""

T = TypeVar("T")
Before = Callable[[], None]
"""What is done right before a file is changed: the entry of the audit log is there before what it tells of."""


def nothing() -> None:
    """Do nothing before a file is changed."""


def read(path: Path) -> bytes | None:
    """Return the content; None where there is no such file. A file that others may read is closed to them first.

    Raises
    ------
    Refused
        It cannot be read, is no plain file, is too large, belongs to somebody else, or others may write to it: then
        what it says may be theirs.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, f"it cannot be opened ({error.strerror})") from None
    try:
        _check(path, descriptor)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise unusable(path, f"it is larger than {LARGEST} bytes")
    return content


def write(path: Path, content: bytes) -> None:
    """Put a file in place of the one there, whole or not at all. Raises `Refused` where it cannot be written."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror}.",
            hint="Let this user write in the home, and see that its disk has room.",
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()


class Watched(Generic[T]):
    """What a file says, read again whenever the file is another or has changed.

    Parameters
    ----------
    path
        The file.
    parse
        Makes something of its content (None: there is no file); raises `ValueError` for what it cannot understand.
    before
        Called with what it says anew before that counts; what it raises keeps it from counting.
    """

    def __init__(
        self, path: Path, parse: Callable[[bytes | None], T], *, before: Callable[[T], None] = lambda value: None
    ) -> None:
        self.path = path
        self._parse = parse
        self._before = before
        self._known: tuple[object, T] | None = None

    def get(self) -> T:
        """Return what it says now. Raises `Refused` where that cannot be known; nothing older is taken for it."""
        state = _state(self.path)
        known = self._known
        if known is not None and known[0] == state:
            return known[1]
        try:
            value = self._parse(read(self.path))
        except ValueError as error:
            raise unusable(self.path, f"it is damaged ({error})") from None
        self._before(value)
        self._known = state, value
        return value


class Unusable(Refused):
    """A file of the sign-in is there and cannot be used. It says which and why, to whoever is at the machine."""


def unusable(path: Path, reason: str) -> Unusable:
    """Return the error for a file that is there and cannot be used."""
    return Unusable(
        f"Nobody can sign in: {path} cannot be used, {reason}.",
        hint="Mend it, or restore it from your records. It must be a plain file that belongs to the service's user, "
        "of mode 0600.",
    )


def _check(path: Path, descriptor: int) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise unusable(path, "it is no plain file")
    if found.st_uid not in (os.geteuid(), 0):
        raise unusable(path, f"it belongs to another user (number {found.st_uid})")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise unusable(path, f"others may write to it (mode {stat.S_IMODE(found.st_mode):04o})")
    if stat.S_IMODE(found.st_mode) & ~MODE:
        with suppress(PermissionError):  # it belongs to root, who lets us read it
            os.fchmod(descriptor, MODE)


def _state(path: Path) -> object:
    try:
        found = os.lstat(path)
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns, found.st_ctime_ns
