"""What the server sees where sets were written.

Files are opened by the server's service account (HEADERONLY), which takes the right to create databases and no other.
Where there is no time for all of them, it is asked of the others whether they exist. A plain "no" to that proves
nothing: a login that may not look, and a share that is away for a moment, get the same. It counts only where the
directory is seen. Nor does a "yes" prove anything: what is inside is known of a file that was opened, and of no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pwsops.engines.sqlserver import directory, media
from pwsops.engines.sqlserver.answers import is_answer
from pwsops.engines.sqlserver.directory import Existence
from pwsops.engines.sqlserver.errors import system_error
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupSet, MediaState, Sighting

FILES_OPENED = 12
"""So many files are opened in one look, whatever time it takes."""
OPENING_S = 10.0
"""For so long more are opened."""
OPEN_LIMIT_S = 15
DISK = 2
NAMED = 100
"""Added to the type of a device that has a name on the server."""
PLACES = ("http://", "https://", "s3://")
DAMAGED = (3241, 3242, 3243, 3254, 3256, 3266)
"""What the server says of a file that is no backup, or not whole."""
GONE = 2
"""What the operating system says of a file that is not there, in a directory that is."""

Content = list[tuple[int, str, bool]]
"""Position, identity and damage of each set in a file."""
WORST_FIRST = (
    MediaState.MISSING,
    MediaState.DAMAGED,
    MediaState.OTHER,
    MediaState.UNKNOWN,
    MediaState.PRESENT,
)
"""Of the files of one set the worst counts."""


def look_for(link: Link, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
    """Return one sighting for each set, by its `set_id`. A stripe that is missing makes the whole set missing.

    Sets are left out where there was no time to open all of their files, and none of those is known to be gone or bad.
    """
    look = _Look(link)
    found = {each.set_id: look.at(each) for each in sets}
    return {set_id: sighting for set_id, sighting in found.items() if sighting is not None}


class _Look:
    """One look at many sets: each file is asked for once."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._contents: dict[str, Content | Sighting] = {}
        self._existences: dict[str, Existence | None] = {}
        self._began = link.clock.monotonic()
        self._shut = ""
        """Why this login can have no file opened."""

    def at(self, backup_set: BackupSet) -> Sighting | None:
        """Return what is found of a set; None where there was no time to find out."""
        if _is_elsewhere(backup_set):
            return Sighting(state=MediaState.ELSEWHERE, reason="it lies elsewhere and was not checked")
        if backup_set.details.get("is_damaged"):
            return Sighting(state=MediaState.DAMAGED, reason="the database in it was damaged when it was taken")
        files = [self._file(each, backup_set) for each in media.devices_of(backup_set)]
        worst = min((each for each in files if each is not None), key=_badness, default=None)
        if None in files and (worst is None or worst.state is MediaState.PRESENT):
            return None
        if worst is not None and worst.state is MediaState.MISSING:
            some = any(each is None or each.state is not MediaState.MISSING for each in files)
            return replace(worst, is_partly_there=some)
        return worst

    def _file(self, path: str, backup_set: BackupSet) -> Sighting | None:
        content = self._content(path)
        if isinstance(content, list):
            return _compared(path, content, backup_set)
        if content is not None and content.state is MediaState.DAMAGED:
            return content
        exists = self._existence(path)
        if exists is not None and not exists.is_file:
            return _absent(path, exists)
        if content is not None:
            return content
        if exists is None:
            return _unknown(f"the server does not tell this login whether {path} is there")
        return None

    def _content(self, path: str) -> Content | Sighting | None:
        """Open a file; None where enough have been opened."""
        if path not in self._contents and self._has_time() and not self._shut:
            try:
                self._contents[path] = [
                    (row.Position, str(row.BackupSetGUID).upper(), bool(row.IsDamaged))
                    for row in media.headers(self._link, path, timeout_s=OPEN_LIMIT_S)
                ]
            except PwsopsError as error:
                if is_answer(error):
                    self._contents[path] = _unopened(path, error)
                elif error.transient:
                    raise
                else:
                    self._shut = error.message
        return _unknown(self._shut) if self._shut else self._contents.get(path)

    def _has_time(self) -> bool:
        if len(self._contents) < FILES_OPENED:
            return True
        return self._link.clock.monotonic() - self._began < OPENING_S

    def _existence(self, path: str) -> Existence | None:
        if path not in self._existences:
            self._existences[path] = directory.existence(self._link, path)
        return self._existences[path]


def _unknown(reason: str) -> Sighting:
    return Sighting(state=MediaState.UNKNOWN, reason=reason)


def _missing(path: str) -> Sighting:
    return Sighting(state=MediaState.MISSING, reason=f"{path} is not there any more")


def _absent(path: str, exists: Existence) -> Sighting:
    """Return whether a file is gone, or its directory away for a moment or for good."""
    return _missing(path) if exists.has_parent else _unknown(f"the server does not see the directory of {path} now")


def _unopened(path: str, error: PwsopsError) -> Sighting:
    if system_error(error.messages) == GONE:
        return _missing(path)
    if error.number in DAMAGED:
        return Sighting(state=MediaState.DAMAGED, reason=f"{path} is no backup any more, or not whole")
    return _unknown(f"{path} could not be looked into: {error.message}")


def _compared(path: str, found: Content, backup_set: BackupSet) -> Sighting:
    for position, set_id, is_damaged in found:
        if (position, set_id) == (backup_set.position, backup_set.set_id.upper()):
            if is_damaged:
                reason = f"the database in {path} was damaged when it was taken"
                return Sighting(state=MediaState.DAMAGED, reason=reason)
            return Sighting(state=MediaState.PRESENT)
    holds = [set_id for _, set_id, _ in found]
    return Sighting(state=MediaState.OTHER, reason=f"{path} holds another backup now", holds=holds)


def _badness(sighting: Sighting) -> int:
    return WORST_FIRST.index(sighting.state)


def _is_elsewhere(backup_set: BackupSet) -> bool:
    kind = backup_set.details.get("device_type", DISK)
    on_disk = kind % NAMED == DISK and not backup_set.details.get("is_snapshot")
    return not on_disk or not backup_set.path or backup_set.path.lower().startswith(PLACES)
