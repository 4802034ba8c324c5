"""Each thing that can go wrong has its own clear error, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.records import DatabaseState, Instance
from pwsops.engines.registry import open_engine
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import backup, names, writer
from pwsops.engines.sqlite.report import Report
from pwsops.errors import BaseUnusable, EngineError, InvalidInput, MediaError, NotFound, PwsopsError
from pwsops.rules.model import BackupKind
from tests.integration.sqlite.support import HOLD, SILENT, Place, elsewhere, is_whole, order, query


def refused(place: Place, kind: type[PwsopsError], match: str, **more: Any) -> PwsopsError:
    before = place.left_in_media() if place.media.is_dir() else []
    with pytest.raises(kind, match=match) as failed:
        place.take(**more)
    assert failed.value.hint
    assert (place.left_in_media() if place.media.is_dir() else []) == before
    return failed.value


def test_a_file_that_is_no_database(place: Place) -> None:
    place.path().write_text("a text\n" * 1000)
    refused(place, EngineError, "is encrypted or is not a SQLite database")


def test_an_encrypted_database(place: Place) -> None:
    place.path().write_bytes(os.urandom(1 << 16))
    assert "key" in refused(place, EngineError, "is encrypted or is not a SQLite database").hint


def test_an_empty_database(place: Place) -> None:
    place.path().touch()
    refused(place, EngineError, "is empty")


def test_a_directory_under_the_name_of_a_database(place: Place) -> None:
    place.path().mkdir()
    refused(place, EngineError, "is a directory")


def test_a_database_cut_short(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    os.truncate(path, 9 * 4096)
    refused(place, EngineError, "is damaged|ends before")


def test_a_database_locked_for_long(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    with elsewhere(HOLD, path, "BEGIN EXCLUSIVE"):
        assert refused(place, EngineError, "stayed locked").transient


def test_a_wal_database_locked_exclusively(place: Place) -> None:
    path = place.vault()
    with elsewhere(HOLD, path, "PRAGMA locking_mode=EXCLUSIVE;BEGIN EXCLUSIVE;UPDATE ledger SET balance = 0"):
        assert refused(place, EngineError, "stayed locked").transient


def test_a_database_that_is_not_there(place: Place) -> None:
    refused(place, NotFound, "does not exist")


def test_a_database_that_vanishes_while_it_is_read(place: Place) -> None:
    path = place.vault(size_mb=24)
    # In this very process, so that it is gone before the reading goes on.
    gone = Report(lambda values: path.unlink(missing_ok=True))
    with pytest.raises(EngineError, match=r"removed or replaced"):
        backup.take(order(path, place.media, "one.bak"), gone)
    assert place.left_in_media() == []


@pytest.mark.parametrize("name", ["../db.sqlite3", "/etc/passwd", "..", ".", "", "a/b.sqlite3", "a\\b", "x\0y"])
def test_a_name_never_leaves_the_directory(place: Place, name: str) -> None:
    (place.vaults.parent / "db.sqlite3").write_bytes(b"outside")
    refused(place, InvalidInput, "is not a file name|cannot be a database", database=name)
    with pytest.raises(InvalidInput):
        names.new_database(str(place.vaults), name)


@pytest.mark.parametrize(
    "name", [".hidden.sqlite3", "db.sqlite3-wal", "old.bak", "db.sqlite3.damaged-20260101T000000Z"]
)
def test_a_side_file_is_no_database(place: Place, name: str) -> None:
    place.vault(name)
    refused(place, InvalidInput, "cannot be a database", database=name)


@pytest.mark.parametrize("name", ["../x.bak", "a/b.bak", ""])
def test_a_media_name_never_leaves_the_directory(place: Place, name: str) -> None:
    place.vault()
    refused(place, InvalidInput, "is not a file name", name=name)


def test_a_database_that_is_gone_is_no_other_whose_name_begins_so(place: Place) -> None:
    place.vault("notes.db").rename(place.path("notes"))
    taken = place.take(database="notes").backup_set
    place.path("notes").rename(place.path("elsewhere"))
    other = place.vault("notes.db")
    before = other.read_bytes()
    refused(place, NotFound, "The database notes does not exist", name="two.bak", database="notes")
    with pytest.raises(NotFound) as missing:
        place.engine.restore(RestoreRequest(database="notes", sets=[taken]))
    assert "If notes.db is meant, give the whole name." in missing.value.hint
    restored = place.engine.restore(RestoreRequest(database="notes", sets=[taken], create_if_missing=True))
    assert (restored.database, restored.created) == ("notes", True)
    is_whole(place.path("notes"))
    assert other.read_bytes() == before


def test_an_unusual_name_is_given_to_a_new_database_only_where_it_had_that_name(place: Place) -> None:
    place.vault()
    taken = place.take().backup_set
    with pytest.raises(InvalidInput, match="notes cannot name a database"):
        place.engine.restore(RestoreRequest(database="notes", sets=[taken], create_if_missing=True))


def test_a_name_is_spelled_as_the_directory_spells_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    assert place.engine.spelled("db.sqlite3") == "db.sqlite3"
    assert place.engine.spelled("db") is None
    assert place.engine.spelled("DB.sqlite3") is None
    # As on a file system that tells no case apart.
    place.path("DB.sqlite3").hardlink_to(place.path())

    def cannot(path: str) -> list[str]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "listdir", lambda path: ["db.sqlite3"])
    assert place.engine.spelled("DB.sqlite3") == "db.sqlite3"
    monkeypatch.setattr(os, "listdir", cannot)
    with pytest.raises(EngineError, match="cannot be listed: Input/output error"):
        place.engine.spelled("db.sqlite3")


def test_a_missing_media_directory(place: Place) -> None:
    place.vault()
    place.media.rmdir()
    refused(place, EngineError, "does not exist")


def test_a_media_directory_that_is_a_file(place: Place) -> None:
    place.vault()
    refused(place, EngineError, "is not a directory", directory=str(place.path()))


def test_a_read_only_media_directory(place: Place) -> None:
    place.vault()
    with pytest.raises(EngineError, match=r"not writable|failed in") as failed:
        place.take(directory="/proc/self")
    assert failed.value.hint


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_file_that_may_not_grow_is_no_full_disk(place: Place) -> None:
    place.vault(size_mb=4)
    with file_size_limit(1 << 20):
        failed = refused(place, EngineError, "in .*media: the largest size that a file may have was reached")
    assert "ulimit -f" in failed.hint


@pytest.fixture
def small_disk() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        if not mounted:
            reason = "a small tmpfs cannot be mounted here (not root)"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        yield path
        subprocess.run(["umount", str(path)], check=True)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def test_a_full_disk(place: Place, small_disk: Path) -> None:
    place.vault(size_mb=4)
    with pytest.raises(EngineError, match=f"in {small_disk}: no space is left .[0-9]+ bytes free"):
        place.take(directory=str(small_disk))
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_while_a_copy_is_made(place: Place, small_disk: Path) -> None:
    path = place.vault(size_mb=4)
    with elsewhere(HOLD, path, "BEGIN;SELECT count(*) FROM ledger"):
        query(path, "UPDATE ciphers SET user = 'x'")
        with pytest.raises(EngineError, match=f"no space is left in {small_disk}"):
            place.take(directory=str(small_disk))
    assert list(small_disk.iterdir()) == []


def test_a_restore_without_space_says_how_much_is_needed(place: Place, small_disk: Path) -> None:
    place.vault(size_mb=4)
    taken = place.take().backup_set
    small = open_engine(Instance(name="small", engine="sqlite", address=str(small_disk)))
    (small_disk / "db.sqlite3").touch()
    with pytest.raises(EngineError, match=r"bytes free; \d+ are needed"):
        small.restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
    assert [(entry.name, entry.stat().st_size) for entry in small_disk.iterdir()] == [("db.sqlite3", 0)]


# A base that does not serve -------------------------------------------------------------------------------------


def test_a_base_of_another_page_size(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    base = place.take("full.bak").backup_set
    query(path, "PRAGMA page_size=8192")
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("VACUUM")
    connection.close()
    refused(place, BaseUnusable, "pages have 4096 bytes, now they have 8192", base=base)


def test_a_base_that_is_missing(place: Place) -> None:
    place.vault()
    base = place.take("full.bak").backup_set
    os.unlink(base.path)
    refused(place, BaseUnusable, "full.bak cannot be opened", base=base)


@pytest.mark.parametrize("part", ["header", "frame", "trailer", "footer"])
def test_a_base_that_is_damaged(place: Place, part: str) -> None:
    place.vault()
    base = place.take("full.bak").backup_set
    data = bytearray(Path(base.path).read_bytes())
    last = {"frame": b"PFRM", "trailer": b"PWSTRL", "footer": b"PWSEND"}
    at = data.rindex(last[part]) if part in last else 0
    data[at + 60] ^= 1
    Path(base.path).write_bytes(data)
    refused(place, BaseUnusable, "full.bak is damaged", base=base)


def test_a_base_that_holds_another_backup_by_now(place: Place) -> None:
    place.vault()
    base = place.take("full.bak").backup_set
    place.take("full.bak", overwrite=True, replaceable=[base])
    refused(place, BaseUnusable, "another backup than the one that was recorded", base=base)


def test_a_base_of_another_database(place: Place) -> None:
    place.vault()
    place.vault("other.sqlite3")
    base = place.take("full.bak", database="other.sqlite3").backup_set
    refused(place, BaseUnusable, "a backup of other.sqlite3", base=base)


def test_an_incremental_is_no_base(place: Place) -> None:
    place.vault()
    full = place.take("full.bak").backup_set
    base = place.take("incremental.bak", base=full).backup_set
    refused(place, BaseUnusable, "is an incremental itself", base=base)


# Media that do not belong together ------------------------------------------------------------------------------


def test_media_that_are_not_ours_are_named_for_what_they_are(place: Place) -> None:
    path = place.vault()
    samples = {"a.bak": b"TAPE\0\0\x03\0", "b.bak": b"", "c.bak": b"whatever it is", "d.bak": path.read_bytes()}
    words = ["a SQL Server backup", "is empty", "not one of our backups", "is a SQLite database"]
    for (name, content), word in zip(samples.items(), words, strict=True):
        (place.media / name).write_bytes(content)
        with pytest.raises(MediaError, match=f"{name} {word}|{name} is {word}"):
            place.engine.read_media(str(place.media / name))
    with pytest.raises(MediaError, match=r"it is a directory, not a plain file"):
        place.engine.read_media(str(place.media))


def test_an_incremental_alone_or_with_a_strangers_full_is_refused(place: Place) -> None:
    place.vault()
    full, other = (place.take(name).backup_set for name in ("full.bak", "other.bak"))
    incremental = place.take("incremental.bak", base=full).backup_set
    for chain, match in (
        ([incremental], "needs one full"),
        ([full, incremental, incremental], "needs one full"),
        ([other, incremental], "does not refer to"),
        ([full, other], "does not refer to"),
        ([], "needs one full"),
    ):
        with pytest.raises(MediaError, match=match):
            place.engine.restore(RestoreRequest(database="db.sqlite3", sets=chain))


def test_a_media_file_that_holds_another_set_by_now_is_refused(place: Place) -> None:
    place.vault()
    old = place.take().backup_set
    place.take(overwrite=True, replaceable=[old])
    with pytest.raises(MediaError, match=r"another backup .* than the one that was recorded"):
        place.engine.verify(old)
    with pytest.raises(MediaError, match=r"another backup .* than the one that was recorded"):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[old]))


def test_an_incremental_without_its_base_is_not_asked_for(place: Place) -> None:
    place.vault()
    with pytest.raises(InvalidInput, match="needs the full"):
        place.take(kind=BackupKind.DIFFERENTIAL)


@pytest.mark.parametrize("held_bytes", [writer.HELD_BYTES, 0])
def test_a_disk_that_keeps_other_bytes_than_it_was_given_is_found_out(
    place: Place, monkeypatch: pytest.MonkeyPatch, held_bytes: int
) -> None:
    path, read = place.vault(size_mb=5), os.pread
    monkeypatch.setattr(writer, "HELD_BYTES", held_bytes)
    backup.take(order(path, place.media, "good.bak"), SILENT)

    def worn(fd: int, count: int, offset: int) -> bytes:
        found = read(fd, count, offset)
        return found[:-1] + bytes([found[-1] ^ 1]) if offset > 1 << 20 else found

    monkeypatch.setattr(os, "pread", worn)
    with pytest.raises(MediaError, match="is not what was written"):
        backup.take(order(path, place.media, "bad.bak"), SILENT)
    assert place.left_in_media() == ["good.bak"]


def test_an_instance_whose_directory_is_gone(place: Place) -> None:
    place.vaults.rmdir()
    with pytest.raises(EngineError, match=r"cannot be listed"):
        place.engine.databases()


def test_states_are_told_apart_in_the_list(place: Place) -> None:
    place.vault()
    place.path("empty.db").touch()
    place.path("noise.sqlite").write_bytes(os.urandom(5000))
    place.path("cut.db").write_bytes(place.path().read_bytes()[:50])
    place.path("half.db").write_bytes(place.path().read_bytes()[:1000])
    place.path("header.db").write_bytes(place.path().read_bytes()[:16] + bytes(9000))
    place.path("readme.txt").write_text("no database")
    place.path("data").write_bytes(place.path().read_bytes())
    for ignored in (".db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "db.sqlite3-journal", "old.bak"):
        place.path(ignored).write_bytes(place.path().read_bytes())
    listed = {info.name: (info.state, info.reason) for info in place.engine.databases()}
    unreadable = DatabaseState.UNREADABLE
    assert listed == {
        "cut.db": (unreadable, "it is cut short"),
        "data": (DatabaseState.ONLINE, ""),
        "db.sqlite3": (DatabaseState.ONLINE, ""),
        "empty.db": (DatabaseState.EMPTY, "it is empty (0 bytes)"),
        "half.db": (unreadable, "it is cut short"),
        "header.db": (unreadable, "its header is damaged"),
        "noise.sqlite": (unreadable, "it is encrypted or not a SQLite database"),
    }
