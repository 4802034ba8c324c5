"""Certificates that lie beside the media they open."""

from __future__ import annotations

import os
import uuid

from pwsops.engines.base import CertificateCopy
from pwsops.engines.sqlite import files

SIZE_LIMIT = 1 << 20


def place(directory: str, copy: CertificateCopy) -> None:
    """Put a certificate into `directory` unless one that serves is there already.

    Raises
    ------
    EngineError
        Where it cannot be written.
    """
    target = os.path.join(directory, files.plain_name(copy.file_name))
    files.check_directory(directory)
    try:
        present = _present(target)
        if present is None or not copy.serves(present):
            _write(target, copy)
    except OSError as error:
        raise files.translate(error, f"Saving the certificate {target}", directory) from error


def _present(target: str) -> bytes | None:
    try:
        with open(target, "rb") as stream:
            return stream.read(SIZE_LIMIT)
    except FileNotFoundError:
        return None


def _write(target: str, copy: CertificateCopy) -> None:
    directory, key = os.path.dirname(target), files.key(copy.file_name, "certificate")
    content = copy.content()
    files.sweep(directory, key=key)  # what an interrupted run left
    temp = os.path.join(directory, files.temp_name("certificate", key, uuid.uuid4().hex))
    with files.temporary(temp) as fd:
        os.fchmod(fd, 0o600)
        with os.fdopen(os.dup(fd), "wb") as stream:
            stream.write(content)
        os.fsync(fd)
        files.publish(temp, target, overwrite=True)
