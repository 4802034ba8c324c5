"""Surroundings of the SQL Server engine: the stand-in over a real driver, or a real server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pyodbc
import pytest

from pwsops.engines.protocol import Engine
from pwsops.engines.records import Instance
from pwsops.engines.registry import open_engine
from tests.contract.harness import Rows
from tests.standin import drivers
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn

REAL_SERVER = "PWSOPS_TEST_SQLSERVER"
"""Environment variable with an ODBC connection string of a sysadmin. The tests make and drop databases of their own."""


class StandInHarness:
    """A stand-in of its own for each test, worked on by its Python side."""

    def __init__(self, server: ScriptedServer, engine: Engine) -> None:
        self._server = server
        self._directories = 0
        self.engine = engine

    def make_database(self, name: str) -> str:
        self._server.add_database(name)
        return name

    def write_rows(self, database: str, rows: Sequence[tuple[int, str]]) -> None:
        self._server.databases[database].write_rows(rows)

    def read_rows(self, database: str) -> Rows:
        return self._server.databases[database].read_rows()

    def new_directory(self) -> str:
        self._directories += 1
        path = f"D:\\Backup\\{self._directories}"
        self._server.files.make_directory(path)
        return path

    def damage(self, path: str) -> None:
        self._server.files.damage(path)

    def drop(self, database: str) -> None:
        self._server.drop_database(database)


@contextmanager
def stand_in_harness(driver_id: str) -> Iterator[StandInHarness]:
    """Start a stand-in, and open an engine on it that uses this driver."""
    driver = drivers.find(driver_id)
    server = ScriptedServer()
    server.add_login("pwsops", password="secret", roles={"sysadmin"})
    with StandIn(server) as stand_in:
        yield StandInHarness(server, open_engine(instance(stand_in, driver)))


def instance(stand_in: StandIn, driver: drivers.Driver, *, password: str = "secret", **options: object) -> Instance:
    """Describe a stand-in as an instance. Its certificate is one that nobody trusts."""
    return Instance(
        name="contract",
        engine="sqlserver",
        address=stand_in.address,
        login="pwsops",
        password=password,
        options={"driver": driver.id, "trust_server_certificate": True, **options},
    )


class RealServerHarness:
    """A real server, worked on by T-SQL. Its media stay in its default directory for backups, in one of our own."""

    def __init__(self, words: str) -> None:
        self._connection: Any = pyodbc.connect(words, autocommit=True)
        self._token = secrets.token_hex(4)
        self._made: list[str] = []
        self.engine = open_engine(_real_instance(_words(words)))

    @classmethod
    @contextmanager
    def open(cls, words: str) -> Iterator[Self]:
        harness = cls(words)
        try:
            yield harness
        finally:
            for name in harness._made:
                harness.drop(name)
            harness._connection.close()

    def make_database(self, name: str) -> str:
        name = f"pwsops_{name}_{self._token}"
        self._connection.execute(f"CREATE DATABASE [{name}]")
        self._connection.execute(f"CREATE TABLE [{name}].dbo.notes (id int PRIMARY KEY, text nvarchar(max))")
        self._made.append(name)
        return name

    def write_rows(self, database: str, rows: Sequence[tuple[int, str]]) -> None:
        table = f"[{database}].dbo.notes"
        for number, text in rows:
            self._connection.execute(f"DELETE FROM {table} WHERE id = ?", number)
            self._connection.execute(f"INSERT INTO {table} VALUES (?, ?)", number, text)

    def read_rows(self, database: str) -> Rows:
        rows = self._connection.execute(f"SELECT id, text FROM [{database}].dbo.notes ORDER BY id").fetchall()
        return [(row.id, row.text) for row in rows]

    def new_directory(self) -> str:
        query = "SELECT CAST(SERVERPROPERTY('InstanceDefaultBackupPath') AS nvarchar(4000))"
        root = self._connection.execute(query).fetchone()[0]
        path = self.engine.join(root, f"pwsops-{self._token}-{secrets.token_hex(4)}")
        self._connection.execute("EXEC master.dbo.xp_create_subdir ?", path)
        return path

    def damage(self, path: str) -> None:
        pytest.skip(f"no statement changes a byte of {path} on a real server")

    def drop(self, database: str) -> None:
        self._connection.execute(
            f"IF DB_ID('{database}') IS NOT NULL BEGIN "
            f"ALTER DATABASE [{database}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE [{database}] END"
        )


def _words(connection_string: str) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in connection_string.split(";") if "=" in part)
    return {key.strip().lower(): value.strip().strip("{}") for key, _, value in pairs}


def _real_instance(words: Mapping[str, str]) -> Instance:
    options: dict[str, object] = {"driver": words["driver"], "encrypt": words.get("encrypt", "yes").lower()}
    options["trust_server_certificate"] = words.get("trustservercertificate", "no").lower() == "yes"
    return Instance(
        name="contract",
        engine="sqlserver",
        address=words["server"],
        login=words.get("uid"),
        password=words.get("pwd"),
        options=options,
    )
