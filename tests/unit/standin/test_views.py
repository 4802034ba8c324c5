"""Every view and function that gives rows can be read on a server where everything is in use."""

from __future__ import annotations

import pytest

from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database
from tests.standin.server.views import TABLE_FUNCTIONS, VIEWS

ARGUMENTS = {
    "sys.dm_os_file_exists": r"N'D:\a.bak'",
    "sys.dm_os_enumerate_filesystem": r"N'D:\', N'*'",
    "sys.dm_os_volume_stats": "5, 1",
}


@pytest.fixture
def busy(server: ScriptedServer, client: Client, vault: Database) -> Client:
    """Let there be a replica, an encrypted and a damaged database, backups and a restore."""
    certificate = server.make_certificate("keeper")
    client.done(r"BACKUP DATABASE vault TO DISK = N'D:\a.bak', DISK = N'D:\b.bak'")
    client.done(r"RESTORE DATABASE vault FROM DISK = N'D:\a.bak', DISK = N'D:\b.bak' WITH REPLACE")
    vault.replica_role = "PRIMARY"
    vault.tde_thumbprint = certificate.thumbprint
    vault.suspect_page = 8
    return client


# Requests and their texts are there only while a statement runs: the tests of faults and of the engine look at them.
@pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"sys.dm_exec_requests"}))
def test_a_view_gives_rows_in_its_columns(busy: Client, name: str) -> None:
    reply = busy.done(f"SELECT * FROM {name if name.startswith('msdb') else 'master.' + name}")
    assert [column.name for column in reply.columns] == [column.name for column in VIEWS[name].columns]
    assert reply.rows or name in ("sys.tables", "sys.partitions")


@pytest.mark.parametrize("name", sorted(TABLE_FUNCTIONS.keys() - {"sys.dm_exec_sql_text"}))
def test_a_function_gives_rows_in_its_columns(busy: Client, name: str) -> None:
    assert busy.done(f"SELECT * FROM {name}({ARGUMENTS[name]})").rows


def test_the_tables_of_a_database_are_counted(busy: Client) -> None:
    query = """SELECT s.name, t.name AS t, p.rows FROM vault.sys.tables AS t
        JOIN vault.sys.schemas AS s ON s.schema_id = t.schema_id
        JOIN vault.sys.partitions AS p ON p.object_id = t.object_id AND p.index_id IN (0, 1)"""
    assert busy.done(query).values == [("dbo", "notes", 50)]


def test_the_log_grows_until_it_is_backed_up(client: Client, vault: Database) -> None:
    used = "SELECT used_log_space_in_bytes AS used FROM vault.sys.dm_db_log_space_usage"
    waits = "SELECT log_reuse_wait_desc AS waits FROM sys.databases WHERE name = N'vault'"
    client.done(r"BACKUP DATABASE vault TO DISK = N'D:\a.bak'")
    vault.write_rows([(1, "x" * 1000)])
    (before,) = client.done(used).values[0]
    assert client.done(waits).values == [("LOG_BACKUP",)]
    client.done(r"BACKUP LOG vault TO DISK = N'D:\a.trn'")
    (after,) = client.done(used).values[0]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after < before - 2000
    assert client.done(waits).values == [("NOTHING",)]
