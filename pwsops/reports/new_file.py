"""A file that is there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pwsops import foreign
from pwsops.errors import Conflict, PwsopsError


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Return a file to write to, which gets its name when it is whole.

    Parameters
    ----------
    replace
        Whether a file of that name gives way; otherwise `Conflict` is raised, and that file stays what it is.

    Raises
    ------
    Conflict, PwsopsError
        The name is taken; the file cannot be written. Nothing is left behind then.
    """
    if not replace and foreign.exists(str(path)):
        raise _taken(path)
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(foreign.create(str(part), 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(part, path, replace=replace)
    except OSError as error:
        raise PwsopsError(
            f"The report {path} cannot be written: {error.strerror or error}.",
            hint="Name a file in a directory that exists, where you may write and the disk has room.",
        ) from None
    finally:
        with suppress(OSError):
            foreign.unlink(str(part))


def _name(part: Path, path: Path, *, replace: bool) -> None:
    if replace:
        foreign.replace(str(part), str(path))
        return
    try:
        # A link, unlike a rename, never takes the place of what somebody else wrote there in the meantime.
        foreign.link(str(part), str(path))
    except FileExistsError:
        raise _taken(path) from None
    except OSError:
        if foreign.exists(str(path)):
            raise _taken(path) from None
        foreign.rename(str(part), str(path))  # a file system without links


def _taken(path: Path) -> Conflict:
    return Conflict(
        f"The report was not written: {path} exists already.",
        hint="Name another file, or allow it to be replaced (--force).",
    )
