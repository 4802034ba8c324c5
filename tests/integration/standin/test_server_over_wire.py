"""Both halves of the stand-in together, as real drivers see them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyodbc
import pytest

from tests.standin.drivers import Driver
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn

FULL = r"BACKUP DATABASE [vault] TO DISK = N'D:\a.bak' WITH CHECKSUM, STATS = 10"


@pytest.fixture
def server() -> ScriptedServer:
    made = ScriptedServer()
    made.add_database("vault", rows=[(1, "one"), (2, "zwei \N{FLOPPY DISK}")])
    return made


@pytest.fixture(params=["plain", "done_more"])
def connection(server: ScriptedServer, driver: Driver, request: pytest.FixtureRequest) -> Iterator[Any]:
    with StandIn(server, shape=request.param) as stand_in:
        opened = pyodbc.connect(driver.string(stand_in), autocommit=True)
        yield opened
        opened.close()


def drain(cursor: Any) -> list[str]:
    texts = [text for _, text in cursor.messages]
    while cursor.nextset():
        texts.extend(text for _, text in cursor.messages)
    return texts


def test_a_backup_is_taken_listed_and_restored(server: ScriptedServer, connection: Any) -> None:
    cursor = connection.cursor()
    assert "successfully processed" in drain(cursor.execute(FULL))[-1]
    (row,) = cursor.execute(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").fetchall()
    names = [column[0] for column in cursor.description]
    found = dict(zip(names, row, strict=True))
    assert found["DatabaseName"] == "vault"
    assert isinstance(found["FirstLSN"], Decimal)
    assert isinstance(found["BackupStartDate"], datetime)
    vault = server.databases["vault"]
    rows = vault.read_rows()
    vault.write_rows([(1, "later")])
    drain(cursor.execute(r"RESTORE DATABASE [vault] FROM DISK = N'D:\a.bak' WITH REPLACE, STATS = 10"))
    assert vault.read_rows() == rows


def test_rows_and_parameters_pass_through_unchanged(connection: Any) -> None:
    cursor = connection.cursor()
    rows = cursor.execute("SELECT id, text FROM vault.dbo.notes ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == [(1, "one"), (2, "zwei \N{FLOPPY DISK}")]
    assert cursor.execute("SELECT name FROM sys.databases WHERE name = ?", "VAULT").fetchval() == "vault"


def test_in_a_transaction_the_server_takes_no_backup(connection: Any) -> None:
    connection.autocommit = False
    with pytest.raises(pyodbc.Error, match=r"3021|3013"):
        drain(connection.cursor().execute(FULL))
    connection.rollback()


def test_a_refused_login_is_18456(server: ScriptedServer, driver: Driver) -> None:
    with StandIn(server) as stand_in, pytest.raises(pyodbc.Error, match="18456"):
        pyodbc.connect(driver.string(stand_in, password="wrong"))


@pytest.mark.parametrize("least", [False, True])
def test_the_stand_in_runs_as_a_process_of_its_own(driver: Driver, least: bool) -> None:
    command = [sys.executable, "-m", "tests.standin", "--password", "p1", *(["--least"] if least else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        connection = pyodbc.connect(driver.string_for(address, user="pwsops", password="p1"), autocommit=True)
        cursor = connection.cursor()
        texts = drain(cursor.execute(r"BACKUP DATABASE [vault] TO DISK = N'D:\Backup\a.bak' WITH CHECKSUM"))
        assert "successfully processed" in texts[-1]
        drain(cursor.execute(r"RESTORE DATABASE [vault] FROM DISK = N'D:\Backup\a.bak' WITH REPLACE"))
        connection.close()
        process.communicate("")
        assert process.returncode == 0
