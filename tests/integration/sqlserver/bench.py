"""A stand-in with a database on it, and the engine over a real driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest, BackupResult
from pwsops.engines.sqlserver.engine import SqlServerEngine
from pwsops.rules.model import BackupKind, BackupSet
from tests.standin import drivers
from tests.standin.events import Said
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn

PASSWORD = "correct-horse"
ROWS = [(number, f"row {number}") for number in range(50)]


@dataclass
class Bench:
    """What a test works with. `directory` is on the server."""

    server: ScriptedServer
    stand_in: StandIn
    driver: drivers.Driver
    engine: SqlServerEngine
    directory: str
    known: list[BackupSet] = field(default_factory=list)
    """What a catalogue would know of the sets that `overwrite` took."""

    def path(self, name: str) -> str:
        return self.engine.join(self.directory, name)

    def engine_as(self, login: str | None, **options: Any) -> SqlServerEngine:
        """Return an engine as another login, or with other options."""
        return SqlServerEngine(instance(self.stand_in, self.driver, login=login, **options))

    def engine_with(
        self, *grants: str, vault: str | None = "db_backupoperator", reads_media: bool = True, **rights: Any
    ) -> SqlServerEngine:
        """Return an engine as a login with few rights: those on the server, in vault, and to read msdb."""
        databases = {"vault": {vault} if vault else set(), "msdb": {"db_datareader"}}
        known = {*grants, *(["CREATE ANY DATABASE"] if reads_media else [])}
        self.server.add_login("least", password=PASSWORD, grants=known, databases=databases, **rights)
        return self.engine_as("least")

    def request(self, **changes: Any) -> BackupRequest:
        known: dict[str, Any] = {
            "database": "vault",
            "kind": BackupKind.FULL if changes.get("base") is None else BackupKind.DIFFERENTIAL,
            "directory": self.directory,
            "file_name": "one.bak",
            "description": "pwsops run 1 (home)",
        }
        return BackupRequest(**(known | changes))

    def take(self, **changes: Any) -> BackupResult:
        return self.engine.backup(self.request(**changes))

    def full(self, name: str = "full.bak", **changes: Any) -> BackupSet:
        return self.take(file_name=name, **changes).backup_set

    def overwrite(self, run: int = 1, engine: SqlServerEngine | None = None, **changes: Any) -> BackupResult:
        """Take one of the backups that share a name, as a profile without dates does."""
        known: dict[str, Any] = {"file_name": "v.bak", "overwrite": True, "replaceable": list(self.known)}
        request = self.request(**(known | {"description": f"pwsops run {run} (home)"} | changes))
        result = (engine or self.engine).backup(request)
        self.known.append(result.backup_set)
        return result

    def fail(self, statement: str, *said: Said, **options: Any) -> None:
        """Let the next such statement fail with what the server says."""
        self.server.faults.on(statement, raise_=said, **options)

    def sent(self, beginning: str) -> list[str]:
        """Return the statements sent that begin so."""
        return [batch for batch in self.server.log if batch.lstrip().startswith(beginning)]


def instance(stand_in: StandIn, driver: drivers.Driver, *, login: str | None = "pwsops", **options: Any) -> Instance:
    return Instance(
        name="prod",
        engine="sqlserver",
        address=stand_in.address,
        login=login,
        password=PASSWORD if login else None,
        options={"driver": driver.id, "trust_server_certificate": True, **options},
    )


@contextmanager
def open_bench(
    driver: drivers.Driver, *, shape: str = "plain", wire: dict[str, Any] | None = None, **server_options: Any
) -> Iterator[Bench]:
    server = ScriptedServer(**server_options)
    server.add_login("pwsops", password=PASSWORD, roles={"sysadmin"})
    server.add_database("vault", rows=ROWS, recovery_model="FULL")
    directory = "D:\\Backup" if server.files.flavour == "windows" else "/backup"
    server.files.make_directory(directory)
    with StandIn(server, shape=shape, **(wire or {})) as stand_in:
        engine = SqlServerEngine(instance(stand_in, driver))
        yield Bench(server=server, stand_in=stand_in, driver=driver, engine=engine, directory=directory)
