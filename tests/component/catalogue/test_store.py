from __future__ import annotations

import importlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from pwsops.catalogue import Catalogue, store
from pwsops.catalogue.schema import metadata, settings
from pwsops.errors import CatalogueDamaged, PwsopsError
from pwsops.runs.liveness import Liveness
from tests.clocks import joined


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "home")
    yield opened
    opened.close()


def test_a_migrated_file_has_the_tables_of_the_schema(catalogue: Catalogue) -> None:
    with catalogue.read() as connection:
        opts = {"compare_type": True, "render_as_batch": True, "include_name": _is_no_part_of_a_virtual_table}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []


def _is_no_part_of_a_virtual_table(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith(("text_grams", "text_vocabulary"))


def test_opening_a_new_file_waits_while_another_process_prepares_it(tmp_path: Path) -> None:
    # SQLite itself does not wait here: it refuses the second at once, whatever its busy timeout.
    with closing(sqlite3.connect(tmp_path / store.FILE_NAME, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.2, other.rollback)
        release.daemon = True
        release.start()
        Catalogue(tmp_path).close()
        joined(release)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_indexes_with_a_condition_are_those_of_the_schema(tmp_path: Path) -> None:
    # Alembic does not compare conditions, and the claim and the living names rest on them.
    Catalogue(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / store.FILE_NAME)) as connection:
        found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql LIKE '%WHERE%'").fetchall())
    partial = {index for table in metadata.tables.values() for index in table.indexes if index.dialect_kwargs}
    assert {index.name for index in partial} <= set(found)
    for index in partial:
        assert str(index.dialect_options["sqlite"]["where"]) in found[index.name]


def test_opening_again_keeps_what_was_written(tmp_path: Path) -> None:
    first = Catalogue(tmp_path)
    with first.write() as connection:
        connection.execute(insert(settings).values(key="k", value=1))
    first.close()
    second = Catalogue(tmp_path)
    with second.read() as connection:
        assert connection.execute(select(settings.c.value)).scalar() == 1
    second.close()


def test_a_write_that_raises_leaves_nothing(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError), catalogue.write() as connection:
        connection.execute(insert(settings).values(key="k", value=1))
        raise KeyError
    with catalogue.read() as connection:
        assert connection.execute(select(settings)).all() == []


def test_what_must_not_be_lost_is_synced_and_readers_do_not_wait(catalogue: Catalogue) -> None:
    with catalogue.write() as writer, catalogue.read() as reader:
        assert writer.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert writer.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert reader.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_newer_schema_is_refused_with_the_next_step(tmp_path: Path) -> None:
    Catalogue(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / store.FILE_NAME)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(PwsopsError, match="newer version") as caught:
        Catalogue(tmp_path)
    assert "another home" in caught.value.hint


def test_a_damaged_catalogue_is_called_so_with_what_is_lost_and_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / store.FILE_NAME).write_bytes(b"this is not a database" * 100)
    with pytest.raises(CatalogueDamaged, match="is damaged: file is not a database") as caught:
        Catalogue(tmp_path)
    assert store.FILE_NAME in caught.value.message
    assert "profiles, history" in caught.value.message
    assert f"Move {store.FILE_NAME}" in caught.value.hint
    assert "pwsops restore" in caught.value.hint
    assert "doctor" not in caught.value.hint
    assert not caught.value.transient


def test_a_catalogue_whose_pages_are_damaged_is_called_so_when_it_is_read(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    catalogue.close()
    with (tmp_path / store.FILE_NAME).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 4)
    with pytest.raises(CatalogueDamaged):
        Catalogue(tmp_path).close()


def test_a_catalogue_that_was_emptied_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    Catalogue(tmp_path).close()
    Liveness(tmp_path).close()
    (tmp_path / store.FILE_NAME).write_bytes(b"")
    with pytest.raises(CatalogueDamaged, match="it is empty"):
        Catalogue(tmp_path)
    (tmp_path / store.FILE_NAME).unlink()
    Catalogue(tmp_path).close()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (sqlite3.SQLITE_FULL, "Make room"),
        (sqlite3.SQLITE_READONLY, "mount its disk for writing"),
        (sqlite3.SQLITE_IOERR, "Check its disk"),
        (sqlite3.SQLITE_ERROR, "has room"),
    ],
)
def test_what_keeps_a_catalogue_from_being_used_has_a_next_step_of_its_own(
    catalogue: Catalogue, code: int, hint: str
) -> None:
    error = sqlite3.OperationalError("it cannot be")
    error.sqlite_errorcode = code
    with pytest.raises(PwsopsError, match="it cannot be") as caught, catalogue.read():
        raise OperationalError("SELECT 1", None, error)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "h%41",
        "h?v=1",
        "h#x",
        "a b",
        "hé\N{SNOWMAN}",
        ":memory:",
        "file:x?mode=memory",
        "h&cache=shared",
        "h%",
        "x" * 200,
    ],
)
def test_a_home_is_where_its_path_says_whatever_a_url_would_mean_by_it(tmp_path: Path, name: str) -> None:
    home = tmp_path / "in" / name
    opened = Catalogue(home)
    with opened.write() as connection:
        connection.execute(insert(settings).values(key="k", value=1))
    opened.version()
    opened.close()
    assert (home / store.FILE_NAME).stat().st_size > 0
    assert [one.name for one in (tmp_path / "in").iterdir()] == [name]


