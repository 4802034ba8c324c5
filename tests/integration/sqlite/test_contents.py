"""Looking into databases: odd ones, broken ones, big ones, and none."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from pwsops.engines.sqlite import connect, contents, reach, worker
from pwsops.engines.sqlite.report import Report
from pwsops.errors import EngineError, NotFound
from tests.integration.sqlite.support import HOLD, Place, elsewhere, query


def made(path: Path, *statements: str) -> Path:
    for statement in statements:
        query(path, statement)
    return path


def test_tables_are_told_by_name_with_their_rows(place: Place) -> None:
    made(
        place.path(),
        'CREATE TABLE "b ""odd"" name" (x)',
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "INSERT INTO a DEFAULT VALUES",
        "CREATE VIEW v AS SELECT * FROM a",
    )
    found = [tuple(table) for table in place.engine.contents("db.sqlite3").tables]
    assert found == [("a", 1), ('b "odd" name', 0)]


def test_looking_changes_nothing_and_leaves_nothing(place: Place) -> None:
    path = made(place.path(), "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    contents.tables(str(path))
    assert path.read_bytes() == before
    assert place.left_in_vaults() == [path.name]


def test_rows_that_are_only_in_the_log_count(place: Place) -> None:
    path = made(place.path(), "PRAGMA journal_mode=WAL", "CREATE TABLE t (x)")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        assert [tuple(table) for table in place.engine.contents("db.sqlite3").tables] == [("t", 1)]


def test_an_empty_database_has_no_tables(place: Place) -> None:
    place.path().touch()
    assert contents.tables(str(place.path())) == []


def test_what_is_gone_or_no_database_is_said(place: Place) -> None:
    with pytest.raises(NotFound):
        contents.tables(str(place.path()))
    place.path().write_bytes(b"no database at all" * 100)
    with pytest.raises(EngineError, match="not a SQLite database"):
        place.engine.contents("db.sqlite3")


def test_damage_below_the_header_is_said(place: Place) -> None:
    path = place.vault()
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(os.urandom(4000))
    with pytest.raises(EngineError, match="damaged"):
        contents.tables(str(path))


def test_a_lock_that_stays_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "BUSY_S", 0.05)
    path = made(place.path(), "CREATE TABLE t (x)")
    with elsewhere(HOLD, path, "BEGIN EXCLUSIVE"), pytest.raises(EngineError, match="stayed locked") as refused:
        contents.tables(str(path))
    assert refused.value.transient


def test_a_table_that_takes_too_long_has_no_number_and_the_next_has(place: Place) -> None:
    path = made(
        place.path(),
        "CREATE TABLE big (x)",
        "INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50000) SELECT i FROM n",
        "CREATE TABLE small (x)",
        "INSERT INTO small VALUES (1)",
    )
    assert contents.tables(str(path)) == [("big", 50_000), ("small", 1)]
    assert contents.tables(str(path), table_s=0) == [("big", None), ("small", 1)]
    assert contents.tables(str(path), count_s=0) == [("big", None), ("small", None)]


def test_a_definition_that_is_too_large_for_the_memory_of_a_look_is_said(place: Place) -> None:
    """By a limit of SQLite's own, in place of the process's."""
    path = made(place.path(), "CREATE TABLE t (x)", "PRAGMA user_version=1")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=1")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (x /*' || hex(zeroblob(8000000)) || '*/)'")
    before = apsw.hard_heap_limit(12 << 20)
    try:
        with pytest.raises(EngineError, match=f"{path} wants more memory than a process") as refused:
            contents.tables(str(path))
    finally:
        apsw.hard_heap_limit(before)
    assert refused.value.hint
    assert [tuple(table) for table in place.engine.contents("db.sqlite3").tables] == [("t", 0)]


def test_a_definition_of_hundreds_of_megabytes_takes_no_more_memory_than_a_look_may(place: Place) -> None:
    path = made(place.path(), "CREATE TABLE t (x)")
    with closing(connect.connect(str(path))) as connection:
        connection.execute("PRAGMA writable_schema=1")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (x /*' || hex(zeroblob(150000000)) || '*/)'")
    with pytest.raises(EngineError, match="wants more memory"):
        place.engine.contents("db.sqlite3")
    assert place.engine.probe().reachable


def test_all_that_reads_what_may_be_anybodys_has_a_limit_of_memory() -> None:
    without = {name for name in worker.OPERATIONS if reach.memory_bytes(name) is None}
    assert without == {"backup"}, "the check of the structure reads rows that may be large"
    assert all((reach.memory_bytes(name) or 0) <= 512 << 20 for name in worker.OPERATIONS)


def test_a_worker_that_runs_out_of_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(given: object, report: object) -> object:
        raise MemoryError

    said: list[dict[str, object]] = []
    monkeypatch.setattr(worker, "OPERATIONS", {"read_media": greedy})
    worker.answer({"operation": "read_media", "given": {}}, Report(said.append))  # type: ignore[arg-type]
    assert "Read media wants more memory" in str(said[-1]["error"])


def test_more_names_than_anybody_lists_are_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made(place.path(), "CREATE TABLE a (x)", "CREATE TABLE bcd (x)")
    monkeypatch.setattr(contents, "MOST_BYTES", 4)
    assert len(contents.tables(str(place.path()))) == 2
    monkeypatch.setattr(contents, "MOST_BYTES", 3)
    with pytest.raises(EngineError, match="are not listed"):
        contents.tables(str(place.path()))


def test_a_name_that_is_no_text_is_no_table(place: Place) -> None:
    made(place.path(), "CREATE TABLE a (x)", "CREATE TABLE b (x)")
    with closing(connect.connect(str(place.path()))) as connection:
        connection.execute("PRAGMA writable_schema=1")
        connection.execute("INSERT INTO sqlite_master VALUES ('table', x'63', x'63', 0, NULL)")
        assert contents._names(connection, "") == ["a", "b"]
