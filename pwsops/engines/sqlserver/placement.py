"""Where the files of a restored database go: onto those of the database that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pwsops.engines.sqlserver import paths

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
PRIMARY = ".mdf"
EXTENSIONS = {"D": ".ndf", "L": ".ldf"}
TYPES = {"ROWS": "D", "LOG": "L", "FILESTREAM": "S", "FULLTEXT": "F"}
"""A backup's word for the type of a file, by the server's."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a database: D rows, L log, S file stream."""

    logical: str
    type: str
    path: str
    size_bytes: int = 0


def place(
    files: Sequence[File],
    existing: Sequence[File],
    *,
    flavour: str,
    database: str,
    token: str,
    folders: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """Return the path of each file of the backup, by its logical name.

    Files go onto those of the same name and type, so that a database that got or lost a file since keeps its disks;
    others onto what is left of the same type, in order. Where the backup has more of them, the rest goes beside the
    first one, under names that nothing can have already.

    Parameters
    ----------
    files
        The files in the backup.
    existing
        Those of the database that is replaced.
    flavour
        How paths are built.
    database, token
        What new names are made of; the token was never used before.
    folders
        By type, where the files of a database go that is not there yet; others go where the rows go.
    """
    known = {(file.type, file.logical): file.path for file in existing}
    places = {file.logical: known[file.type, file.logical] for file in files if (file.type, file.logical) in known}
    beside: dict[str, str] = dict(folders or {})
    free: dict[str, list[str]] = {}
    for file in existing:
        beside.setdefault(file.type, paths.split(flavour, file.path)[0])
        if file.path not in places.values():
            free.setdefault(file.type, []).append(file.path)
    somewhere = next(iter(beside.values()), "")
    for number, file in enumerate(files, start=1):
        left = free.get(file.type)
        if file.logical in places:
            continue
        if left:
            places[file.logical] = left.pop(0)
        else:
            first = folders is not None and file.type == "D" and "D" not in {each.type for each in files[: number - 1]}
            extension = PRIMARY if first else EXTENSIONS.get(file.type, "")
            name = f"{_UNSAFE.sub('_', database)[:80]}_{token}_{number}{extension}"
            places[file.logical] = paths.join(flavour, beside.get(file.type, somewhere), name)
    return places