def test_a_catalogue_that_cannot_be_opened_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / store.FILE_NAME).mkdir()
    with pytest.raises(PwsopsError, match=f"{store.FILE_NAME} cannot be used: it is a directory") as caught:
        Catalogue(tmp_path)
    assert "Check that it is a file" in caught.value.hint


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PwsopsError, match="cannot be made") as caught:
        Catalogue(tmp_path / "file" / "home")
    assert "--home" in caught.value.hint


def test_a_catalogue_locked_for_long_is_a_transient_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.05)
    catalogue = Catalogue(tmp_path)
    with closing(sqlite3.connect(catalogue.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PwsopsError, match="locked") as caught, catalogue.write():
            pass
        with catalogue.read() as connection:  # a reader does not care
            assert connection.execute(select(settings)).all() == []
    catalogue.close()
    assert caught.value.transient


def test_those_of_one_process_who_write_wait_for_each_other_and_not_in_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(store, "BUSY_TIMEOUT_S", 0.0)
        catalogue = Catalogue(tmp_path)  # SQLite refuses at once here
    written: list[int] = []
    ready = threading.Barrier(8)

    def write() -> None:
        ready.wait(60)
        for number in range(10):
            with catalogue.write():
                written.append(number)

    writers = [threading.Thread(target=write, daemon=True) for _ in range(ready.parties)]
    for writer in writers:
        writer.start()
    for writer in writers:
        joined(writer)
    catalogue.close()
    assert len(written) == 80


def test_who_waits_too_long_for_another_of_the_same_process_is_told_of_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.05)
    catalogue = Catalogue(tmp_path)
    told: list[PwsopsError] = []

    def write() -> None:
        try:
            with catalogue.write():
                pass
        except PwsopsError as error:
            told.append(error)

    second = threading.Thread(target=write, daemon=True)
    with catalogue.write():
        second.start()
        joined(second)
    catalogue.close()
    (error,) = told
    assert error.transient
    assert "locked" in error.message


def test_a_process_whose_connections_are_all_busy_is_a_transient_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"KEPT_OPEN": 1, "CONNECTIONS": 1, "CROWD_TIMEOUT_S": 0.01}.items():
        monkeypatch.setattr(store, name, value)
    catalogue = Catalogue(tmp_path)
    for asked in (catalogue.read, catalogue.write):
        with catalogue.read(), pytest.raises(PwsopsError, match="all 1 connections of this process") as caught, asked():
            pass
        assert caught.value.transient
    catalogue.close()


