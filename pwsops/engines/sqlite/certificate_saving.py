"""Putting certificates beside the media they open, in the parent. The files are a worker's work."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence

from pwsops.engines.base import CertificateCopy
from pwsops.engines.sqlite import files
from pwsops.engines.sqlite.process import Worker, new_token

SAVE_LIMIT_S = 30.0
"""How long reading or writing one of them may take. A backup waits for it, and is worth more."""


def save(directory: str, copies: Sequence[CertificateCopy]) -> None:
    """Put certificates into `directory`, except where one that serves is there already.

    Raises
    ------
    EngineError
        Where that cannot be done, or takes too long.
    """
    for copy in copies:
        path = os.path.join(directory, files.plain_name(copy.file_name))
        present = Worker("read_certificate", {"path": path}, limit_s=SAVE_LIMIT_S).run()
        if present is None or not copy.serves(b64decode(present)):
            _write(path, copy.content())


def _write(path: str, content: bytes) -> None:
    given = {"path": path, "content": b64encode(content).decode(), "token": new_token()}
    Worker("save_certificate", given, directories=[os.path.dirname(path)], limit_s=SAVE_LIMIT_S).run()
