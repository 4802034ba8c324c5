"""Looking for backups of which nothing is recorded, in a worker process: what lies in a directory, and what that is."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pwsops import foreign
from pwsops.engines.found import FileState
from pwsops.engines.sqlite import damage, files, layout, statement_file
from pwsops.engines.sqlite.media import TAPE_MAGIC, Media
from pwsops.engines.sqlite.sets import describe
from pwsops.errors import InvalidInput, MediaError
from pwsops.messages import is_text

START_BYTES = 16
NAME_LIMIT = 255
_HIDDEN = ".pwsops-"
"""How our temporary files begin: what is in them was not finished, or is being replaced just now."""

Read = tuple[str, FileState, object]
"""A path, what is there, and what there is to say of it."""


def walk(root: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the files below a directory, by path, and what could not be looked into, each with the cause.

    Links are not followed, but for those on the way to the directory itself.
    """
    unread: list[tuple[str, str]] = []

    def note(error: OSError) -> None:
        unread.append((str(error.filename), f"it cannot be looked into: {error.strerror}"))

    found: list[str] = []
    for directory, _, names in os.walk(root, onerror=note):
        found += [os.path.join(directory, name) for name in names if not name.startswith(_HIDDEN)]
    return sorted(found), unread


def read(paths: Iterable[str]) -> list[Read]:
    """Return what each of these files is. What is no plain file is not opened, and is none of ours."""
    return [_read(path) for path in paths]


def _read(path: str) -> Read:
    try:
        start = foreign.read(path, START_BYTES)
    except (foreign.NotPlain, FileNotFoundError):
        return path, FileState.OTHER, ""
    except OSError as error:
        return path, FileState.UNREAD, f"it cannot be read: {error.strerror}"
    if start.startswith(TAPE_MAGIC):
        return path, FileState.OF_SERVER, ""
    if start.startswith(statement_file.MAGIC):
        return path, FileState.STATEMENT, ""
    if not start.startswith(layout.MAGICS):
        return path, FileState.OTHER, ""
    try:
        return path, FileState.SET, _declared(path)
    except MediaError as error:
        return path, FileState.UNREAD, error.message


def _declared(path: str) -> dict[str, object]:
    if not is_text(path):
        raise MediaError(f"The media file {path} has a name that is no text (UTF-8).", hint="Rename it.")
    with Media(path) as media:
        damage.refuse(media)
        header = media.header
        try:
            files.plain_name(header.database)
        except InvalidInput as error:
            raise MediaError(f"{path} declares an impossible database: {error.message}", hint=error.hint) from error
        names, subject = (header.database, header.set_id), header.encryption.subject if header.encryption else ""
        if not all(map(is_text, (*names, header.description, subject))) or max(map(len, names)) > NAME_LIMIT:
            raise MediaError(f"{path} declares names that none of ours can have.", hint="Look where it comes from.")
        return describe(media)
