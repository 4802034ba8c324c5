"""Random keys that the home keeps: made when they are first needed."""

from __future__ import annotations

import secrets
from pathlib import Path

from pwsops.signin import private_file

LENGTH = 32
"""Bytes."""


def kept_key(path: Path) -> bytes:
    """Return the key that a file holds; a missing one is made. Raises `Refused` for a file that cannot be used."""
    key = private_file.read(path)
    if key is None:
        private_file.write(path, secrets.token_bytes(LENGTH))
        key = private_file.read(path)
    if key is None or len(key) != LENGTH:
        raise private_file.unusable(path, f"it does not hold {LENGTH} bytes")
    return key
