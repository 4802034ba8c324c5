"""What the contract suite needs from an engine's surroundings; each engine joins with a harness of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from pwsops.engines.protocol import Engine
from pwsops.engines.records import Instance
from pwsops.engines.registry import open_engine

Rows = list[tuple[int, str]]


class Harness(Protocol):
    """An engine under test, and hands to work on its databases and media from outside."""

    engine: Engine

    def make_database(self, name: str) -> str:
        """Make a database with an empty table of rows, and give its name on the instance."""

    def write_rows(self, database: str, rows: Sequence[tuple[int, str]]) -> None:
        """Insert or replace rows by their number."""

    def read_rows(self, database: str) -> Rows:
        """Return all rows by number."""

    def new_directory(self) -> str:
        """Make an empty directory that the server can write into."""

    def damage(self, path: str) -> None:
        """Change one byte in the middle of a media file."""

    def drop(self, database: str) -> None:
        """Remove a database."""


class SqliteHarness:
    """A directory of SQLite files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._vaults = root / "vaults"
        self._vaults.mkdir()
        self._directories = 0
        self.engine: Engine = open_engine(Instance(name="contract", engine="sqlite", address=str(self._vaults)))

    def make_database(self, name: str) -> str:
        with closing(sqlite3.connect(self._vaults / f"{name}.sqlite3")) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
            database.commit()
        return f"{name}.sqlite3"

    def write_rows(self, database: str, rows: Sequence[tuple[int, str]]) -> None:
        with closing(sqlite3.connect(self._vaults / database)) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", rows)

    def read_rows(self, database: str) -> Rows:
        with closing(sqlite3.connect(self._vaults / database)) as connection:
            return connection.execute("SELECT id, text FROM notes ORDER BY id").fetchall()

    def new_directory(self) -> str:
        self._directories += 1
        path = self._root / f"media-{self._directories}"
        path.mkdir()
        return str(path)

    def damage(self, path: str) -> None:
        data = bytearray(Path(path).read_bytes())
        data[len(data) // 2] ^= 1
        Path(path).write_bytes(data)

    def drop(self, database: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            (self._vaults / f"{database}{suffix}").unlink(missing_ok=True)
