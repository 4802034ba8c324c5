"""The stand-alone script that lies beside the media, so that they can be restored without this product.

Others may write there. A file says by its first line which version of ours it is, and anybody can write that line: so
what is not the file of this installation is trusted by nobody, and is replaced or told.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pwsops import foreign
from pwsops.engines.sqlite import files

NAME = "recover.py"
SIZE_LIMIT = 1 << 20
SOURCE = Path(__file__).with_name(NAME)
FIRST_LINE = re.compile(rb"# pwsops recovery script(?:, version (\d+))?\r?\n")
"""How a copy of the script begins, whatever version it is of; the first one did not say."""


def place(directory: str, token: str) -> str:
    """Put the script there, or bring the one that is there up to date; return why not, where that was not possible.

    A file of that name that is not ours stays, and so does one that says to be newer, which another pwsops may have put
    there; both are told. `token` marks the temporary file.
    """
    return put(directory, NAME, SOURCE.read_bytes(), version, "our recovery script", token)


def digest() -> str:
    """Return the SHA-256 of this installation's script, in hexadecimal."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def put(
    directory: str,
    name: str,
    current: bytes,
    version: Callable[[bytes], int | None],
    what: str,
    token: str,
    *,
    mode: int = 0o644,
) -> str:
    """Put a file of the kit there, as `place` does; return why not, where that was not possible.

    What is there stays until the new one was read back. `version` tells which version of ours the first bytes of some
    content are of (`SIZE_LIMIT`), None: it is not ours; `what` calls it in a sentence.
    """
    target = os.path.join(directory, name)
    temp = os.path.join(directory, files.temp_name("kit", files.key(name, "kit"), token))
    try:
        present = _present(target)
        if present is not None:
            if present == current:
                return ""
            if version(present) is None:
                return f"{target} is not {what}; it was left as it is."
            if (version(present) or 0) > (version(current) or 0):
                return _newer(target, present, current, version, what)
        with files.temporary(temp) as fd:
            _write(fd, current, mode)
            foreign.replace(temp, target)
    except OSError as error:
        return f"{name} could not be put into {directory}: {error.strerror}."
    return ""


def _newer(target: str, present: bytes, current: bytes, version: Callable[[bytes], int | None], what: str) -> str:
    theirs, ours = (hashlib.sha256(each).hexdigest() for each in (present, current))
    return (
        f"{target} says that it is version {version(present)} of {what}, newer than that of this pwsops "
        f"({version(current)}); it was left as it is. Anybody who may write there could have put it there (its SHA-256 "
        f"is {theirs}, that of ours {ours}). If no newer pwsops keeps its backups there, remove it: the next backup "
        "puts ours there."
    )


def version(script: bytes) -> int | None:
    """Return which version of our script this is; None: it is not ours."""
    found = FIRST_LINE.match(script)
    return None if found is None else int(found[1] or 1)


def _present(target: str) -> bytes | None:
    """Return what is there; None: nothing. What is no plain file is not read, and is not ours."""
    try:
        return foreign.read(target, SIZE_LIMIT)
    except foreign.NotPlain:
        return b""
    except FileNotFoundError:
        return None


def _write(fd: int, content: bytes, mode: int) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    with suppress(OSError):  # a mount that knows no modes
        os.fchmod(fd, mode)
    os.fsync(fd)
    if os.pread(fd, len(content) + 1, 0) != content:
        raise OSError(errno.EIO, "what was written is read back as something else")
