"""Vaults and media as files: making them, and finding out what they hold without believing what was written down."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pwsops.engines.sqlite import verify
from pwsops.engines.sqlite.assembly import Assembly
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.report import Report
from pwsops.errors import PwsopsError

NAMES = ("notes.db", "notes", "vault.db")
"""One is the stem of another."""


class Holds(NamedTuple):
    """What a database, or a backup of it, holds: whose it is, and the newest that was written."""

    identity: int
    value: int


class Vaults:
    """The databases of one instance's directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def path(self, name: str) -> Path:
        return self.root / name

    def begin(self, name: str, identity: int) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.path(name)}{suffix}").unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path(name))) as database, database:
            database.execute("CREATE TABLE me (identity INTEGER, value INTEGER)")
            database.execute("INSERT INTO me VALUES (?, 0)", (identity,))
            database.execute("CREATE TABLE filling (a INTEGER PRIMARY KEY, b BLOB)")
            database.executemany("INSERT INTO filling (b) VALUES (?)", [(os.urandom(500),) for _ in range(40)])

    def write(self, name: str, value: int) -> None:
        with closing(sqlite3.connect(self.path(name))) as database, database:
            database.execute("UPDATE me SET value = ?", (value,))
            database.execute("INSERT INTO filling (b) VALUES (?)", (os.urandom(500),))

    def holds(self, name: str) -> Holds | None:
        return held_by(self.path(name)) if self.path(name).is_file() else None

    def all(self) -> Mapping[str, Holds | None]:
        return {path.name: held_by(path) for path in sorted(self.root.iterdir()) if path.name in NAMES}


def held_by(path: Path) -> Holds | None:
    """Return what a database holds; None where it cannot be read, or is damaged."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return None
            return Holds(*database.execute("SELECT identity, value FROM me").fetchone())
    except (sqlite3.Error, TypeError):
        return None


def put_together(paths: list[str], scratch: Path) -> Holds | None:
    """Return what a full and its incremental give back; None where they do not."""
    rebuilt = assembled(paths, scratch)
    return None if rebuilt is None else held_by(rebuilt)


def give_damaged(paths: list[str], scratch: Path) -> bool:
    """Whether a full and its incremental are whole and fit, and give back a database that is damaged."""
    rebuilt = assembled(paths, scratch)
    return rebuilt is not None and is_damaged(rebuilt)


def assembled(paths: list[str], scratch: Path) -> Path | None:
    """Return the database that a full and its incremental give back, as it is; None where they do not."""
    target = scratch / "rebuilt"
    chain: list[Media] = []
    try:
        chain += [Media(path) for path in paths]
        verify.check_all(chain, Report(lambda _values: None))
        fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            with Assembly(fd, chain) as assembly:
                assembly.complete()
        finally:
            os.close(fd)
        return target
    except (PwsopsError, OSError):
        return None
    finally:
        for one in chain:
            one.close()


def is_damaged(path: Path) -> bool:
    """Whether SQLite itself finds damage in a database; what holds no table of ours is none for that."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA integrity_check").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
