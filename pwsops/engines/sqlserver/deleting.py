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
    for one in sets:
        if one.path not in gone:
            gone[one.path] = _delete(link, one.path, [each for each in sets if each.path == one.path])
    return [gone[one.path] for one in sets]


def _delete(link: Link, path: str, wanted: Sequence[BackupSet]) -> Deletion:
    devices = dict.fromkeys(device for one in wanted for device in media.devices_of(one))
    for device in dict.fromkeys([*devices, *paths.siblings(path)]):
        if reason := _why_kept(link, device, wanted):
            return Deletion(path=path, deleted=False, reason=reason)
    return directory.delete(link, [path])[0]


def _why_kept(link: Link, device: str, wanted: Sequence[BackupSet]) -> str:
    """Return why a file is not, or cannot be seen to be, one that holds those sets alone; empty: it is."""
    if not paths.is_media(device):
        return ""  # the answer to that comes with the deletion
    if directory.exists(link, device) is False:
        return "the server does not see it"
    try:
        rows = media.headers(link, device)
    except PwsopsError as error:
        return f"what is in it cannot be read: {error.message}"
    known = {(one.position, one.set_id.upper()) for one in wanted}
    for row in rows:
        if (row.Position, str(row.BackupSetGUID).upper()) not in known:
            return f"{device} holds another backup than the one that was recorded: one of {row.DatabaseName}"
    return ""
