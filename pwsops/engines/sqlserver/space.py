"""Whether the server's disks have room for what a restore will write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pwsops.engines.sqlserver import paths, queries
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.engines.sqlserver.placement import File
from pwsops.errors import NoSpace
from pwsops.rules.formatting import size

NO_SPACE = 3257
"""The number under which the server itself refuses such a restore."""


def require(
    link: Link,
    database: str,
    files: Sequence[File],
    places: Mapping[str, str],
    existing: Sequence[File],
    spare_bytes: int = 0,
) -> str:
    """Refuse a restore whose files are larger than what is free where they go, and what they replace there.

    `spare_bytes`: what has to stay free beside them.

    Returns
    -------
    str
        What could not be looked up, as a sentence; empty where everything was.
    """
    context = link.context(f"Looking for space for {database}", database=database)
    rows = link.attempt(context, queries.VOLUMES)
    if isinstance(rows, NotAsked):
        return f"Whether the disks have room for {database} could not be looked up, because {rows.why}."
    free = {row.volume_mount_point: int(row.available_bytes) for row in rows}
    flavour = link.server().flavour
    lacking = dict.fromkeys(free, 0)
    for path, size_bytes in (
        *((places[file.logical], file.size_bytes) for file in files),
        *((file.path, -file.size_bytes) for file in existing),
    ):
        volume = _volume(flavour, path, free)
        if volume is not None:
            lacking[volume] += size_bytes
    for volume, more in lacking.items():
        needed = more + spare_bytes if more > 0 else more
        if needed > free[volume]:
            raise NoSpace(
                f"Restoring {database} on {link.instance.name} is not possible: the disk {volume} has no space for "
                f"what the backup holds: {size(needed)} more are needed, "
                f"{size(free[volume])} are free.",
                hint="Free space there, or move the database's files to a larger disk first.",
                number=NO_SPACE,
            )
    return ""


def _volume(flavour: str, path: str, volumes: Mapping[str, int]) -> str | None:
    """Return the innermost mount point that a file lies under; None on a disk that holds no database."""
    above = [each for each in volumes if _key(flavour, path).startswith(_key(flavour, each))]
    return max(above, key=len, default=None)


def _key(flavour: str, path: str) -> str:
    """Return a path as it is compared, with a separator at its end: ``/var`` holds nothing of ``/various``."""
    if flavour == paths.WINDOWS:
        return path.replace("/", "\\").casefold().rstrip("\\") + "\\"
    return path.rstrip("/") + "/"
