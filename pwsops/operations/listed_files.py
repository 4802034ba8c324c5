"""Whether files are still there, by their names alone: for what has no identity of its own to be asked for."""

from __future__ import annotations

from pwsops.engines.protocol import Engine
from pwsops.engines.records import DirectoryStatus
from pwsops.errors import PwsopsError


class ListedFiles:
    """Knows whether a file still lies where it was written. A directory that cannot be read proves nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files: dict[str, set[str] | None] = {}
        self._silent = False

    def has(self, path: str) -> bool:
        """Whether a file is there, as far as anybody can tell.

        Each directory is listed once, and of a server that does not answer none after the first.
        """
        files = None if self._silent else self._beside(path)
        return files is None or path in files

    def _beside(self, path: str) -> set[str] | None:
        try:
            directory, _ = self._engine.split(path)
            if directory not in self._files:
                self._files[directory] = self._listed(directory)
            return self._files[directory]
        except PwsopsError:
            self._silent = True
            return None

    def _listed(self, directory: str) -> set[str] | None:
        try:
            return {entry.path for entry in self._engine.browse(directory)}
        except PwsopsError as error:
            if error.transient:
                raise
            missing = self._engine.check_directory(directory).status is DirectoryStatus.MISSING
            return set() if missing else None
