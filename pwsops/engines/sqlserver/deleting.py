"""Deleting media files: a file goes only where nothing is in it but the very sets that are to go."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.engines.requests import Deletion
from pwsops.engines.sqlserver import directory, media, paths
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupSet


def delete(link: Link, sets: Sequence[BackupSet]) -> list[Deletion]:
    """Delete the files of sets, with all their stripes; return what went, what stayed and why, one answer for each."""
    gone: dict[str, Deletion] = {}
    for backup_set in sets:
        if backup_set.path not in gone:
            gone[backup_set.path] = _delete(
                link, backup_set.path, [each for each in sets if each.path == backup_set.path]
            )
    return [gone[backup_set.path] for backup_set in sets]


def _delete(link: Link, path: str, sets: Sequence[BackupSet]) -> Deletion:
    devices = dict.fromkeys(device for backup_set in sets for device in media.devices_of(backup_set))
    every = dict.fromkeys([*devices, *paths.siblings(path)])
    there = [device for device in every if directory.exists(link, device) is not False]
    if not there:
        return Deletion(path=path, deleted=False, reason=directory.UNSEEN)
    # Of a set whose deletion was broken off some stripes are gone; the others go now.
    for device in there:
        if reason := _why_kept(link, device, sets):
            return Deletion(path=path, deleted=False, reason=reason)
    return directory.delete(link, [path])[0]


def _why_kept(link: Link, device: str, sets: Sequence[BackupSet]) -> str:
    """Return why a file is not, or cannot be seen to be, one that holds those sets alone; empty: it is."""
    if not paths.is_media(device):
        return ""  # the answer to that comes with the deletion
    try:
        rows = media.headers(link, device)
    except PwsopsError as error:
        return f"what is in it cannot be read: {error.message}"
    known = {(backup_set.position, backup_set.set_id.upper()) for backup_set in sets}
    for row in rows:
        if (row.Position, str(row.BackupSetGUID).upper()) not in known:
            return f"{device} holds another backup than the one that was recorded: one of {row.DatabaseName}"
    return ""
