"""Scratches of drills on real files: made, looked into and dropped by confined workers, and by nobody else's name."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pwsops.engines.off_limits import of_home
from pwsops.engines.scratch import DrillsBackups, Scratch, Scratches
from pwsops.engines.sqlite import examination, files, restore, scratches
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.errors import Cancelled, Conflict, EngineError, MediaError, NoSpace, NotFound, Refused
from pwsops.rules.drills import AnswerKind, scratch_name
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import Place, query

NAME = scratch_name("0" * 32)


@pytest.fixture
def home(tmp_path: Path, place: Place) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    instance = place.engine.instance
    place.engine = SqliteEngine(replace(instance, off_limits=of_home(home, [])))
    return home


def its(place: Place) -> Scratches:
    assert isinstance(place.engine, DrillsBackups)
    return place.engine.scratches()


def taken(place: Place, *statements: str, name: str = "one.bak") -> BackupSet:
    for statement in statements or ("CREATE TABLE t (x)", "INSERT INTO t VALUES (1), (2), (3)"):
        query(place.path(), statement)
    return place.take(name, check_structure=False).backup_set


def filled(place: Place, *statements: str) -> Scratch:
    backup_set = taken(place, *statements)
    scratch = its(place).place(NAME)
    its(place).fill(scratch, [backup_set], 1)
    return scratch


def answers(place: Place, scratch: Scratch, *queries: str) -> list[tuple[str, str]]:
    return [(one.kind.value, one.value or one.why) for one in its(place).ask(scratch, queries)]


def test_a_scratch_in_the_home_holds_what_was_backed_up_and_goes_without_a_trace(place: Place, home: Path) -> None:
    query(place.path(), "PRAGMA journal_mode=WAL")
    scratch = filled(place)
    where = home / "drills" / NAME
    assert (scratch.place, os.listdir(where), where.stat().st_mode & 0o777) == (str(where), ["scratch.db"], 0o700)
    found = its(place).check(scratch)
    assert (found.found, found.remarks, found.why_not) == ([], [], "")
    assert [tuple(one) for one in its(place).count(scratch).tables] == [("t", 3)]
    assert its(place).why_no_queries() == ""
    assert answers(place, scratch, "SELECT sum(x) FROM t") == [("value", "6")]
    assert os.listdir(where) == ["scratch.db"]
    assert its(place).drop(scratch)
    assert not its(place).drop(scratch)
    assert os.listdir(home / "drills") == []


def test_an_incremental_is_drilled_with_its_full(place: Place, home: Path) -> None:
    full = taken(place)
    query(place.path(), "INSERT INTO t VALUES (4)")
    scratch = its(place).place(NAME)
    its(place).fill(scratch, [full, place.take("two.bak", base=full).backup_set], 1)
    assert answers(place, scratch, "SELECT count(*) FROM t") == [("value", "4")]


def test_it_goes_where_the_option_says(place: Place, home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "big disk"
    elsewhere.mkdir()
    instance = place.engine.instance
    place.engine = SqliteEngine(replace(instance, options={"scratch_directory": str(elsewhere)}))
    scratch = filled(place)
    assert Path(scratch.place) == elsewhere / "pwsops-drills" / NAME
    assert answers(place, scratch, "SELECT count(*) FROM t") == [("value", "3")]
    os.rename(elsewhere, tmp_path / "unmounted")
    with pytest.raises(EngineError, match="cannot be told") as away:
        its(place).drop(scratch)
    assert "Mount" in away.value.hint
    elsewhere.mkdir()  # a mount point without its disk
    with pytest.raises(EngineError, match="cannot be told"):
        its(place).drop(scratch)
    elsewhere.rmdir()
    os.rename(tmp_path / "unmounted", elsewhere)
    assert its(place).drop(scratch)
    assert os.listdir(elsewhere / "pwsops-drills") == []


def test_without_a_place_there_is_no_drill(place: Place) -> None:
    with pytest.raises(EngineError, match="no home"):
        its(place).place(NAME)
    for directory in ("relative", "/nowhere/at all"):
        instance = replace(place.engine.instance, options={"scratch_directory": directory})
        with pytest.raises(EngineError, match="is no directory"):
            SqliteEngine(instance).scratches().place(NAME)


def test_one_drill_never_takes_the_place_of_another(place: Place, home: Path) -> None:
    scratch = filled(place)
    with pytest.raises(Conflict, match="is there already"):
        its(place).fill(scratch, [], 1)


def test_where_no_directory_can_be_made_it_says_so(place: Place, home: Path) -> None:
    (home / "drills").write_text("in the way")
    with pytest.raises(EngineError, match="cannot make a directory"):
        its(place).fill(its(place).place(NAME), [], 1)


def test_nothing_is_written_where_there_is_no_room(
    place: Place, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup_set = taken(place)
    size = backup_set.database_size_bytes
    target = tmp_path / "scratch.db"
    monkeypatch.setattr(files, "free_bytes", lambda directory: size + 999)
    with pytest.raises(NoSpace, match=f"{size + 999} bytes free; {size + 1000} are needed"):
        restore._require_space(str(target), size, 1000)
    restore._require_space(str(target), size, 999)
    with pytest.raises(NoSpace):  # as large as nobody's disk is
        its(place).fill(its(place).place(NAME), [backup_set], 1 << 62)
    assert os.listdir(home / "drills" / NAME) == []


def test_damaged_media_and_a_missing_key_are_told_apart(place: Place, home: Path) -> None:
    backup_set = taken(place)
    data = bytearray(Path(backup_set.path).read_bytes())
    data[len(data) // 2] ^= 1
    Path(backup_set.path).write_bytes(data)
    with pytest.raises(MediaError, match="damaged"):
        its(place).fill(its(place).place(NAME), [backup_set], 1)
    assert its(place).drop(its(place).place(NAME))


def test_it_can_be_cancelled(place: Place, home: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    backup_set = taken(place)
    with pytest.raises(Cancelled):
        its(place).fill(its(place).place(NAME), [backup_set], 1, cancel=cancel)
    assert its(place).drop(its(place).place(NAME))


def test_an_index_that_lies_is_found(place: Place, home: Path) -> None:
    """A row that was written while the schema did not have the index."""
    query(place.path(), "CREATE TABLE t (x)")
    query(place.path(), "CREATE INDEX i ON t (x)")
    with closing(sqlite3.connect(place.path())) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        [row] = connection.execute("SELECT * FROM sqlite_master WHERE name = 'i'").fetchall()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'i'")
        connection.commit()
    query(place.path(), "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(place.path())) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
        connection.commit()
    scratch = filled(place, "SELECT 1")
    assert any("index i" in found for found in its(place).check(scratch).found)


def test_what_needs_its_application_is_checked_without_its_order(place: Place, home: Path) -> None:
    with closing(sqlite3.connect(place.path())) as connection:
        connection.create_collation("REVERSED", lambda one, other: (other > one) - (other < one))
        connection.execute("CREATE TABLE t (x TEXT COLLATE REVERSED)")
        connection.execute("CREATE INDEX i ON t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(str(number),) for number in range(100)])
        connection.commit()
    found = its(place).check(filled(place, "SELECT 1"))
    assert (found.found, found.why_not) == ([], "")
    assert "were not compared" in found.remarks[0]


def test_a_file_that_is_none_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "scratch.db"
    path.write_bytes(b"SQLite format 3\0" + bytes(84))
    found = examination.check(str(path))
    assert found["found"] or found["why_not"]
    with pytest.raises(NotFound):
        examination.count(str(tmp_path / "none.db"))


HOSTILE = [
    "ATTACH '{victim}' AS v",
    "DETACH main",
    "INSERT INTO t VALUES (9)",
    "DELETE FROM t",
    "CREATE TABLE u (x)",
    "CREATE TEMP TABLE u (x)",
    "DROP TABLE t",
    "VACUUM INTO '{victim}.copy'",
    "PRAGMA query_only=0",
    "PRAGMA database_list",
    "SELECT load_extension('{victim}')",
    "SELECT 1; DELETE FROM t",
    "BEGIN IMMEDIATE",
    "ANALYZE",
    "REINDEX",
    "SELECT x FROM t",
    "SELECT 1, 2",
    "",
    "SELECT nothing(1)",
    "SELECT FROM",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "SELECT zeroblob(2000000)",
    "SELECT hex(zeroblob(900))",
    "WITH RECURSIVE r(n, t) AS (SELECT 1, 'a' UNION ALL SELECT n + 1, t || t FROM r) SELECT max(length(t)) FROM r",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_query_does_nothing_and_ends(
    hostile: str, place: Place, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim.db"
    query(victim, "CREATE TABLE secret (x)")
    monkeypatch.setattr(scratches, "QUERY_S", 0.5)
    scratch = filled(place)
    before = (Path(scratch.place) / "scratch.db").read_bytes()
    [first, second] = its(place).ask(scratch, [hostile.format(victim=victim), "SELECT count(*) FROM t"])
    assert first.kind is AnswerKind.REFUSED
    assert first.why
    assert (second.kind, second.value) == (AnswerKind.VALUE, "3")
    assert (Path(scratch.place) / "scratch.db").read_bytes() == before
    assert os.listdir(scratch.place) == ["scratch.db"]
    assert not (tmp_path / "victim.db.copy").exists()


def test_what_the_database_makes_of_a_query_is_held_to_the_same(place: Place, home: Path) -> None:
    scratch = filled(
        place,
        "CREATE TABLE t (x)",
        "CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) "
        "SELECT count(*) AS c FROM r",
        "CREATE VIEW bad AS SELECT load_extension('x') AS c",
    )
    assert answers(place, scratch, "SELECT c FROM v") == [("value", "5")]
    assert answers(place, scratch, "SELECT c FROM bad")[0][0] == "refused"


def test_what_the_database_lacks_is_told_from_a_query_that_is_none(place: Place, home: Path) -> None:
    scratch = filled(place)
    found = answers(place, scratch, "SELECT x FROM gone", 'SELECT "y" FROM t LIMIT 1', "SELEC 1")
    assert [kind for kind, _ in found] == ["lacking", "lacking", "refused"]


@pytest.mark.parametrize(
    ("sql", "value"),
    [("NULL", "NULL"), ("1.5", "1.5"), ("'ä'", "ä"), ("x'00ff'", "x'00ff'"), ("1 = 1", "1"), ("''", "")],
)
def test_each_value_has_one_text(sql: str, value: str, place: Place, home: Path) -> None:
    assert answers(place, filled(place), f"SELECT {sql}") == [("value", value)]


def test_what_is_no_scratch_is_never_dropped(place: Place, home: Path, tmp_path: Path) -> None:
    for where in (place.vaults, tmp_path / "none", home / "drills" / "pwsops_drill_1"):
        with pytest.raises(EngineError, match="has not the name"):
            its(place).drop(Scratch(name=where.name, place=str(where)))
    with pytest.raises(EngineError, match="has not the name"):
        its(place).drop(Scratch(name=NAME, place=str(place.vaults)))
    assert place.vaults.is_dir()


def test_a_link_in_the_place_of_a_scratch_is_not_followed(place: Place, home: Path) -> None:
    place.path("kept.db").write_text("kept")
    scratch = its(place).place(NAME)
    (home / "drills").mkdir()
    Path(scratch.place).symlink_to(place.vaults)
    with pytest.raises(EngineError, match="could not be removed"):
        its(place).drop(scratch)
    assert place.path("kept.db").exists()


def test_nobody_else_reaches_the_scratches_in_the_home(place: Place, home: Path) -> None:
    scratch = filled(place)
    with pytest.raises(Refused):
        place.engine.browse(scratch.place)
    with pytest.raises(Refused):
        place.take("two.bak", directory=scratch.place)
    other = SqliteEngine(replace(place.engine.instance, address=scratch.place))
    with pytest.raises(Refused):
        other.databases()
