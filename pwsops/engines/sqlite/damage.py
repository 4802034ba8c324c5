"""What becomes of a backup whose database was found damaged: it is kept under a name of its own, for rescue only."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from pwsops import foreign
from pwsops.engines.sqlite import publishing
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.publishing import Say
from pwsops.errors import DatabaseDamaged, MediaError, PwsopsError
from pwsops.rules.naming import damaged_file_name

SHOWN = 3
"""How many findings the error itself names; the messages have them all."""


class Order(Protocol):
    """What this module reads of an order."""

    @property
    def database(self) -> str:
        """What it is called."""

    @property
    def directory(self) -> str:
        """Where the media lie."""

    @property
    def set_id(self) -> str:
        """The name of this very backup."""


_NAME = re.compile(r".*_DAMAGED_\d{8}T\d{6}Z_[0-9a-f]{8}\.bak")


def mark(path: str) -> str:
    """Return what says in a file, to us alone, which database of which machine it was read from."""
    place = "\0".join((platform.node(), os.path.realpath(path)))
    return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()


def refuse(media: Media) -> None:
    """Raise `MediaError` for a file that was read from a damaged database."""
    if media.trailer.damaged is not None:
        raise MediaError(
            f"{media.path} was read from a database that was damaged already; it is no backup.",
            hint="Choose a good backup. recover.py beside it writes it into a new file, for what can be rescued.",
            path=media.path,
        )


def keep(temp: str, directory: str, database: str, *, at: datetime, suffix: str, say: Say) -> str:
    """Publish a finished file of a damaged database; return its path.

    The first one of this database stays, which may hold what was lost since; those between that and the new one go.
    """
    with Media(temp) as media:
        marked = media.trailer.damaged
    kept = os.path.join(directory, damaged_file_name(database, at=at, suffix=suffix))
    publishing.new(temp, kept, say)
    older_ones = [path for path in _of_same_database(directory, database, marked) if path != kept]
    for older in sorted(older_ones, key=os.path.getmtime)[1:]:
        with suppress(OSError):  # it is no backup, and the next one tries again
            foreign.unlink(older)
        say(f"{older} was removed: it was read from the damaged database, too, and was neither the first nor the last.")
    return kept


def _of_same_database(directory: str, database: str, marked: str | None) -> list[str]:
    with os.scandir(directory) as entries:
        named = [entry.path for entry in entries if _NAME.fullmatch(entry.name) and entry.is_file()]
    return [path for path in named if _is_of(path, database, marked)]


def _is_of(path: str, database: str, marked: str | None) -> bool:
    try:
        with Media(path) as media:
            return marked is not None and (media.header.database, media.trailer.damaged) == (database, marked)
    except MediaError:
        return False


def refusal(order: Order, temp: str, findings: Sequence[str], at: datetime, say: Say) -> DatabaseDamaged:
    """Keep the finished file `temp`, where that is possible; return the error that names what was found, and where."""
    try:
        kept = keep(temp, order.directory, order.database, at=at, suffix=order.set_id[:8], say=say)
    except (OSError, PwsopsError) as failure:
        return error(order.database, findings, f"What was read could not be kept ({failure})")
    return error(order.database, findings, f"What was read was kept as {kept}, which counts as no backup")


def error(database: str, findings: Sequence[str], kept: str) -> DatabaseDamaged:
    """Return the error that names what was found and where the damaged data is."""
    more = f" (and {len(findings) - SHOWN} more)" if len(findings) > SHOWN else ""
    return DatabaseDamaged(
        f"Backup of {database}: the database is damaged: {'; '.join(findings[:SHOWN])}{more}. {kept}; "
        "earlier backups were left as they are.",
        hint="Restore the database from its last good backup (Restore), or repair it; then take a backup again. "
        "PRAGMA integrity_check lists all that is wrong.",
    )
