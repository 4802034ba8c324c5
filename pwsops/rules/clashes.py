"""Which profiles would meet in one media file. Only names without a date can: those with one are never the same."""

from __future__ import annotations

import ntpath
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pwsops.rules.model import BackupKind
from pwsops.rules.naming import media_file_name

_WINDOWS = re.compile(r"[A-Za-z]:|[\\/]{2}")
_HERE = ("", ".", "(local)", "localhost", "127.0.0.1", "::1")


class Place(NamedTuple):
    """A directory as far as its text tells: two that are equal are one. `host` is empty on this machine."""

    host: str
    path: str


def place(host: str, directory: str) -> Place:
    r"""Return what identifies a directory on a machine.

    Parameters
    ----------
    host
        Whose directory it is. A share (``\\server\share``) is the same from everywhere.
    directory
        Absolute. Windows does not tell upper from lower case.
    """
    host = "" if host.lower() in _HERE else host.lower()
    if not _WINDOWS.match(directory):
        return Place(host, posixpath.normpath(directory))
    path = ntpath.normcase(ntpath.normpath(directory))
    return Place("" if path.startswith("\\\\") else host, path)


def folded(name: str) -> str:
    """Return what two names have in common that some file system takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


def fixed_names(databases: Iterable[str], *, incremental: bool) -> Mapping[str, tuple[str, str]]:
    """Return (media file, database) by the folded name of the media file, for backups whose names have no date."""
    kinds = (BackupKind.FULL, BackupKind.DIFFERENTIAL) if incremental else (BackupKind.FULL,)
    named = (
        (media_file_name(database, kind, at=None, suffix=""), database) for database in databases for kind in kinds
    )
    return {folded(name): (name, database) for name, database in named}


def meeting(databases: Iterable[str]) -> tuple[str, str] | None:
    """Return two of these databases whose backups some file system takes for one file, where names have no date."""
    seen: dict[str, str] = {}
    for database in databases:
        key = folded(media_file_name(database, BackupKind.FULL, at=None, suffix=""))
        if key in seen:
            return seen[key], database
        seen[key] = database
    return None


def shared(one: Mapping[str, tuple[str, str]], other: Mapping[str, tuple[str, str]]) -> Sequence[str]:
    """Return the folded names that both have, in the order of the first."""
    return [name for name in one if name in other]
