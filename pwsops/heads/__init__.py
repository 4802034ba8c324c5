"""The heads of the audit log outside of the catalogue: in a file that only grows, and in the system's journal.

A head is the number and the digest of the newest entry. Whoever can write the catalogue can cut, rewrite or replace the
log in it; the heads that left the home before still tell what it was.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from pwsops.heads import journal
from pwsops.heads.file import HeadFile
from pwsops.heads.places import DEFAULT, Places, read_places
from pwsops.rules.audit import Head, HeadSource

__all__ = ["Heads", "Places"]

_log = structlog.get_logger()


class Heads:
    """Writes and reads the heads of one home's log.

    Parameters
    ----------
    home
        Its directory; `audit.toml` in it says where heads go.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._unwritten: int | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the newest head could not be written by this process; empty: it could, or there was none."""
        return self._trouble

    def places(self) -> Places:
        """Return where heads go, as the configuration says now."""
        return read_places(self._home)

    def write(self, head: Head) -> None:
        """Tell a head to every place. Never raises: what it tells of is done. See `trouble`."""
        with self._lock:
            places = self.places()
            first = min(head.first, self._unwritten or head.first)
            whole = Head(first=first, entry=head.entry, digest=head.digest, at=head.at)
            size, trouble = 0, ""
            try:
                size = HeadFile(places.file).append(self._home, whole)
                self._unwritten = None
            except OSError as error:
                self._unwritten = first
                trouble = f"{places.file} cannot be written: {error.strerror or error}"
            if places.journal:
                trouble = "; ".join(filter(None, [trouble, journal.write(self._home, whole, file_bytes=size)]))
            if trouble and trouble != self._trouble:
                _log.error("the head of the audit log could not be told", entry=head.entry, reason=trouble)
            self._trouble = trouble

    def is_known(self) -> bool:
        """Whether the file of heads has any: then the log has begun before."""
        places = self.places()
        files = {places.file, self._home / DEFAULT}
        return any(HeadFile(path).size() for path in files)

    def read(self) -> Sequence[HeadSource]:
        """Return the heads of every place where there may be some."""
        places = self.places()
        told = journal.read(self._home) if places.journal else None
        at_least = 0 if told is None else told.file_bytes.get(str(places.file), 0)
        found = [HeadFile(places.file).read(self._home, complete=True, at_least_bytes=at_least)]
        former = self._home / DEFAULT
        if former != places.file and HeadFile(former).size():
            found.append(HeadFile(former).read(self._home))
        if told is not None:
            found.append(told.source)
        return found
