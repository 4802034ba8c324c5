"""The heads of the audit log outside of the catalogue: in a file that only grows, and in the system's journal.

A head is the number and the digest of the newest entry. A person who can write the catalogue can cut,
rewrite or replace the log in it; the heads that left the home before still tell what it was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import structlog

from pwsops.heads import journal
from pwsops.heads.file import HeadFile
from pwsops.heads.places import DEFAULT, Places, read_places
from pwsops.rules.audit import Head, HeadSource

__all__ = ["Heads", "Places"]

MOST_FORMER = 20
"""So many former files are compared with."""
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
        self._problem = ""
        self.default = home / DEFAULT
        self.noted = ""
        """The file that the log is known to say heads go to; empty: that was not looked for yet."""

    @property
    def problem(self) -> str:
        """Why the newest head could not be written by this process; empty: it could, or there was none."""
        return self._problem

    def places(self) -> Places:
        """Return where heads go, as the configuration says now."""
        return read_places(self._home)

    def write(self, head: Head) -> None:
        """Write a head to every place. Never raises: what it is about is done. See `problem`."""
        with self._lock:
            places = self.places()
            first = min(head.first, self._unwritten or head.first)
            whole = Head(first=first, entry=head.entry, digest=head.digest, at=head.at)
            size, problem = 0, ""
            try:
                size = HeadFile(places.file).append(self._home, whole)
                self._unwritten = None
            except OSError as error:
                self._unwritten = first
                problem = f"{places.file} cannot be written: {error.strerror or error}"
            if places.journal:
                problem = "; ".join(filter(None, [problem, journal.write(self._home, whole, file_bytes=size)]))
            if problem and problem != self._problem:
                _log.error("the head of the audit log could not be told", entry=head.entry, reason=problem)
            self._problem = problem

    def leave(self, file: Path, head: Head) -> None:
        """Write a head to a file that none goes to from then on, where it is there: it is of the entry that says so."""
        if HeadFile(file).size():
            with suppress(OSError):
                HeadFile(file).append(self._home, head)

    def is_known(self) -> bool:
        """Whether the file of heads has any: then the log has begun before."""
        places = self.places()
        files = {places.file, self._home / DEFAULT}
        return any(HeadFile(path).size() for path in files)

    def read(self, *, noted: Iterable[str] = (), given: Iterable[Path] = ()) -> Sequence[HeadSource]:
        """Return the heads of every place where there may be some, whatever the configuration says now.

        Parameters
        ----------
        noted
            Files that heads went to, as the log says.
        given
            Files that whoever asks knows to have heads of this home.
        """
        place = self.places().file
        noted_here = journal.read(self._home)
        sizes: Mapping[str, int] = {} if noted_here is None else noted_here.file_bytes
        found = [HeadFile(place).read(self._home, complete=True, at_least_bytes=sizes.get(str(place), 0))]
        former = dict.fromkeys([*noted, *sizes])
        if HeadFile(self.default).size():
            former[str(self.default)] = None
        asked = dict.fromkeys(map(str, given))
        for name in [*islice((path for path in former if path not in asked), MOST_FORMER), *asked]:
            if name != str(place):
                at_least, chosen = sizes.get(name, 0), name in asked
                found.append(HeadFile(Path(name)).read(self._home, at_least_bytes=at_least, former=True, chosen=chosen))
        if noted_here is not None:
            found.append(noted_here.source)
        return found
