"""Two homes that write one name in one directory: neither sees the other's profiles, and neither loses a backup."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from pwsops.errors import MediaError
from pwsops.operations import Operations, open_operations
from pwsops.operations.records import ItemView
from pwsops.profile import BackupProfile
from pwsops.rules.model import RunStatus


class Site:
    """A home with one vault of its own."""

    def __init__(self, root: Path, ops: Operations, media: Path) -> None:
        self.ops, self.path = ops, root / "vaults" / "db.sqlite3"
        self.path.parent.mkdir()
        self.fill(root.name)
        ops.instances.add("own", engine="sqlite", address=str(self.path.parent))
        profile = BackupProfile(
            name="nightly",
            instance="own",
            databases=["db.sqlite3"],
            directory=str(media),
            every=1,
            unit="d",
            start=datetime(2026, 3, 1, 2),
            timezone="UTC",
            timestamp=False,
            incremental=False,
            active=False,
        )
        ops.profiles.create(profile)

    def fill(self, text: str) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS t (x)")
            database.execute("DELETE FROM t")
            database.execute("INSERT INTO t VALUES (?)", (text,))

    def content(self) -> str:
        with closing(sqlite3.connect(self.path)) as database:
            return str(database.execute("SELECT x FROM t").fetchone()[0])

    def run(self) -> ItemView:
        run = self.ops.runs.run_here("nightly")
        assert run.status is RunStatus.SUCCEEDED
        return run.items[0]


@contextmanager
def opened(root: Path, media: Path) -> Iterator[Site]:
    root.mkdir()
    ops = open_operations(root / "home", actor="ann")
    try:
        yield Site(root, ops, media)
    finally:
        ops.close()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    media = tmp_path / "media"
    media.mkdir()
    with opened(tmp_path / "one", media) as one, opened(tmp_path / "two", media) as two:
        yield one, two


def test_each_keeps_its_backup_and_finds_it_again_and_is_told(sites: tuple[Site, Site]) -> None:
    one, two = sites
    ours, theirs = one.run(), two.run()
    assert ours.path is not None
    assert theirs.path == ours.path.replace("_FULL.bak", "_FULL~2.bak")
    assert any("which this profile did not take of this database" in each.text for each in theirs.messages)
    assert [one.run().path, two.run().path] == [ours.path, theirs.path]
    for site, path in ((one, ours.path), (two, theirs.path)):
        assert path is not None
        expected = site.content()
        site.fill("lost")
        site.ops.restores.restore("own", "db.sqlite3", path)
        assert site.content() == expected


def test_a_file_that_holds_anothers_set_is_not_restored_from_by_its_name(sites: tuple[Site, Site]) -> None:
    one, two = sites
    ours, theirs = one.run(), two.run()
    assert ours.path is not None
    assert theirs.path is not None
    Path(ours.path).write_bytes(Path(theirs.path).read_bytes())
    with pytest.raises(MediaError, match="another backup than the one that was recorded"):
        one.ops.restores.restore("own", "db.sqlite3", ours.path)
    assert one.content() == "one"


def test_the_last_backup_before_a_database_was_created_anew_survives_the_nightly_run(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    before = one.run()
    assert before.path is not None
    one.path.unlink()
    one.fill("empty again")
    assert one.run().path != before.path
    one.ops.restores.restore("own", "db.sqlite3", before.path)
    assert one.content() == "one"
