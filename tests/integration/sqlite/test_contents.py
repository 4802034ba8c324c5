"""Looking into databases: odd ones, broken ones, big ones, and none."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pwsops.engines.sqlite import contents
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