def test_damage_in_the_middle_is_told_when_it_is_met(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    catalogue.close()
    data = catalogue.path.read_bytes()
    catalogue.path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    with pytest.raises(PwsopsError, match=store.FILE_NAME):
        Catalogue(tmp_path)


def test_damage_met_while_reading_and_watching_is_told(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    catalogue.close()
    catalogue.path.write_bytes(b"this is not a database" * 500)
    for asked in (catalogue.read, catalogue.write):
        with pytest.raises(PwsopsError, match=store.FILE_NAME), asked():
            pass
    with pytest.raises(PwsopsError, match=store.FILE_NAME):
        catalogue.version()
    catalogue.close()


def test_what_breaks_a_rule_of_the_tables_is_no_trouble_of_the_file(catalogue: Catalogue) -> None:
    with pytest.raises(IntegrityError), catalogue.write() as connection:
        for value in (1, 2):
            connection.execute(insert(settings).values(key="k", value=value))


def test_the_version_moves_with_every_commit_of_anybody_and_only_then(catalogue: Catalogue) -> None:
    before = catalogue.version()
    assert catalogue.version() == before
    with catalogue.write():
        pass
    assert catalogue.version() == before
    with catalogue.write() as connection:
        connection.execute(insert(settings).values(key="k", value=1))
    after = catalogue.version()
    assert after != before
    with closing(sqlite3.connect(catalogue.path)) as other, other:
        other.execute("DELETE FROM settings")
    assert catalogue.version() != after


def test_a_former_restore_is_put_in_order_by_the_clocks(tmp_path: Path) -> None:
    path = tmp_path / "former.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(
            "CREATE TABLE restores (id INTEGER, started_at BIGINT);"
            "CREATE TABLE backup_sets (id INTEGER, run_id INTEGER, finished_at BIGINT);"
            "INSERT INTO restores VALUES (1, 50), (2, 5);"
            "INSERT INTO backup_sets VALUES (1, 4, 10), (2, 5, 999), (3, 7, 40), (4, 9, 60);"
        )
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        importlib.import_module("pwsops.catalogue.migrations.versions.0012_order_of_restores").upgrade()
        found = connection.execute(text("SELECT runs_until, sets_until FROM restores ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [(7, 3), (0, 0)]


def test_where_instances_kept_something_is_known_from_what_a_former_catalogue_says(tmp_path: Path) -> None:
    path = tmp_path / "former.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(
            "CREATE TABLE instances (name TEXT, engine TEXT, address TEXT);"
            "CREATE TABLE profiles (instance TEXT, directory TEXT);"
            "CREATE TABLE certificate_copies (instance TEXT, directory TEXT);"
            "CREATE TABLE backup_sets (instance TEXT, place TEXT, path TEXT);"
            "CREATE TABLE audit (action TEXT, subject TEXT, detail TEXT);"
            "INSERT INTO instances VALUES ('here', 'sqlite', '/vaults'), ('srv', 'sqlserver', 'DB1\\SQL,1433');"
            "INSERT INTO profiles VALUES ('here', '/backups'), ('srv', 'D:\\backups'), ('here', NULL);"
            "INSERT INTO certificate_copies VALUES ('srv', 'D:\\keys');"
            "INSERT INTO backup_sets VALUES ('gone', 'sqlite /former', '/old/a.bak'), ('srv', '', 'D:\\old\\a.bak');"
            "INSERT INTO audit VALUES ('add instance', 'never', 'sqlite at /untaken'), ('add instance', 'a', 'x at y');"
        )
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        importlib.import_module("pwsops.catalogue.migrations.versions.0016_known_places").upgrade()
        found = connection.execute(text("SELECT instance, host, path FROM known_places ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [
        ("gone", "", "/former"),
        ("gone", "", "/old"),
        ("here", "", "/backups"),
        ("here", "", "/vaults"),
        ("never", "", "/untaken"),
        ("srv", "db1", r"D:\backups"),
        ("srv", "db1", r"D:\keys"),
        ("srv", "db1", r"D:\old"),
    ]


def test_which_instance_a_former_entry_is_about_is_told_where_names_leave_no_doubt(tmp_path: Path) -> None:
    path = tmp_path / "former.db"
    told = [
        ("add instance", "srv"), ("restore begins", "srv/one"), ("create database", "srv/sub/one"),
        ("restore", "gone/a"),
        ("create profile", "p"), ("start run", "p"), ("create profile", "twice"), ("start run", "taken"),
        ("edit profile", "taken"), ("create profile", "taken"), ("denied", "srv"), ("denied", "p"),
        ("denied", "srv/sub"),
        ("add user", "user:ada"), ("export history", "history"),
    ]  # fmt: skip
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(
            "CREATE TABLE instances (name TEXT); CREATE TABLE profiles (name TEXT, instance TEXT);"
            "CREATE TABLE audit (id INTEGER PRIMARY KEY, action TEXT, subject TEXT, detail TEXT);"
            "INSERT INTO instances VALUES ('srv'), ('srv/sub');"
            "INSERT INTO profiles VALUES ('p', 'srv'), ('twice', 'srv'), ('twice', 'other'), ('taken', 'srv'),"
            "('srv/sub', 'srv'), ('history', 'srv'), ('user:ada', 'srv');"
        )
        raw.executemany("INSERT INTO audit (action, subject, detail) VALUES (?, ?, 'name from a to b')", told)
        raw.commit()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        importlib.import_module("pwsops.catalogue.migrations.versions.0019_audit_instances").upgrade()
        found = connection.execute(text("SELECT entry, instance FROM audit_instances ORDER BY entry")).all()
    engine.dispose()
    assert {told[entry - 1]: instance for entry, instance in found} == {
        ("add instance", "srv"): "srv",
        ("restore begins", "srv/one"): "srv",
        ("create database", "srv/sub/one"): "srv/sub",
        ("create profile", "p"): "srv",
        ("start run", "p"): "srv",
        ("denied", "srv"): "srv",
        ("denied", "p"): "srv",
    }


def test_what_is_still_read_when_the_catalogue_is_closed_is_closed_after_it(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    with catalogue.read() as connection:
        raw = connection.connection.dbapi_connection
        catalogue.close()
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert isinstance(raw, sqlite3.Connection)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        raw.execute("SELECT 1")
    # A thread that asks once more is answered.
    for _ in range(2):
        with catalogue.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
