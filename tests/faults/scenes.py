"""What is done while calls fail, and what has to be true afterwards, whether it succeeded or not."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import closing
from pathlib import Path

from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest, RestoreRequest
from pwsops.engines.sqlite import listing, restore
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.report import Report
from pwsops.engines.sqlite.sets import to_record
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupKind, BackupSet

OLD, NEW = "old", "new"
ROWS = 40
NAME = "db.sqlite3"
RUN = "pwsops run 2 (home)"
SILENT = Report(lambda values: None)


def write_rows(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT)")
        database.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", [(n, text * 200) for n in range(ROWS)])


def rows(path: Path) -> str:
    """Return which rows a database has: all the old ones, or all the new ones."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = database.execute("SELECT count(*), min(b), max(b) FROM t").fetchone()
    texts = {(ROWS, text * 200, text * 200): text for text in (OLD, NEW)}
    assert found in texts, f"rows that never were: {found[0]} of {found[1][:5]} to {found[2][:5]}"
    return texts[found]


class Scene(ABC):
    """One operation of the engine, done over and over.

    Parameters
    ----------
    root
        A directory of its own. Calls below it count.
    scratch
        Another one, below which none fails.
    """

    journal_mode = "wal"

    def __init__(self, root: Path, scratch: Path) -> None:
        self.calls: Counter[str] = Counter()
        """How often each call is made where none fails; empty until that was counted."""
        self.scratch = scratch
        self.vaults, self.media, self.kept = root / "vaults", root / "media", scratch / "kept"
        for path in (self.vaults, self.media, self.kept):
            path.mkdir(parents=True)
        self.path = self.vaults / NAME
        with closing(sqlite3.connect(self.path)) as database:
            database.execute(f"PRAGMA journal_mode={self.journal_mode}")
        write_rows(self.path, OLD)
        options = {"busy_s": 0.3, "current_s": 0.2}
        self.engine = SqliteEngine(Instance(name="test", engine="sqlite", address=str(self.vaults), options=options))
        self.full = self.engine.backup(self.request("full.bak", description="pwsops run 1 (home)")).backup_set
        write_rows(self.path, NEW)
        shutil.copytree(self.media, self.kept, dirs_exist_ok=True)

    def request(
        self, name: str, *, description: str = RUN, base: BackupSet | None = None, overwrite: bool = False
    ) -> BackupRequest:
        return BackupRequest(
            database=NAME,
            kind=BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL,
            directory=str(self.media),
            file_name=name,
            description=description,
            base=base,
            overwrite=overwrite,
            replaceable=[self.full] if overwrite else (),
        )

    def reset(self) -> None:
        """Have the media lie as they lay before."""
        for path in self.media.iterdir():
            path.unlink()
        shutil.copytree(self.kept, self.media, dirs_exist_ok=True)

    @abstractmethod
    def act(self) -> BackupSet | None:
        """Do it; return the set, where it is a backup."""

    @abstractmethod
    def succeeded(self, taken: BackupSet | None) -> None:
        """Assert what has to be true where it was told to have succeeded."""

    @abstractmethod
    def failed(self) -> None:
        """Assert what has to be true where it was told to have failed."""

    def restored(self, *sets: BackupSet) -> str:
        """Return the rows that these sets give back."""
        target = self.scratch / f"{uuid.uuid4().hex}.db"
        order = restore.RestoreOrder(
            database=target.name,
            path=str(target),
            sets=[recorded(one) for one in sets],
            token=uuid.uuid4().hex,
            create_if_missing=True,
        )
        restore.restore(order, SILENT)
        found = rows(target)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        return found


class Backup(Scene):
    """A backup, which must never cost the one that was there."""

    def succeeded(self, taken: BackupSet | None) -> None:
        assert taken is not None
        assert taken.description == RUN
        assert self.restored(*self.chain(taken)) == NEW

    def failed(self) -> None:
        found = listing.find(NAME, str(self.media), RUN)
        if found is not None:
            assert self.restored(*self.chain(to_record(found))) == NEW
        else:
            assert self.restored(self.full) == OLD
        for path in self.media.iterdir():
            if path.suffix == ".bak" and not path.name.startswith("."):
                listing.read_media(str(path))

    def chain(self, taken: BackupSet) -> list[BackupSet]:
        return [taken]


class Full(Backup):
    """A full under a new name."""

    def act(self) -> BackupSet | None:
        return self.engine.backup(self.request("new.bak")).backup_set


class Incremental(Backup):
    """An incremental on the full."""

    def act(self) -> BackupSet | None:
        return self.engine.backup(self.request("new.bak", base=self.full)).backup_set

    def chain(self, taken: BackupSet) -> list[BackupSet]:
        return [self.full, taken]


class Overwrite(Backup):
    """A full that takes the place of the one that was there."""

    def act(self) -> BackupSet | None:
        return self.engine.backup(self.request("full.bak", overwrite=True)).backup_set


class Restore(Scene):
    """A restore of the full over newer rows."""

    create = False

    def __init__(self, root: Path, scratch: Path) -> None:
        super().__init__(root, scratch)
        self.before = self.path.read_bytes()

    def reset(self) -> None:
        super().reset()
        for path in self.vaults.iterdir():
            path.unlink()
        self.lay()

    def lay(self) -> None:
        self.path.write_bytes(self.before)

    def act(self) -> BackupSet | None:
        self.engine.restore(RestoreRequest(database=NAME, sets=[self.full], create_if_missing=self.create))
        return None

    def succeeded(self, taken: BackupSet | None) -> None:
        assert rows(self.path) == OLD

    def failed(self) -> None:
        assert rows(self.path) in (OLD, NEW)


class RestoreWithJournal(Restore):
    """The same into a database with a rollback journal."""

    journal_mode = "delete"


class Replace(Restore):
    """A restore in the place of a file that is no database."""

    DAMAGED = b"no database at all " * 500

    def lay(self) -> None:
        self.path.write_bytes(self.DAMAGED)

    def failed(self) -> None:
        there = [path.read_bytes() for path in self.vaults.iterdir() if not path.name.startswith(".")]
        assert self.DAMAGED in there, "the damaged file is lost"
        assert self.path.exists(), "the damaged file lies under another name, and nothing under its own"
        if self.path.read_bytes() != self.DAMAGED:
            assert rows(self.path) == OLD


class Create(Restore):
    """A restore of a database that is gone."""

    create = True

    def lay(self) -> None:
        return

    def failed(self) -> None:
        if self.path.exists():
            assert rows(self.path) == OLD


SCENES = (Full, Incremental, Overwrite, Restore, RestoreWithJournal, Replace, Create)


def play(scene: Scene) -> bool:
    """Do what a scene is about and assert what it says; return whether it was told to have succeeded."""
    try:
        taken = scene.act()
    except PwsopsError as error:
        if not error.hint:
            raise AssertionError("no next step") from error
        scene.failed()
        return False
    scene.succeeded(taken)
    return True
