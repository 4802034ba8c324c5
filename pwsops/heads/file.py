"""The file of heads: a JSON object a line, and it only grows."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pwsops.rules.audit import Head, HeadSource

MODE = 0o600
# A pipe must not hold anybody up, and a link must not lead elsewhere.
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# ioctl_iflags(2): FS_IOC_GETFLAGS of 64-bit Linux, and FS_APPEND_FL.
_GET_FLAGS = 0x80086601
_APPEND_ONLY = 0x20


class HeadFile:
    """One file. It is opened for each line: whoever replaces it is written to as well, and that shows.

    Parameters
    ----------
    path
        Where; its directory has to be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, home: Path, head: Head) -> int:
        """Add a line and return how long the file is then; raises `OSError`."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, MODE)
        try:
            before = _plain(descriptor, self._path)
            if before.st_mode & 0o077:
                with suppress(PermissionError):  # its owner's to mend: the doctor tells
                    os.fchmod(descriptor, MODE)
            # What is written at once is not mixed with what other processes write.
            line = f"{line_of(home, head, bytes=before.st_size)}\n".encode()
            if os.write(descriptor, line) != len(line):
                raise OSError(None, "the line was written in part only")
            os.fdatasync(descriptor)
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def only_grows(self) -> bool | None:
        """Whether the file system lets this user do nothing but append (`chattr +a`); None: it does not tell."""
        flags = bytearray(8)
        try:
            descriptor = os.open(self._path, os.O_RDONLY | _FLAGS)
        except OSError:
            return None
        try:
            import fcntl

            fcntl.ioctl(descriptor, _GET_FLAGS, flags)
        except (ImportError, OSError):
            return None
        finally:
            os.close(descriptor)
        return bool(int.from_bytes(flags, sys.byteorder) & _APPEND_ONLY) and os.geteuid() != 0

    def size(self) -> int:
        """Return how long it is; 0 where it is not there."""
        try:
            return self._path.lstat().st_size
        except OSError:
            return 0

    def read(
        self,
        home: Path,
        *,
        complete: bool = False,
        at_least_bytes: int = 0,
        former: bool = False,
        chosen: bool = False,
    ) -> HeadSource:
        """Return its heads, and what shows that it was shortened.

        Parameters
        ----------
        home
            Whose heads; those of other homes in the same file are left aside.
        complete
            Whether the head of every entry belongs there.
        at_least_bytes
            So long it was once.
        former
            Whether it had heads once: where it is not there, it could not be read.
        chosen
            Whether it was chosen for this home: a file with heads of one home alone has them under a former path too.
        """
        name = str(self._path)
        try:
            content = self._content()
        except FileNotFoundError:
            if former:
                return HeadSource(name=name, not_asked="it is gone, or was moved.")
            lost = [f"{name} is gone: it held {at_least_bytes} bytes."] if at_least_bytes else []
            return HeadSource(name=name, lost=lost, complete=complete)
        except OSError as error:
            return HeadSource(name=name, not_asked=f"{error.strerror or error}.", complete=complete)
        heads, lost = dict[str, list[Head]](), list[str]()
        own = self._path.parent == home  # a home that was moved keeps its heads
        if len(content) < at_least_bytes:
            lost.append(f"{name} was shortened: it held {at_least_bytes} bytes and holds {len(content)}.")
        for place, line in _lines(content):
            try:
                of, head, before = parse(line)
            except (ValueError, TypeError, KeyError):
                lost.append(f"{name} is damaged: its line at byte {place} is no head.")
                continue
            if before > place:
                lost.append(f"{name} was shortened before its line at byte {place}, which was written at {before}.")
            heads.setdefault(name_of(home) if own else of, []).append(head)
        of = next(iter(heads)) if chosen and len(heads) == 1 else name_of(home)
        return HeadSource(name=name, heads=heads.get(of, []), lost=lost[:3], complete=complete)

    def _content(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | _FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            _plain(descriptor, self._path)
            return file.read()


def line_of(home: Path, head: Head, **more: object) -> str:
    """Return what is written of a head, in one line of JSON."""
    fields = {"at": head.at.isoformat(), "home": name_of(home), "first": head.first, "entry": head.entry}
    return json.dumps({**fields, "digest": head.digest, **more})


def name_of(home: Path) -> str:
    """Return what heads call a home: one name, however its path is spelled."""
    return os.path.realpath(home)


def parse(line: str | bytes) -> tuple[str, Head, int]:
    """Return whose head a line has, the head, and its `bytes`; raises `ValueError`, `TypeError` or `KeyError`."""
    fields = json.loads(line)
    at = datetime.fromisoformat(fields["at"])
    head = Head(first=int(fields["first"]), entry=int(fields["entry"]), digest=str(fields["digest"]), at=at)
    if at.tzinfo is None or not 0 < head.first <= head.entry:
        raise ValueError(line)
    return str(fields["home"]), head, int(fields["bytes"])


def _plain(descriptor: int, path: Path) -> os.stat_result:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(None, f"{path} is no plain file")
    return found


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    for line in content.splitlines(keepends=True):
        yield place, line
        place += len(line)
