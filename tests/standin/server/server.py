"""The scripted SQL Server: databases, files, certificates, logins and history, behind `tests.standin.events.Server`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.standin.events import Login, LoginRefused
from tests.standin.server.accounts import Account
from tests.standin.server.administration import thumbprint_of
from tests.standin.server.certificates import Certificate
from tests.standin.server.clock import Now, ServerClock, SystemNow
from tests.standin.server.database import TABLE, Database, DataFile
from tests.standin.server.faults import Faults
from tests.standin.server.files import Files
from tests.standin.server.history import History
from tests.standin.server.messages import said
from tests.standin.server.names import Names
from tests.standin.server.progress import Request
from tests.standin.server.session import ScriptedSession

SYSTEM = ("master", "tempdb", "model", "msdb")
FIRST_SESSION = 51
PRODUCTS = {13: "2016", 14: "2017", 15: "2019", 16: "2022", 17: "2025"}
SA_PASSWORD = "secret"


@dataclass
class Connections:
    """How many clients there are and were; for tests of pools."""

    open: int = 0
    total: int = 0
    refused: int = 0


class ScriptedServer:
    r"""A SQL Server that means what it is told, without a socket.

    Parameters
    ----------
    name
        `HOST` or `HOST\INSTANCE`.
    version
        The product version: its first part decides what there is.
    edition
        As SERVERPROPERTY('Edition') gives it; `Express Edition (64-bit)` refuses compression.
    flavour
        ``windows`` or ``posix``: how paths are built.
    clock
        Anything with an aware `now()`; by default the machine's.
    offset
        How far local time is from UTC, or a function of the instant.
    service_account
        Who the server runs as.
    engine_edition
        As SERVERPROPERTY('EngineEdition') gives it; None: what fits the edition.
    """

    def __init__(
        self,
        *,
        name: str = "STANDIN",
        version: str = "16.0.4100.1",
        edition: str = "Developer Edition (64-bit)",
        flavour: str = "windows",
        clock: Now | None = None,
        offset: Any = timedelta(),
        service_account: str = "NT Service\\MSSQLSERVER",
        engine_edition: int | None = None,
    ) -> None:
        self.engine_edition = engine_edition
        self.name = name
        self.version = version
        self.edition = edition
        self.service_account = service_account if flavour == "windows" else "mssql"
        self.clock = ServerClock(clock or SystemNow(), offset)
        self.started_at: datetime = self.clock.now()
        self.lock = threading.RLock()
        self.files = Files(flavour=flavour, clock=self.clock)
        self.faults = Faults()
        self.history = History()
        self.log: list[str] = []
        """Every batch that was sent, in order."""
        self.connections = Connections()
        self.requests: dict[int, Request] = {}
        self.accounts: Names[Account] = Names()
        self.databases: Names[Database] = Names()
        self.certificates: Names[Certificate] = Names()
        self.has_master_key = False
        self.master_key_is_closed = False
        """It is not protected by the service master key, so that the server cannot open it by itself."""
        self.compress_by_default = False
        self.checksum_by_default = False
        self.prefers_secondary = False
        self.other_replica = "OTHER"
        self._sessions: dict[int, ScriptedSession] = {}
        self._last_certificate = 256
        self._make_disks()
        self._make_system_databases()
        self.add_login("sa", password=SA_PASSWORD, roles={"sysadmin"})

    # What there is from the start.

    def _make_disks(self) -> None:
        if self.files.flavour == "windows":
            self.files.add_volume("C:\\")
            self.files.add_volume("D:\\")
        else:
            self.files.add_volume("/")
        for name in ("DATA", "Backup"):
            self.files.make_directory(self.folder(name))

    def folder(self, name: str) -> str:
        """Return one of the server's own directories: DATA or Backup."""
        if self.files.flavour == "windows":
            return f"C:\\Program Files\\Microsoft SQL Server\\MSSQL{self.major}.MSSQLSERVER\\MSSQL\\{name}"
        return "/var/opt/mssql/data"

    def _make_system_databases(self) -> None:
        for name in SYSTEM:
            database = self.add_database(name, recovery_model="FULL" if name == "model" else "SIMPLE")
            database.content.tables.clear()

    # Facts.

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def machine_name(self) -> str:
        return self.name.partition("\\")[0]

    @property
    def banner(self) -> str:
        product = PRODUCTS.get(self.major, "2022")
        system = (
            "Windows Server 2022 Standard 10.0 <X64>" if self.files.flavour == "windows" else "Linux (Ubuntu 22.04)"
        )
        return f"Microsoft SQL Server {product} - {self.version} (X64) \n\t{self.edition} on {system}"

    def default_path(self, path: str) -> str:
        """Return the full path of a backup file: a bare name is in the server's own directory for backups."""
        full: str = path if self.files.paths.isabs(path) else self.files.paths.join(self.folder("Backup"), path)
        return full

    # What a test makes.

    def add_database(
        self,
        name: str,
        *,
        rows: Iterable[tuple[int, str]] = (),
        files: Sequence[DataFile] | None = None,
        **state: Any,
    ) -> Database:
        """Make a database with an empty table of rows; `state` are fields of `Database`."""
        with self.lock:
            number = max((one.database_id for one in self.databases.values()), default=0) + 1
            number = number if number <= 4 or len(self.databases) < 4 else max(number, 5)
            database = Database(
                name=name,
                database_id=number,
                clock=self.clock,
                created_at=self.clock.now().replace(microsecond=0),
                compatibility_level=self.major * 10,
                **state,
            )
            self.databases[name] = database
            self.place_files(database, list(files) if files is not None else self._default_files(name))
            database.create_table(TABLE)
            database.write_rows(rows)
            return database

    def _default_files(self, name: str) -> list[DataFile]:
        plain = "".join(mark if mark.isalnum() or mark in "-_ ." else "_" for mark in name)
        folder = self.folder("DATA")
        paths = [self.files.paths.join(folder, plain + ending) for ending in (".mdf", "_log.ldf")]
        return [
            DataFile(file_id=1, name=name, path=self._free(paths[0])),
            DataFile(file_id=2, name=f"{name}_log"[-128:], path=self._free(paths[1]), kind="LOG"),
        ]

    def _free(self, path: str) -> str:
        """Return a path that no file has yet."""
        root, ending = self.files.paths.splitext(path)
        number = 1
        while path in self.files:
            number += 1
            path = f"{root}_{number}{ending}"
        return path

    def place_files(self, database: Database, files: list[DataFile]) -> None:
        """Put the files of a database where they belong; what it had elsewhere goes."""
        for file in database.files:
            self.files.remove(file.path)
        database.files = files
        for file in files:
            self.files.put(file.path, database.pages_of(file) * 8192)

    def holder_of(self, path: str) -> Database | None:
        """Return the database that a file belongs to."""
        key = self.files.key(path)
        for database in self.databases.values():
            if any(self.files.key(file.path) == key for file in database.files):
                return database
        return None

    def drop_database(self, name: str) -> None:
        database = self.databases.pop(name)
        for file in database.files:
            self.files.remove(file.path)

    def add_login(self, name: str, *, password: str, **rights: Any) -> Account:
        """Make a login; `rights` are fields of `Account`."""
        account = Account(name=name, password=password, **rights)
        self.accounts[name] = account
        return account

    def make_certificate(
        self,
        name: str,
        *,
        subject: str = "",
        starts_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> Certificate:
        """Make a certificate with its private key, and a master key where there is none."""
        self.has_master_key = True
        starts = starts_at or self.clock.now()
        number = self.next_certificate_id()
        return self.add_certificate(
            Certificate(
                name=name,
                subject=subject or name,
                thumbprint=thumbprint_of(f"{self.name}{id(self)}{name}", subject, number),
                starts_at=starts,
                expires_at=expires_at or starts + timedelta(days=365),
                certificate_id=number,
            )
        )

    def add_certificate(self, certificate: Certificate) -> Certificate:
        self.certificates[certificate.name] = certificate
        return certificate

    def next_certificate_id(self) -> int:
        self._last_certificate += 1
        return self._last_certificate

    @property
    def opens_master_key(self) -> bool:
        """Whether there is a master key that the server opens by itself."""
        return self.has_master_key and not self.master_key_is_closed

    def certificate_of(self, thumbprint: bytes) -> Certificate | None:
        """Return the certificate with a thumbprint."""
        return next((one for one in self.certificates.values() if one.thumbprint == thumbprint), None)

    # Clients.

    def connect(self, login: Login) -> ScriptedSession:
        """Let a client in; see `tests.standin.events.Server`."""
        with self.lock:
            try:
                account = self._authenticate(login)
                database = self._first_database(login, account)
            except LoginRefused:
                self.connections.refused += 1
                raise
            number = FIRST_SESSION
            while number in self._sessions:
                number += 1
            session = ScriptedSession(self, login, account, number, database)
            self._sessions[number] = session
            self.connections.open += 1
            self.connections.total += 1
            return session

    def _authenticate(self, login: Login) -> Account:
        if login.integrated:
            raise LoginRefused(said(18452))
        account = self.accounts.get(login.user)
        if account is None or account.password != login.password:
            raise LoginRefused(said(18456, login.user))
        for applies, number in (
            (account.locked, 18486),
            (account.disabled, 18470),
            (account.expired, 18487),
            (account.must_change, 18488),
        ):
            if applies:
                raise LoginRefused(said(number, login.user))
        return account

    def _first_database(self, login: Login, account: Account) -> str:
        name = login.database or "master"
        database = self.databases.get(name)
        if database is None or database.state != "ONLINE" or not account.may_enter(database.name, database.owner):
            raise LoginRefused(said(4060, name), said(18456, login.user))
        return database.name

    def leave(self, session: ScriptedSession) -> None:
        """Note that a client is gone."""
        with self.lock:
            if self._sessions.pop(session.session_id, None) is not None:
                self.connections.open -= 1

    def sessions(self) -> list[ScriptedSession]:
        """Return the sessions there are now."""
        with self.lock:
            return list(self._sessions.values())
