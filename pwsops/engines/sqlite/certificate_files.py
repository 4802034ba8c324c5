"""Certificates that lie beside the media they open, in a worker process."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from contextlib import suppress

from pwsops.engines.sqlite import files, sweeping

SIZE_LIMIT = 1 << 20


def read(path: str) -> str | None:
    """Give what is there, in base64; None where nothing is.

    Raises
    ------
    EngineError
        Where it cannot be read, or could not be written either.
    """
    directory = os.path.dirname(path)
    files.check_directory(directory)
    try:
        with open(path, "rb") as stream:
            return b64encode(stream.read(SIZE_LIMIT)).decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.translate(error, f"Saving the certificate {path}", directory) from error


def write(path: str, content: str, token: str) -> None:
    """Put a certificate, given in base64, in the place of what is there. `token` marks the temporary file.

    Raises
    ------
    EngineError
        Where it cannot be written.
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
            os.replace(temp, path)
            files.sync_remark(directory)
    except OSError as error:
        raise files.translate(error, f"Saving the certificate {path}", directory) from error
