"""Another database in the place of one that was backed up: its last backup stays. The same one, continued: it goes."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.requests import BackupResult, RestoreRequest
from pwsops.engines.sqlite import birth, continuity, rows_kept
from pwsops.engines.sqlite import place as placing
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.media import Media, Unreadable
from pwsops.errors import EngineError
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import HOLD, Place, elsewhere, query
from tests.integration.sqlite.test_encryption import FOR_BACKUPS, THUMBPRINT
from tests.integration.sqlite.test_overwriting import source_now, wanted_name
from tests.pairs import pair


def over(place: Place, *former: BackupSet, **more: Any) -> BackupResult:
    """Take a backup without a date in its name; the sets that may go are as the catalogue keeps them."""
    result = place.take(overwrite=True, replaceable=former, **more)
    kept = {**result.backup_set.details, **result.noted}
    return replace(result, backup_set=replace(result.backup_set, details=kept))


def said(result: BackupResult) -> str:
    return " ".join(message.text for message in result.messages)


def busy(path: Path, rows: int = 40) -> Path:
    """Make another database, older than any backup that follows, with many more transactions."""
    query(path, "CREATE TABLE t (x)")
    query(path, "CREATE TABLE u (x)")
    for number in range(rows):
        query(path, f"INSERT INTO t VALUES (hex(randomblob({300 + number})))")
    return path


def moved_in(place: Place) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{place.path()}{suffix}").unlink(missing_ok=True)
    os.replace(place.path("other"), place.path())


def assert_it_stays(place: Place, good: BackupSet, result: BackupResult, why: str) -> None:
    assert result.backup_set.path == str(place.media / "one~2.bak")
    assert "the last backup of what db.sqlite3 held before" in said(result)
    assert why in said(result)
    assert [one.set_id for one in place.engine.read_media(good.path)] == [good.set_id]


def test_a_database_that_was_moved_into_the_place_does_not_replace_the_last_backup(place: Place) -> None:
    busy(place.path("other"))
    busy(place.path(), 3)
    good = over(place).backup_set
    moved_in(place)
    other = over(place, good)
    assert_it_stays(place, good, other, "another file has its place since")
    # It is the same from now on.
    again = over(place, good, other.backup_set)
    assert again.backup_set.path == other.backup_set.path


@pytest.mark.parametrize("at_hand", [True, False])
def test_an_encrypted_backup_is_compared_by_what_was_noted_and_by_its_pages_where_they_open(
    place: Place, at_hand: bool
) -> None:
    busy(place.path("other"))
    busy(place.path(), 3)
    if at_hand:
        place.keys[THUMBPRINT] = pair().key_der()
    good = over(place, encryption=FOR_BACKUPS).backup_set
    query(place.path(), "INSERT INTO t VALUES (1)")
    good = over(place, good, encryption=FOR_BACKUPS).backup_set
    assert place.left_in_media() == ["one.bak"]
    moved_in(place)
    why = "pages with data only" if at_hand else "the private key that is needed to compare what both hold"
    assert_it_stays(place, good, over(place, good, encryption=FOR_BACKUPS), why)


def test_an_encrypted_backup_of_a_later_state_of_the_file_stays(place: Place) -> None:
    path = busy(place.path(), 3)
    before = path.read_bytes()
    query(path, "INSERT INTO t VALUES (1)")
    good = over(place, encryption=FOR_BACKUPS).backup_set
    path.write_bytes(before)
    assert_it_stays(place, good, over(place, good, encryption=FOR_BACKUPS), "change counter went back from 6 to 5")


def test_keys_that_cannot_be_read_now_are_keys_that_are_not_at_hand(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(thumbprint: str) -> bytes:
        raise EngineError("The store is locked.", hint="Wait.")

    busy(place.path(), 3)
    good = over(place, encryption=FOR_BACKUPS).backup_set
    engine = place.engine
    monkeypatch.setattr(engine, "instance", replace(engine.instance, private_keys=unreadable))
    assert over(place, good, encryption=FOR_BACKUPS).backup_set.path == good.path


def test_a_copy_that_sqlite_makes_is_compared_by_the_file_that_it_was_made_of(place: Place) -> None:
    path = place.vault()
    for number in range(5):
        query(path, f"CREATE TABLE t{number} (x)")
    query(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    good = over(place).backup_set
    place.vault("other")
    moved_in(place)
    with elsewhere(HOLD, path, "BEGIN;SELECT count(*) FROM ledger"):
        query(path, "UPDATE ciphers SET user = 'later'")
        other = over(place, good)
    assert "a copy was made" in said(other)
    assert_it_stays(place, good, other, "counter went back from")


def test_a_database_that_its_program_or_a_copy_replaces_at_each_save_is_the_same_continued(place: Place) -> None:
    path = busy(place.path())
    former = over(place).backup_set
    shutil.copy(path, place.path("other"))
    query(place.path("other"), "INSERT INTO t VALUES (1)")
    moved_in(place)
    now = over(place, former)
    assert (now.backup_set.path, place.left_in_media()) == (former.path, ["one.bak"])
    # So it is after a restore that put a new file in the place of a damaged one.
    path.write_bytes(b"damaged" * 1000)
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[now.backup_set]))
    assert over(place, now.backup_set).backup_set.path == former.path
    assert place.left_in_media() == ["one.bak"]


def test_an_incremental_is_compared_together_with_its_full(place: Place) -> None:
    busy(place.path("other"), 80)
    path = busy(place.path())
    full = place.take("full.bak").backup_set
    query(path, "UPDATE t SET x = hex(randomblob(300)) WHERE rowid = 1")
    former = over(place, base=full).backup_set
    shutil.copy(path, place.path("copy"))
    os.replace(place.path("copy"), path)
    query(path, "UPDATE t SET x = hex(randomblob(300)) WHERE rowid = 1")
    now = over(place, former, base=full).backup_set
    assert (now.path, place.left_in_media()) == (former.path, ["full.bak", "one.bak"])
    newer = place.take("newer.bak").backup_set
    with Media(newer.path) as base, Media(now.path) as media:
        # Of an incremental on another full only the pages that are in it are known.
        assert len(list(continuity._pages(media, base))) == media.trailer.stored_pages
    query(path, "INSERT INTO t VALUES (1)")
    moved_in(place)
    other = over(place, now, base=full)
    assert_it_stays(place, now, other, "pages with data only")


def test_pages_that_hold_nothing_do_not_make_a_database_the_same(place: Place) -> None:
    def anew(name: str, *rows: str) -> Path:
        for number in range(20):
            query(place.path(name), f"CREATE TABLE t{number} (x UNIQUE)")
        for row in rows:
            query(place.path(name), f"INSERT INTO t0 VALUES ('{row}')")
        return place.path(name)

    anew("other", "a", "b", "c")
    anew("db.sqlite3", "precious")
    good = over(place).backup_set
    moved_in(place)
    assert_it_stays(place, good, over(place, good), "pages with data only")


def test_the_definitions_of_its_tables_do_not_make_a_database_the_same(place: Place) -> None:
    for name, row in (("other", "empty again"), ("db.sqlite3", "precious")):
        query(place.path(name), "CREATE TABLE t (x)")
        query(place.path(name), f"INSERT INTO t VALUES ('{row}')")
    good = over(place).backup_set
    moved_in(place)
    assert_it_stays(place, good, over(place, good), "of its 1 pages with data only 0 are still the same")


def test_for_records_that_do_not_name_the_file_the_pages_tell(place: Place) -> None:
    busy(place.path("other"))
    busy(place.path(), 3)
    noted = over(place).backup_set
    unknown = replace(noted, details={**noted.details, "origin": None})
    now = over(place, unknown).backup_set
    assert now.path == noted.path
    moved_in(place)
    unknown = replace(now, details={key: value for key, value in now.details.items() if key != "origin"})
    assert_it_stays(place, now, over(place, unknown), "whether its file is still the same is not known")


def test_backups_that_cannot_be_compared_are_not_of_one_database(place: Place) -> None:
    busy(place.path())
    one = place.take("one.bak").backup_set
    with Media(one.path) as former, Media(one.path) as now:
        assert continuity.unlike(former, now) == ""
        former.header = replace(former.header, page_size=8192)
        assert continuity.unlike(former, now) == "its pages had 8192 bytes and have 4096 now"
    with Media(one.path) as former, Media(one.path) as now:
        former.trailer = replace(former.trailer, frames=9)
        assert continuity.unlike(former, now).startswith("what both hold cannot be compared")
    assert continuity._blank(65536) != continuity._blank(4096)


def test_contents_that_are_not_the_recorded_ones_stay(place: Place) -> None:
    busy(place.path(), 3)
    good = over(place).backup_set
    other = over(place, replace(good, details={**good.details, "digest": "0" * 64}))
    assert other.backup_set.path == str(place.media / "one~2.bak")
    assert "its contents are not the ones that were recorded" in said(other)


def test_it_is_noted_which_file_a_backup_was_taken_of(place: Place) -> None:
    path = busy(place.path(), 3)
    noted = place.take().noted["origin"]
    born = birth.born_at(str(path))
    assert noted == {
        "inode": path.stat().st_ino,
        "born_at": born and born.isoformat(),
        "traces": {"changes": 5, "schema": 2},
        "pages": [],
    }


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_file_that_its_application_emptied_and_began_anew_in_does_not_replace_the_last_backup(
    place: Place, journal_mode: str
) -> None:
    path = place.vault(journal_mode=journal_mode)
    busy(path)
    good = over(place).backup_set
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    os.truncate(path, 0)
    query(path, f"PRAGMA journal_mode={journal_mode}")
    query(path, "CREATE TABLE t (x)")
    result = over(place, good)
    assert result.backup_set.path == str(place.media / "one~2.bak")
    assert "the last backup of what db.sqlite3 held before" in said(result)


def copied_over(place: Place, name: str) -> None:
    """Copy another database over ours, as `cp` does: the file stays the same one."""
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{place.path()}{suffix}").unlink(missing_ok=True)
    content = place.path(name).read_bytes()
    with place.path().open("r+b") as stream:
        stream.truncate()
        stream.write(content)


@pytest.mark.parametrize("base", [False, True], ids=["full", "incremental"])
def test_a_database_that_was_copied_over_the_file_does_not_replace_the_last_backup(place: Place, base: bool) -> None:
    busy(place.path("other"), 80)
    path = busy(place.path())
    full = place.take("full.bak").backup_set if base else None
    query(path, "UPDATE t SET x = hex(randomblob(300)) WHERE rowid < 5")
    good = over(place, base=full).backup_set
    copied_over(place, "other")
    other = over(place, good, base=full)
    assert_it_stays(place, good, other, "other contents were written into the same file since")
    # It is the same from now on.
    again = over(place, good, other.backup_set, base=full)
    assert again.backup_set.path == other.backup_set.path


def test_a_database_with_the_same_tables_that_was_copied_over_the_file_is_another_one(place: Place) -> None:
    place.vault("other", size_mb=2)
    query(place.path("other"), "PRAGMA wal_checkpoint(TRUNCATE)")
    query(place.vault(), "PRAGMA wal_checkpoint(TRUNCATE)")
    good = over(place).backup_set
    query(place.path("other"), "UPDATE ciphers SET user = hex(randomblob(40)), data = randomblob(length(data))")
    query(place.path("other"), "CREATE TABLE later (x)")
    query(place.path("other"), "PRAGMA wal_checkpoint(TRUNCATE)")
    copied_over(place, "other")
    assert over(place, good).backup_set.path == str(place.media / "one~2.bak")


def test_a_database_whose_rows_came_into_other_pages_goes_on(place: Place) -> None:
    path = busy(place.path(), 200)
    good = over(place).backup_set
    query(path, "DELETE FROM t WHERE rowid % 10 = 1")
    query(path, "VACUUM")
    now = over(place, good)
    assert (now.backup_set.path, place.left_in_media()) == (good.path, ["one.bak"])
    query(path, "UPDATE t SET x = x || x WHERE rowid % 10 = 2")
    query(path, "VACUUM")
    assert over(place, now.backup_set).backup_set.path == good.path


def test_an_incremental_is_compared_by_the_rows_of_the_full_that_are_still_in_use(place: Place) -> None:
    path = busy(place.path(), 200)
    full = place.take("full.bak").backup_set
    query(path, "UPDATE t SET x = x || '!' WHERE rowid < 100")
    former = over(place, base=full).backup_set
    query(path, "UPDATE t SET x = x || '?' WHERE rowid < 100")
    assert over(place, former, base=full).backup_set.path == former.path


def test_a_table_of_numbers_goes_on_after_a_vacuum(place: Place) -> None:
    path = place.path()
    query(path, "CREATE TABLE t (x REAL, y INTEGER)")
    for _ in range(400):
        query(path, "INSERT INTO t VALUES (random() / 7.3, random())")
    good = over(place).backup_set
    query(path, "DELETE FROM t WHERE rowid % 10 = 3")
    query(path, "VACUUM")
    assert over(place, good).backup_set.path == good.path


def test_long_values_are_compared_by_their_beginnings(place: Place) -> None:
    path = place.path()
    query(path, "CREATE TABLE t (x)")
    for _ in range(40):
        query(path, "INSERT INTO t VALUES (randomblob(20000))")
    good = over(place).backup_set
    query(path, "DELETE FROM t WHERE rowid IN (1, 20)")
    query(path, "VACUUM")
    assert over(place, good).backup_set.path == good.path


def test_the_last_backup_with_data_stays_where_all_of_it_was_deleted(place: Place) -> None:
    path = busy(place.path())
    good = over(place).backup_set
    query(path, "DELETE FROM t")
    query(path, "VACUUM")
    assert_it_stays(place, good, over(place, good), "other contents were written into the same file since")


def test_what_only_looks_like_a_page_of_rows_says_nothing() -> None:
    broken = b"\x0d\0\0\0\x03" + b"\0" * 3 + b"\xff\xff" * 3
    assert list(rows_kept._of_page(broken.ljust(512, b"\xff"))) == []


@pytest.mark.parametrize("at_hand", [True, False])
def test_an_encrypted_backup_of_a_database_that_was_copied_over_stays(place: Place, at_hand: bool) -> None:
    if at_hand:
        place.keys[THUMBPRINT] = pair().key_der()
    busy(place.path("other"), 80)
    query(place.path("other"), "CREATE TABLE more (x)")
    busy(place.path())
    good = over(place, encryption=FOR_BACKUPS).backup_set
    copied_over(place, "other")
    result = over(place, good, encryption=FOR_BACKUPS)
    assert_it_stays(place, good, result, "other contents were written into the same file since")


def with_incremental(place: Place) -> tuple[BackupSet, BackupSet, bytes]:
    """Take a full, and an incremental of much that came later; return both, and the file as it was at the full."""
    path = busy(place.path(), 3)
    full = over(place).backup_set
    before = path.read_bytes()
    busy_later(path)
    return full, over(place, full, name="diff.bak", base=full).backup_set, before


def busy_later(path: Path) -> None:
    for number in range(30):
        query(path, f"INSERT INTO t VALUES (hex(randomblob({300 + number})))")


def test_a_full_stays_for_the_incremental_of_what_an_older_copy_was_put_in_the_place_of(place: Place) -> None:
    full, incremental, before = with_incremental(place)
    place.path().write_bytes(before)
    query(place.path(), "INSERT INTO t VALUES ('later')")
    result = over(place, full, incremental)
    assert_it_stays(place, full, result, f"{incremental.path} needs it, which is the last backup")
    # Neither is in the way of those that follow.
    again = over(place, full, incremental, result.backup_set)
    assert again.backup_set.path == result.backup_set.path
    request = RestoreRequest(database="was.db", sets=[full, incremental], create_if_missing=True)
    place.engine.restore(request)
    assert query(place.path("was.db"), "SELECT count(*) FROM t") == [(33,)]


def test_a_full_goes_with_the_incremental_whose_data_the_database_continues(place: Place) -> None:
    full, incremental, _ = with_incremental(place)
    busy_later(place.path())
    assert over(place, full, incremental).backup_set.path == full.path


@pytest.mark.parametrize("how", ["gone", "cut short", "another set"])
def test_an_incremental_that_cannot_be_restored_needs_no_full(place: Place, how: str) -> None:
    full, incremental, before = with_incremental(place)
    place.path().write_bytes(before)
    query(place.path(), "INSERT INTO t VALUES ('later')")
    file = Path(incremental.path)
    if how == "gone":
        file.unlink()
    elif how == "cut short":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        shutil.copy(full.path, file)
    assert over(place, full, incremental).backup_set.path == full.path


def test_a_full_stays_where_it_cannot_be_told_what_needs_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    full, incremental, _ = with_incremental(place)

    def open_(path: str, keys: Any) -> Media:
        if path == incremental.path:
            raise Unreadable(f"The media file {path} cannot be read: Input/output error.", hint="Look at the disk.")
        return Media(path, keys)

    monkeypatch.setattr(placing, "Media", open_)
    formers = {one.set_id: placing.Former(recorded(one), None, False, one.base_id) for one in (full, incremental)}
    wanted = replace(wanted_name(place), replaceable=formers)
    kept = placing.look(full.path, wanted, source_now())
    assert kept is not None
    assert f"whether it is needed for {incremental.path} cannot be told" in kept.why_kept
