"""What a restore does to its target: old or new, never a mix; its own journal mode; nothing where it cannot."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pwsops import foreign
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import assembly, backup, layout, publishing, target, verify
from pwsops.engines.sqlite import restore as restoring
from pwsops.engines.sqlite.report import Report
from pwsops.errors import Conflict, EngineError, MediaError
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import HOLD, SILENT, Place, elsewhere, is_whole, order, query


def restore(
    place: Place, *sets: BackupSet, database: str = "db.sqlite3", may_replace_damaged: bool = True
) -> str | None:
    request = RestoreRequest(database=database, sets=sets, may_replace_damaged=may_replace_damaged)
    return place.engine.restore(request).kept_damaged_as


@pytest.mark.parametrize("target_mode", ["wal", "delete"])
@pytest.mark.parametrize("source_mode", ["wal", "delete"])
def test_the_target_keeps_its_journal_mode(place: Place, source_mode: str, target_mode: str) -> None:
    path = place.vault(journal_mode=source_mode)
    taken = place.take().backup_set
    query(path, f"PRAGMA journal_mode={target_mode}")
    query(path, "DELETE FROM ciphers")
    restore(place, taken)
    assert query(path, "PRAGMA journal_mode") == [(target_mode,)]
    assert query(path, "SELECT count(*) > 0 FROM ciphers") == [(1,)]
    is_whole(path)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_an_empty_target_takes_the_mode_of_the_backup(place: Place, mode: str) -> None:
    place.vault(journal_mode=mode)
    taken = place.take().backup_set
    place.path("copy.sqlite3").touch()
    restore(place, taken, database="copy.sqlite3")
    assert query(place.path("copy.sqlite3"), "PRAGMA journal_mode") == [(mode,)]
    is_whole(place.path("copy.sqlite3"))


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("page_size", [512, 1024, 8192, 65536])
def test_another_page_size_fits_into_the_target(place: Place, mode: str, page_size: int) -> None:
    place.vault()
    taken = place.take().backup_set
    target = place.path("target.db")
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_size}")
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE old (x)")
    restore(place, taken, database="target.db")
    assert query(target, "PRAGMA journal_mode") == [(mode,)]
    assert query(target, "PRAGMA page_size") == [(4096,)]
    is_whole(target)


def test_another_page_size_onto_a_wal_target_in_use_is_a_clear_error(place: Place) -> None:
    place.vault()
    taken = place.take().backup_set
    target = place.path("target.db")
    query(target, "PRAGMA page_size=8192")
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE old (x)")
    with (
        elsewhere(HOLD, target, "SELECT * FROM old"),
        pytest.raises(EngineError, match=r"stayed locked .*still holds its old data") as failed,
    ):
        restore(place, taken, database="target.db")
    assert failed.value.transient
    assert query(target, "PRAGMA journal_mode") == [("wal",)]
    assert query(target, "SELECT count(*) FROM old") == [(0,)]


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_target_locked_for_long_keeps_its_old_data(place: Place, mode: str) -> None:
    path = place.vault(journal_mode=mode)
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    with (
        elsewhere(HOLD, path, "BEGIN IMMEDIATE"),
        pytest.raises(EngineError, match=r"stayed locked .*still holds its old data") as failed,
    ):
        restore(place, taken)
    assert failed.value.transient
    assert query(path, "SELECT count(*) FROM ciphers") == [(0,)]
    assert place.left_in_vaults() == ["db.sqlite3"]


READ_ON = """
import sqlite3, sys
reader = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
reader.execute("BEGIN")
print(reader.execute("SELECT count(*), min(user), max(user) FROM ciphers").fetchone()[1:] and "ready", flush=True)
sys.stdin.readline()
print(reader.execute("SELECT count(DISTINCT user), min(user) FROM ciphers").fetchone(), flush=True)
reader.execute("COMMIT")
print(reader.execute("SELECT count(DISTINCT user), min(user) FROM ciphers").fetchone(), flush=True)
"""


def test_a_reader_sees_the_old_until_its_transaction_ends_and_then_the_new(place: Place) -> None:
    path = place.vault(size_mb=4)
    query(path, "UPDATE ciphers SET user = 'from the backup'")
    taken = place.take().backup_set
    query(path, "UPDATE ciphers SET user = 'old'")
    with elsewhere(READ_ON, path) as reader:
        restore(place, taken)
        out, _ = reader.communicate("go\n")
    assert out.splitlines() == ["(1, 'old')", "(1, 'from the backup')"]


@pytest.mark.parametrize(
    "content", [b"no database at all " * 500, os.urandom(20_000), b"SQLite format 3\0" + bytes(99)]
)
def test_a_target_that_is_no_database_is_kept_beside_and_replaced(place: Place, content: bytes) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o604)
    Path(f"{path}-journal").write_bytes(b"old journal")
    kept = restore(place, taken)
    assert kept is not None
    assert kept.startswith(f"{path}.damaged-2")
    assert Path(kept).read_bytes() == content
    assert Path(f"{kept}-journal").read_bytes() == b"old journal"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    is_whole(path)
    assert [info.name for info in place.engine.databases()] == ["db.sqlite3"]


def test_two_damaged_ones_of_the_same_second_are_both_kept(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for content in (b"the first " * 500, b"the second " * 500):
        path.write_bytes(content)
        order = restoring.RestoreOrder(
            database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32, stamp="now"
        )
        restoring.restore(order, Report(lambda _: None))
    kept = [path.with_name(f"db.sqlite3.damaged-{stamp}").read_bytes() for stamp in ("now", "now-2")]
    assert kept == [b"the first " * 500, b"the second " * 500]
    is_whole(path)


def test_a_target_whose_place_cannot_be_taken_stays_with_all_that_lies_beside_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for each in place.vaults.iterdir():
        each.unlink()
    path.write_bytes(b"no database " * 1000)
    Path(f"{path}-wal").write_bytes(b"its log")

    def refuse(*given: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(foreign, "replace", refuse)
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32, stamp="now"
    )
    for links in (True, False):
        if not links:
            monkeypatch.setattr(foreign, "link", refuse)
        with pytest.raises(EngineError, match="reports an error"):
            restoring.restore(order, Report(lambda _: None))
        assert place.left_in_vaults() == ["db.sqlite3", "db.sqlite3-wal"]
        assert path.read_bytes() == b"no database " * 1000


def test_a_mode_that_cannot_be_set_is_said_and_no_failure(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.write_bytes(b"no database " * 1000)

    def refuse(*given: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)
    said: list[dict[str, object]] = []
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32, stamp="now"
    )
    restoring.restore(order, Report(lambda values: said.append(dict(values))))
    assert any("could not get back its mode" in str(values.get("message")) for values in said)
    is_whole(path)


def test_somebody_who_creates_the_database_meanwhile_keeps_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for each in place.vaults.iterdir():
        each.unlink()
    complete = assembly.Assembly.complete

    def meanwhile(self: assembly.Assembly) -> None:
        complete(self)
        path.write_text("theirs")

    monkeypatch.setattr(assembly.Assembly, "complete", meanwhile)
    order = restoring.RestoreOrder(
        database=path.name,
        path=str(path),
        sets=[(taken.path, taken.set_id)],
        token="0" * 32,
        create_if_missing=True,
    )
    with pytest.raises(Conflict, match="somebody created"):
        restoring.restore(order, Report(lambda _: None))
    assert path.read_text() == "theirs"
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_a_target_that_is_no_database_stays_where_replacing_is_not_allowed(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(EngineError, match=r"is not a SQLite database"):
        restore(place, taken, may_replace_damaged=False)
    assert path.read_bytes() == b"no database " * 1000
    assert place.left_in_vaults() == ["db.sqlite3"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_a_target_that_cannot_be_read_now_is_not_taken_for_a_damaged_one(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = place.vault()
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    before = path.stat().st_ino
    open_plain = foreign.open_plain

    def refuse(name: str) -> int:
        if name == str(path):
            raise OSError(code, os.strerror(code), name)
        return open_plain(name)

    monkeypatch.setattr(foreign, "open_plain", refuse)
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32, stamp="now"
    )
    with pytest.raises(EngineError, match=r"cannot be read .* nobody knows what it holds"):
        restoring.restore(order, SILENT)
    assert path.stat().st_ino == before
    assert not [name for name in place.left_in_vaults() if "damaged" in name]


def test_a_damaged_target_stays_in_its_place_when_the_media_are_damaged_too(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    os.truncate(taken.path, taken.size_bytes - 1)
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(MediaError):
        restore(place, taken)
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_a_target_without_hard_links_is_replaced_as_well(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*names: str) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(foreign, "link", no_links)
    old, new, third = (place.media / name for name in ("old", "new", "third"))
    old.write_text("old")
    target._keep(str(old), str(old) + ".damaged")
    assert (place.media / "old.damaged").read_text() == "old"
    new.write_text("new")
    publishing.new(str(new), str(third), print)
    assert third.read_text() == "new"
    assert place.left_in_media() == ["old.damaged", "third"]


def test_a_restore_needs_no_room_for_a_second_copy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    query(path, "CREATE TABLE bulk (x)")
    query(
        path,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48) "
        "INSERT INTO bulk SELECT randomblob(1 << 20) FROM n",
    )
    taken = place.take().backup_set
    used: list[int] = []
    give_up = assembly.Assembly.give_up_before

    def measured(self: assembly.Assembly, page: int) -> None:
        give_up(self, page)
        used.append(os.fstat(self._fd).st_blocks * 512)

    monkeypatch.setattr(assembly.Assembly, "give_up_before", measured)
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32
    )
    restoring.restore(order, Report(lambda _: None))
    assert len(used) > 20
    assert max(used) < path.stat().st_size / 2
    is_whole(path)
    assert query(path, "SELECT count(*), min(length(x)) FROM bulk") == [(48, 1 << 20)]


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_page_that_is_not_the_one_that_was_backed_up_leaves_the_target_as_it_was(
    place: Place, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    path = place.vault(size_mb=5, journal_mode=mode)
    pack = layout.pack_run_head

    def packed(sequence: int, first_page: int, blocks: bytes, *rest: Any) -> bytes:
        return pack(sequence, first_page, bytes(len(blocks)) if sequence == 2 else blocks, *rest)

    monkeypatch.setattr(layout, "pack_run_head", packed)
    taken: Any = backup.take(order(path, place.media, "one.bak"), SILENT)
    query(path, "DELETE FROM ciphers WHERE id > 7")
    before = query(path, "SELECT * FROM ciphers")
    wanted = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken["path"], taken["set_id"])], token="0" * 32
    )
    with pytest.raises(MediaError, match="frame 2 holds other pages than it lists"):
        restoring.restore(wanted, SILENT)
    assert query(path, "SELECT * FROM ciphers") == before
    assert query(path, "PRAGMA journal_mode") == [(mode,)]
    is_whole(path)


def test_media_changed_after_they_were_checked_leave_the_target_as_it_was(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.vault()
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    check = verify.check_all

    def spoil(*given: object, **more: object) -> None:
        check(*given, **more)
        with open(taken.path, "r+b") as stream:
            stream.seek(Path(taken.path).stat().st_size // 2)
            stream.write(b"spoiled")

    monkeypatch.setattr(verify, "check_all", spoil)
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32
    )
    with pytest.raises(MediaError, match="is damaged"):
        restoring.restore(order, Report(lambda _: None))
    assert query(path, "SELECT count(*) FROM ciphers") == [(0,)]
    is_whole(path)
