"""Which file is meant: links, names that cannot be written down, and names and paths as long as can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pwsops.engines.records import DatabaseState, Instance
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import names, process
from pwsops.engines.sqlite.connect import LONGEST_PATH
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.errors import EngineError, InvalidInput
from tests.integration.sqlite.support import HOLD, Place, elsewhere, is_whole, query


@pytest.fixture
def linked(place: Place) -> Path:
    """A database that really lies elsewhere, and is called `db.sqlite3` by a link."""
    real = place.vaults.parent / "real" / "vault.sqlite3"
    real.parent.mkdir()
    place.vault("made.sqlite3").rename(real)
    place.path().symlink_to(Path("..") / "real" / "vault.sqlite3")
    place.follow_links()
    return real


def test_a_damaged_database_behind_a_link_is_replaced_where_it_is_and_the_link_stays(
    place: Place, linked: Path
) -> None:
    taken = place.take().backup_set
    assert taken.database == "db.sqlite3"
    linked.write_bytes(b"no database at all " * 500)
    restored = place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
    assert place.path().is_symlink()
    is_whole(linked)
    assert restored.database == "db.sqlite3"
    assert restored.kept_damaged_as is not None
    kept = Path(restored.kept_damaged_as)
    assert kept.parent == linked.parent
    assert not kept.is_symlink()
    assert kept.read_bytes().startswith(b"no database")
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_a_restore_behind_a_link_works_beside_the_real_file(place: Place, linked: Path) -> None:
    taken = place.take().backup_set
    query(linked, "DELETE FROM ciphers")
    restored = place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
    is_whole(linked)
    assert [message.text.rsplit(" ", 1)[0] for message in restored.messages] == ["db.sqlite3 was written with SQLite"]
    assert query(linked, "SELECT count(*) FROM ciphers") != [(0,)]
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_the_log_of_a_database_behind_a_link_counts_as_size(place: Place, linked: Path) -> None:
    before = place.engine.databases()[0].size_bytes
    Path(f"{linked}-wal").write_bytes(bytes(5000))
    assert place.engine.databases()[0].size_bytes == before + 5000


def test_what_a_worker_that_died_left_beside_the_real_file_goes(place: Place, linked: Path) -> None:
    given = {"address": str(place.vaults), "database": "db.sqlite3", "token": "0" * 32, "follow_links": True}
    left = linked.parent / f".pwsops-restore-{'0' * 16}-{'0' * 32}.tmp"
    left.touch()
    worker = process.Worker("no such operation", given, beside_database=True)
    with pytest.raises(EngineError):
        worker.run()
    assert not left.exists()
    with pytest.raises(EngineError):
        process.Worker("no such operation", {**given, "database": "gone"}, beside_database=True).run()


def test_a_file_with_several_names_is_warned_of_in_the_list_and_in_the_run(place: Place) -> None:
    path = place.vault()
    assert place.engine.databases()[0].warnings == ()
    os.link(path, place.vaults.parent / "other.sqlite3")
    [listed] = place.engine.databases()
    assert listed.state is DatabaseState.ONLINE
    assert "hard link" in listed.warnings[0]
    assert any("hard link" in message.text for message in place.take().messages)


def test_a_name_that_is_no_text_is_listed_as_unreadable_and_cannot_be_meant(place: Place) -> None:
    place.vault().rename(os.fsdecode(os.fsencode(place.vaults) + b"/caf\xe9.db"))
    place.vault("good.db")
    Path(os.fsdecode(os.fsencode(place.vaults) + b"/\xe9.txt")).touch()
    odd, good = place.engine.databases()
    assert (odd.name, odd.state, good.state) == ("caf\\xe9.db", DatabaseState.UNREADABLE, DatabaseState.ONLINE)
    assert "not UTF-8" in odd.reason
    for name in (odd.name, os.fsdecode(b"caf\xe9.db")):
        with pytest.raises((InvalidInput, EngineError)) as refused:
            place.take(database=name)
        refused.value.message.encode()
    for entry in place.engine.browse(str(place.vaults)):
        (entry.name + entry.path).encode()


@pytest.mark.parametrize("name", ["n" * 235 + ".db", "é" * 119 + ".db", "ab.db"])
def test_a_damaged_database_is_kept_under_a_name_that_the_file_system_takes(place: Place, name: str) -> None:
    path = place.vault(name)
    taken = place.take(database=name).backup_set
    path.write_bytes(b"no database at all " * 500)
    for suffix in names.BESIDE:
        Path(f"{path}{suffix}").write_bytes(b"old")
    restored = place.engine.restore(RestoreRequest(database=name, sets=[taken]))
    is_whole(path)
    kept = restored.kept_damaged_as
    assert kept is not None
    assert Path(kept).read_bytes().startswith(b"no database")
    assert all(Path(kept + suffix).read_bytes() == b"old" for suffix in names.BESIDE)
    assert not names.may_be(os.path.basename(kept))


def test_two_damaged_databases_never_get_one_name(place: Place) -> None:
    first = names.beside(str(place.path("n" * 240)), ".damaged-now")
    Path(first + "-wal").touch()
    second = names.beside(str(place.path("n" * 240)), ".damaged-now")
    assert (first != second, len(os.path.basename(second)) <= 255 - len("-journal")) == (True, True)
    assert names.beside("/not/there/a.db", ".x") == "/not/there/a.db.x"


def deep(place: Place, length: int) -> Place:
    """Return a place whose database `a.db` has a path of so many bytes."""
    root = place.vaults.parent
    missing = length - len(os.fsencode(root / "vaults" / "a.db"))
    parts = [*["d" * 60] * (missing // 61 - 1), "e" * (60 + missing % 61)]
    deeper = root.joinpath(*parts)
    deeper.mkdir(parents=True)
    made = Place(deeper, {})
    assert len(os.fsencode(made.path("a.db"))) == length
    return made


@pytest.mark.parametrize("damaged", [False, True])
def test_a_path_as_long_as_sqlite_takes_is_backed_up_and_restored(place: Place, damaged: bool) -> None:
    far = deep(place, LONGEST_PATH)
    place.vault("a.db").rename(far.path("a.db"))
    taken = far.take(database="a.db").backup_set
    if damaged:
        far.path("a.db").write_bytes(b"no database at all " * 500)
    far.engine.restore(RestoreRequest(database="a.db", sets=[taken]))
    assert far.left_in_vaults()[0] == "a.db"
    engine = SqliteEngine(Instance(name="near", engine="sqlite", address=str(place.vaults)))
    far.path("a.db").rename(place.path("a.db"))
    is_whole(place.path("a.db"))
    assert [one.name for one in engine.databases()] == ["a.db"]


def test_a_path_that_is_too_long_for_sqlite_is_said_to_be_that(place: Place) -> None:
    far = deep(place, LONGEST_PATH + 40)
    place.vault("a.db").rename(far.path("a.db"))
    with pytest.raises(EngineError, match=f"SQLite takes {LONGEST_PATH}"):
        far.take(database="a.db")


def test_a_database_in_use_behind_a_link_is_found_current(place: Place, linked: Path) -> None:
    with elsewhere(HOLD, linked, "UPDATE ciphers SET user = 'x'"):
        taken = place.take()
    assert not any("a copy was made" in message.text for message in taken.messages)


def test_a_file_is_one_through_links_and_whether_or_not_it_is_there(place: Place) -> None:
    place.vault()
    taken = place.take().backup_set
    linked = place.media.parent / "linked"
    linked.symlink_to(place.media)
    other = place.media.parent / "other"
    other.mkdir()

    def are_one(one: Path, two: Path) -> bool:
        return place.engine.file_key(str(one)) == place.engine.file_key(str(two))

    path = Path(taken.path)
    assert are_one(path, linked / path.name)
    assert are_one(path, linked / ".." / "media" / path.name)
    assert not are_one(path, other / path.name)
    assert not are_one(path, place.media / "none.bak")
    assert are_one(place.media / "none.bak", linked / "none.bak")
    assert not are_one(place.media / "none.bak", other / "none.bak")
    assert are_one(place.media / "away" / "none.bak", linked / "away" / "none.bak")
    assert not are_one(place.media / "away" / "none.bak", other / "away" / "none.bak")
