"""One cell of the catalogue that holds nonsense is told where it matters, and ends no question to anything else.

Each column of each table is spoiled in turn, and everything that reads the catalogue is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Column, Table, Text

from pwsops.catalogue import access, claims, service_state, store
from pwsops.catalogue.schema import metadata
from pwsops.engines.requests import AccessChange
from pwsops.errors import PwsopsError
from pwsops.operations import databases as databases_module
from pwsops.operations.reports import ReportFormat
from pwsops.rules.drills import Answer, AnswerKind, Query
from pwsops.rules.model import Message
from tests.homes import Home

NO_TEXT = "CAST(X'E9' AS TEXT)"
TABLES = [table for table in metadata.sorted_tables if table.name not in ("run_counts", "texts", "said")]
"""Those that are read. The others are kept by triggers, and only searched in."""

ROWS = [
    """INSERT INTO damaged_databases (instance, place, database, found_at, found)
       SELECT name, place, 'three', 0, 'a page' FROM instances""",
    """INSERT INTO refused_logins (instance, login, since, message, hint)
       VALUES ('elsewhere', 'sa', 0, 'no', 'wait')""",
    """INSERT INTO server_certificates (instance, name, thumbprint, subject, not_before, not_after, has_private_key,
       encrypts, seen_at) VALUES ('srv', 'k', 'AB', 'CN=k', 0, 0, 1, '[]', 0)""",
    """INSERT INTO certificate_copies (instance, thumbprint, directory, certificate_file, key_file, sealed_password,
       saved_at) VALUES ('srv', 'AB', '/d', '/d/c', '/d/k', 'sealed', 0)""",
]
"""Those that nothing in this home brings about."""


def values(column: Column[object]) -> tuple[str, ...]:
    """What SQLite takes in any column, in its own words: text, no text, bytes."""
    return ("'noon'", NO_TEXT, "X'E9'") if isinstance(column.type, Text) else ("'noon'",)


@pytest.fixture
def filled(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a row in each table."""
    monkeypatch.setattr(databases_module, "is_running", lambda home: True)
    home.server.told = [Message(text="writers waited 3 ms", at=home.clock.now())]
    home.ops.settings.change({"every": "3"})
    home.add(databases=["one", "two"], incremental=False, keep_last=1)
    home.run()
    home.ops.databases.list("srv")
    home.ops.restores.restore("srv", "one", min(home.server.media))
    home.server.answers["SELECT 1"] = Answer(kind=AnswerKind.VALUE, value="1")
    home.ops.drills.run("srv", "one", queries=[Query(sql="SELECT 1", expect="1")])
    home.ops.certificates.create("c")
    home.ops.holds.add_run(1, reason="an audit")
    restores = [one.id for one in home.ops.restores.list()]
    with home.core.catalogue.write() as connection:
        service_state.want(connection, True)
        change = AccessChange(database="two", former_mode="MULTI_USER", changed_to="SINGLE_USER")
        access.changed(connection, "srv", change, place="fake nowhere", restore_id=restores[0], now=home.clock.now())
        for statement in ROWS:
            connection.exec_driver_sql(statement)
    return home


def asks(home: Home, reports: Path) -> dict[str, Callable[[], object]]:
    def serve() -> None:
        with home.core.catalogue.write() as connection:
            claims.refresh(connection, now=home.clock.now())
        home.core.runner.reconcile_now()

    def examine() -> None:
        unforeseen = [check.finding for check in home.ops.doctor() if check.finding.startswith("not foreseen")]
        assert unforeseen == []

    ops = home.ops
    return {
        "known databases": lambda: ops.databases.known("srv"),
        "verdicts": ops.databases.verdicts,
        "what is owed": ops.databases.owed_access,
        "profiles": ops.profiles.list,
        "runs": ops.runs.list,
        "restores": ops.restores.list,
        "drills": ops.drills.list,
        "certificates": ops.certificates.list,
        "evidence": lambda: ops.reports.write(ReportFormat.EVIDENCE, reports),
        "doctor": examine,
        "service": serve,
        "holds": ops.holds.list,
        "what is kept": lambda: ops.retention.preview("p"),
        "databases": lambda: ops.databases.list("srv"),
    }


def cells(table: Table) -> Iterator[tuple[str, str]]:
    for column in table.columns:
        if column.computed is None and not (column.primary_key and not isinstance(column.type, Text)):
            yield from ((column.name, value) for value in values(column))


@contextmanager
def spoiled(raw: sqlite3.Connection, table: Table, column: str, value: str) -> Iterator[bool]:
    """Spoil a cell of the newest row, and put the table back as it was; gives whether SQLite took it."""
    names = ", ".join(one.name for one in table.columns if one.computed is None)
    raw.execute(f"CREATE TEMP TABLE before AS SELECT {names} FROM main.{table.name}")
    try:
        newest = f"SELECT max(rowid) FROM main.{table.name}"
        changed = raw.execute(f"UPDATE main.{table.name} SET {column} = {value} WHERE rowid = ({newest})")
        assert changed.rowcount == 1, f"{table.name} has no row to spoil"
        yield True
    except sqlite3.IntegrityError:
        yield False
    finally:
        raw.execute(f"DELETE FROM main.{table.name}")
        raw.execute(f"INSERT INTO main.{table.name} ({names}) SELECT {names} FROM temp.before")
        raw.execute("DROP TABLE temp.before")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_cell_that_holds_nonsense_ends_no_question(filled: Home, tmp_path: Path, table: Table) -> None:
    unforeseen = []
    questions = asks(filled, tmp_path / "reports")
    with closing(sqlite3.connect(filled.path / store.FILE_NAME, isolation_level=None)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        for column, value in cells(table):
            with spoiled(raw, table, column, value) as is_taken:
                for question, ask in questions.items() if is_taken else ():
                    try:
                        ask()
                    except PwsopsError:
                        pass  # it names what is wrong
                    except Exception as error:  # noqa: BLE001 - all of them are told together
                        unforeseen.append(f"{column} = {value}: {question}: {type(error).__name__}: {error}"[:160])
    assert unforeseen == []
