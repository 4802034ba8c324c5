"""Removing what an interrupted operation left, and nothing else."""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress

from pwsops import foreign
from pwsops.engines.sqlite import files, publishing
from pwsops.engines.sqlite.media import Media
from pwsops.errors import MediaError
from pwsops.rules.model import BackupKind
from pwsops.rules.naming import alternatives, media_file_name

QUIET_S = 120.0
"""Where locks do not work, a temporary file that nobody has written to for so long is a leftover."""


def sweep(directory: str, *, key: str | None = None, token: str | None = None) -> list[str]:
    """Remove leftovers of one backup (by key) or one worker (by token); return those that are still being written."""

    def is_ours(match: re.Match[str] | None) -> bool:
        return match is not None and key in (None, match["key"]) and token in (None, match["token"])

    alive = []
    with suppress(OSError):
        for entry in os.scandir(directory):
            if is_ours(former := files.FORMER.fullmatch(entry.name)):
                _settle_former(entry.path, former)
            elif is_ours(files.TEMP.fullmatch(entry.name)):
                if token is None and _is_alive(entry.path):
                    alive.append(entry.path)
                else:
                    files.discard(entry.path)
    return alive


def _settle_former(path: str, match: re.Match[str] | None) -> None:
    """Remove what lies under the name of a former backup, if it may go; otherwise let it be seen again.

    There is the set that the name tells, which was replaced; or the new one, where that did not come to pass. What is
    neither was published by somebody else in between.
    """
    assert match is not None
    try:
        with Media(path) as media:
            header = media.header
    except MediaError:
        return  # what is inside is not known: it stays
    if (
        files.named(header.set_id) == match["expected"]
        or files.key(header.database, header.description) == match["key"]
    ):
        files.discard(path)
    else:
        _bring_back(path, header.database, BackupKind(header.kind))


def _bring_back(path: str, database: str, kind: BackupKind) -> None:
    for name in alternatives(media_file_name(database, kind, at=None, suffix="")):
        with suppress(OSError):
            publishing.new(path, os.path.join(os.path.dirname(path), name), lambda text: None)
            return


def _is_alive(path: str) -> bool:
    """Whether somebody still writes a temporary file; where locks do not work, one that was written to lately."""
    try:
        fd = foreign.open_plain(path)
    except (FileNotFoundError, foreign.NotPlain):
        return False  # nobody of us writes into what is no plain file
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return time.time() - os.fstat(fd).st_mtime < QUIET_S
    finally:
        os.close(fd)
    return False
