"""Which file a backup is written to, so that there is no moment without a valid backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.engines.base import BackupRequest
from pwsops.engines.sqlserver import directory, media, paths
from pwsops.engines.sqlserver.errors import system_error
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import Conflict, MediaError
from pwsops.rules.model import BackupSet

NO_BACKUP = (3189, 3241, 3242, 3254, 3256, 3266)
NOT_THERE = (2, 3, 38)
"""What the operating system says: no such file, no such directory, ended too soon."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a backup goes.

    Parameters
    ----------
    path
        What stands for it; `devices` are its stripes, or it alone.
    fresh
        Whether what is in the files may go.
    ours
        Whether nothing but this backup is in them afterwards, so that they may be deleted if it fails.
    older
        Paths of media that this backup replaces, once it is proven good.
    note
        What has to be said of it.
    """

    path: str
    devices: Sequence[str]
    fresh: bool = False
    ours: bool = True
    older: Sequence[str] = ()
    note: str = ""


def choose(link: Link, request: BackupRequest) -> Target:
    """Choose the file; raises `Conflict` where the name is taken and may not be overwritten."""
    directory.require_absolute(link, request.directory)
    path = paths.join(link.server().flavour, request.directory, request.file_name)
    first, second = (paths.stripes(each, request.stripes) for each in (path, paths.alternate(path)))
    return _alternate(link, first, second) if request.overwrite else _new(link, first, second)


def _new(link: Link, first: Sequence[str], second: Sequence[str]) -> Target:
    there = directory.exists(link, first[0])
    if not there:
        # Where nobody can say, the backup is added to what may be there, which destroys nothing.
        return Target(path=first[0], devices=first, ours=there is False)
    for taken in (first[0], second[0]):
        if directory.exists(link, taken) is not False and _sets(link, taken):
            raise Conflict(
                f"The backup file {taken} exists already.",
                hint="Choose another name, or switch the date in the file name on.",
            )
    # A file that holds no finished set is what an attempt before this one left behind.
    note = f"{first[0]} was left unfinished and could not be deleted; delete it on the server"
    return Target(path=second[0], devices=second, fresh=True, note=note)


def _alternate(link: Link, first: Sequence[str], second: Sequence[str]) -> Target:
    """Take the one of the two files whose loss does not matter: not there, no backup, or the older."""
    one, two = _newest(link, first[0]), _newest(link, second[0])
    if one is not None and (two is None or _age(two) < _age(one)):
        return Target(path=second[0], devices=second, fresh=True, older=(first[0],))
    return Target(path=first[0], devices=first, fresh=True, older=() if two is None else (second[0],))


def _newest(link: Link, path: str) -> BackupSet | None:
    return max(_sets(link, path), key=_age, default=None)


def _age(backup_set: BackupSet) -> tuple[datetime, int]:
    """Order by time, which the server keeps in whole seconds, and within one by how far the log had come."""
    return backup_set.finished_at, int(backup_set.details["last_lsn"])


def holds_others(link: Link, target: Target, description: str) -> bool:
    """Whether sets that a backup of this description did not write are in its file still."""
    return any(each.description != description for each in _sets(link, target.path))


def _sets(link: Link, path: str) -> list[BackupSet]:
    """Give the sets of a file; none where it is not there or is no backup.

    That is asked of the one who reads files, the server's service account, since a look at the directory may miss them.
    A file that merely cannot be read now, because it is in use or its share went away, may be the best backup there
    is: that is raised.
    """
    try:
        return media.read(link, path)
    except MediaError as error:
        if error.number in NO_BACKUP or system_error(error.messages) in NOT_THERE:
            return []
        raise
