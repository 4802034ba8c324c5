"""Which file a backup is written to, so that there is no moment without a valid backup."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.engines.requests import BackupRequest
from pwsops.engines.sqlserver import directory, ownership, paths
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.ownership import Holding, Owner, Standing
from pwsops.errors import Conflict
from pwsops.rules.model import BackupSet

NAMES = 20
"""So many names are tried: the one asked for, and those with a number behind it."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a backup goes.

    Parameters
    ----------
    path
        What stands for it; `devices` are its stripes, or it alone.
    fresh
        Whether what is in the files may go: each was proven to be ours.
    older
        Paths of media that this backup replaces, once it is proven good.
    notes
        What has to be said of it.
    finished
        The set, where an attempt before this one has finished it.
    in_use
        Whether a file under one of the names is being written now.
    """

    path: str
    devices: Sequence[str]
    fresh: bool = False
    older: Sequence[str] = ()
    notes: Sequence[str] = ()
    finished: BackupSet | None = None
    in_use: bool = False


@dataclass(frozen=True, kw_only=True)
class _Place:
    """One name, with what lies under it. `lost`: the sets of which nothing can be restored."""

    devices: Sequence[str]
    holdings: Sequence[Holding]
    lost: Collection[str]

    @property
    def path(self) -> str:
        return self.devices[0]

    @property
    def is_free(self) -> bool:
        return all(each.standing is Standing.ABSENT for each in self.holdings)

    @property
    def is_ours(self) -> bool:
        return all(each.standing in (Standing.OURS, Standing.UNFINISHED) for each in self.holdings)

    @property
    def is_known(self) -> bool:
        """Whether finished backups can be read in it."""
        return any(each.written for each in self.holdings)

    @property
    def reason(self) -> str:
        known = (each.reason for each in self.holdings if each.reason)
        return next(known, "some of its stripes are missing")

    @property
    def finished(self) -> BackupSet | None:
        return self.holdings[0].finished

    @property
    def newest(self) -> BackupSet | None:
        """The newest set of some use."""
        useful = (each for each in self.holdings[0].sets if each.set_id not in self.lost)
        return max(useful, key=_age, default=None)


def choose(link: Link, request: BackupRequest, owner: Owner) -> Target:
    """Choose the file.

    Raises
    ------
    Conflict
        Where every name is taken by what is not provably ours; also where all are but that of the one backup of use,
        which a new one would be written over before it is proven.
    """
    directory.require_absolute(link, request.directory)
    usable: list[_Place] = []
    taken: list[_Place] = []
    for place in _places(link, request, owner):
        if place.finished is not None:
            return Target(path=place.path, devices=place.devices, finished=place.finished)
        if not request.overwrite and place.is_known:
            raise Conflict(
                f"The backup file {place.path} exists already.",
                hint="Choose another name, or switch the date in the file name on.",
            )
        fits = place.is_free or place.is_ours
        (usable if fits else taken).append(place)
        if len(usable) == (2 if request.overwrite else 1):
            break
    notes = [f"{each.path} stays as it is, and another name is used: {each.reason}." for each in taken]
    in_use = any(holding.in_use for each in taken for holding in each.holdings)
    if not usable:
        raise _no_name(request, taken)
    first = usable[0]
    second = usable[1] if len(usable) > 1 else None
    if second is None and first.newest is not None:
        raise _no_second_name(request, first, taken)
    target, older = (first, second) if second is None or not _stays(first, second) else (second, first)
    replaced = () if older is None or not older.holdings[0].sets else (older.path,)
    return Target(
        path=target.path, devices=target.devices, fresh=not target.is_free, older=replaced, notes=notes, in_use=in_use
    )


def _no_name(request: BackupRequest, taken: Sequence[_Place]) -> Conflict:
    return Conflict(
        f"The backup of {request.database} has no name to go to: {taken[0].path} and {len(taken) - 1} names like it "
        f"are taken: {taken[0].reason}.",
        hint="Delete on the server what is of no use there, or choose another directory.",
    )


def _no_second_name(request: BackupRequest, only: _Place, taken: Sequence[_Place]) -> Conflict:
    return Conflict(
        f"The backup of {request.database} has no second name to go to: {only.path} has the last one, which stays "
        f"until the next is proven, and all names like it are taken, such as {taken[0].path}: {taken[0].reason}.",
        hint="Delete on the server what is of no use there, choose another directory, or let the date be added to the "
        "file names.",
    )


def _stays(one: _Place, other: _Place) -> bool:
    """Whether the first of two files has to stay until the new backup is proven: it is the newer one."""
    newest, second = one.newest, other.newest
    return newest is not None and (second is None or _age(second) < _age(newest))


def _age(backup_set: BackupSet) -> tuple[datetime, int]:
    """Order by time, which the server keeps in whole seconds, and within one by how far the log had come."""
    return backup_set.finished_at, int(backup_set.details["last_lsn"])


def _places(link: Link, request: BackupRequest, owner: Owner) -> Iterator[_Place]:
    """Look at one name after the other. Each stripe is a file of its own, which may be somebody else's."""
    path = paths.join(link.server().flavour, request.directory, request.file_name)
    for number in range(1, NAMES + 1):
        devices = paths.stripes(path if number == 1 else paths.alternate(path, number), request.stripes)
        yield _Place(devices=devices, holdings=[_holding(link, device, owner) for device in devices], lost=owner.lost)


def _holding(link: Link, device: str, owner: Owner) -> Holding:
    # Where a look at the directory misses a file, the backup is added to what is in it, which destroys nothing.
    if directory.exists(link, device) is False:
        return Holding(standing=Standing.ABSENT)
    return ownership.look(link, device, owner)


def is_still_ours(link: Link, path: str, owner: Owner) -> str:
    """Look again right before a file is deleted; return why it must stay, or nothing."""
    for device in paths.siblings(path):
        holding = ownership.look(link, device, owner)
        if holding.standing not in (Standing.OURS, Standing.ABSENT):
            return holding.reason or "it is being written"
    return ""


def holds_only(link: Link, device: str, owner: Owner) -> bool:
    """Whether nothing is in a file but what this very backup wrote, finished or not."""
    if directory.exists(link, device) is False:
        return False
    holding = ownership.look(link, device, owner)
    return holding.standing is Standing.UNFINISHED or holding.written == {(owner.description, owner.database)}
