"""Certificates that lie beside the media they open, in a worker process."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress

from pwsops import foreign
from pwsops.engines.sqlite import files, publishing, sweeping
from pwsops.engines.sqlite.publishing import Say
from pwsops.errors import EngineError
from pwsops.rules.naming import alternatives

SIZE_LIMIT = 1 << 20

Found = tuple[str, str | None, str]
"""A path, what is there in base64, and why that could not be read. Without either, nobody has the name."""


def look(directory: str, name: str) -> Sequence[Found]:
    """Return what has the names that a certificate may get, in order, up to the first that is free.

    Raises
    ------
    EngineError
        Where nothing could be written there.
    """
    files.check_directory(directory)
    found: list[Found] = []
    for alternative in alternatives(name):
        path = os.path.join(directory, alternative)
        try:
            found.append((path, _read(path), ""))
        except FileNotFoundError:
            found.append((path, None, ""))
        except foreign.NotPlain as error:
            found.append((path, None, str(error.strerror)))
        except OSError as error:
            found.append((path, None, f"it cannot be read ({error.strerror})"))
        if found[-1][1:] == (None, ""):
            break
    return found


def _read(path: str) -> str:
    return b64encode(foreign.read(path, SIZE_LIMIT)).decode()


def write(path: str, content: str, token: str, say: Say) -> None:
    """Put a certificate, given in base64, under a name that nobody has. `token` marks the temporary file.

    Raises
    ------
    EngineError
        Where it cannot be written; where somebody took the name since the look.
    """
    directory, name = os.path.split(path)
    key = files.key(name, "certificate")
    try:
        sweeping.sweep(directory, key=key)  # what an interrupted run left
        with files.temporary(temp := os.path.join(directory, files.temp_name("certificate", key, token))) as fd:
            with suppress(OSError):  # a mount that knows no modes: the key in it is under a password
                os.fchmod(fd, 0o600)
            with os.fdopen(os.dup(fd), "wb") as stream:
                stream.write(b64decode(content))
            os.fsync(fd)
            publishing.new(temp, path, say)
    except FileExistsError as error:
        raise EngineError(
            f"Saving the certificate {path}: another program put a file there at this moment.",
            hint="The next run looks at that file, and saves the certificate under another name if it must.",
        ) from error
    except OSError as error:
        raise files.translate(error, f"Saving the certificate {path}", directory) from error
