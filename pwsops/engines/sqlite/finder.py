"""Who looks for media that nobody recorded, in the parent: the files are a worker's work, some at a time."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pwsops.engines.found import FileState, FoundFiles, FoundMedia, Unread
from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.records import PrivateKeys
from pwsops.engines.sqlite.process import Worker
from pwsops.engines.sqlite.sets import to_record
from pwsops.errors import Cancelled, CertificateNeeded, PwsopsError, Refused

WALK_LIMIT_S = 600.0
"""How long listing all below one directory may take."""
READ_LIMIT_S = 300.0
"""How long reading the ends of some files (those of one call) may take."""


class MediaFinder:
    """Looks for media of the embedded engine; see `FindsMedia`. Needs no instance."""

    def __init__(self, off_limits: OffLimits = NOTHING) -> None:
        self._off_limits = asdict(off_limits)

    def files(self, directory: str) -> FoundFiles:
        """Return the files below a directory; see the protocol."""
        try:
            paths, unread = self._ask("walk", {"root": directory}, WALK_LIMIT_S)
        except (Cancelled, Refused):
            raise
        except PwsopsError as error:
            return FoundFiles(paths=(), unread=[Unread(directory, error.message)])
        return FoundFiles(paths=paths, unread=[Unread(*each) for each in unread])

    def media(self, directory: str, paths: Sequence[str]) -> FoundMedia:
        """Return what files hold; see the protocol."""
        try:
            answers = self._ask("read_found", {"root": directory, "paths": list(paths)}, READ_LIMIT_S)
        except (Cancelled, Refused):
            raise
        except PwsopsError as error:
            return FoundMedia(unread=[Unread(path, error.message) for path in paths])
        found = FoundMedia()
        for path, state, value in answers:
            _add(found, path, state, value)
        return found

    def statement(self, path: str, private_keys: PrivateKeys) -> bytes:
        """Return what a home said in a file; see the protocol."""
        try:
            answer = self._ask("read_statement", {"path": path, "keys": {}}, READ_LIMIT_S)
        except CertificateNeeded as error:
            key = private_keys(error.thumbprint)
            if key is None:
                raise
            keys = {error.thumbprint: b64encode(key).decode()}
            answer = self._ask("read_statement", {"path": path, "keys": keys}, READ_LIMIT_S)
        return str(answer).encode()

    def _ask(self, operation: str, given: Mapping[str, object], limit_s: float) -> Any:
        return Worker(operation, {**given, "off_limits": self._off_limits}, limit_s=limit_s).run()


def _add(found: FoundMedia, path: str, state: str, value: Any) -> None:
    if state == FileState.SET:
        found.sets.append(to_record({**value, "path": os.path.normpath(path)}))
    elif state == FileState.STATEMENT:
        found.statements.append(path)
    elif state == FileState.UNREAD:
        found.unread.append(Unread(path, value))
    elif state == FileState.OF_SERVER:
        found.of_servers += 1
    else:
        found.others += 1
