"""What a batch says, statement by statement. `title` is how the server and the faults name a statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.standin.server.expressions import Expression, Query
from tests.standin.server.security_statements import (
    BackupCertificate,
    ChangeRole,
    CreateCertificate,
    CreateLogin,
    CreateMasterKey,
    CreateUser,
    DropCertificate,
    Grant,
)
from tests.standin.server.token_stream import Text


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """`ENCRYPTION (ALGORITHM = ..., SERVER CERTIFICATE = ...)`."""

    algorithm: str
    certificate: str


@dataclass(frozen=True, kw_only=True)
class Backup:
    """`BACKUP DATABASE` or `BACKUP LOG`. None where an option was not named."""

    database: Text
    devices: tuple[Text, ...]
    log: bool = False
    differential: bool = False
    copy_only: bool = False
    checksum: bool = False
    compression: bool | None = None
    encryption: Encryption | None = None
    init: bool = False
    format: bool = False
    skip: bool = False
    no_recovery: bool = False
    no_truncate: bool = False
    name: Text | None = None
    description: Text | None = None
    media_name: Text | None = None
    media_description: Text | None = None
    continue_after_error: bool = False
    stats: int | None = None
    retain_days: int | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    """MAXTRANSFERSIZE, BUFFERCOUNT, BLOCKSIZE."""

    @property
    def title(self) -> str:
        return "BACKUP LOG" if self.log else "BACKUP DATABASE"


@dataclass(frozen=True, kw_only=True)
class Restore:
    """`RESTORE DATABASE` or `RESTORE LOG`; no devices where it only recovers."""

    database: Text
    devices: tuple[Text, ...] = ()
    log: bool = False
    file: int = 1
    moves: tuple[tuple[Text, Text], ...] = ()
    recovery: str = "RECOVERY"
    replace: bool = False
    restricted: bool = False
    checksum: bool | None = None
    continue_after_error: bool = False
    stats: int | None = None
    stop_at: Text | None = None

    @property
    def title(self) -> str:
        return "RESTORE LOG" if self.log else "RESTORE DATABASE"


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """`RESTORE VERIFYONLY`, `HEADERONLY`, `FILELISTONLY` or `LABELONLY`."""

    what: str
    devices: tuple[Text, ...]
    file: int | None = None
    checksum: bool | None = None
    stats: int | None = None
    database: Text = ""

    @property
    def title(self) -> str:
        return f"RESTORE {self.what}"


@dataclass(frozen=True, kw_only=True)
class AlterDatabase:
    """`ALTER DATABASE ... SET`; `value` is what an option such as RECOVERY is set to."""

    database: Text
    option: str
    value: str = ""
    rollback: bool = False
    title: str = "ALTER DATABASE"


@dataclass(frozen=True, kw_only=True)
class CreateDatabase:
    """`CREATE DATABASE`."""

    database: Text
    title: str = "CREATE DATABASE"


@dataclass(frozen=True, kw_only=True)
class DropDatabase:
    """`DROP DATABASE`."""

    database: Text
    if_exists: bool = False
    title: str = "DROP DATABASE"


@dataclass(frozen=True, kw_only=True)
class Execute:
    """`EXEC procedure`. An argument may be named, and may be an OUTPUT variable."""

    procedure: str
    arguments: tuple[Expression, ...]
    outputs: Mapping[int, str] = field(default_factory=dict)
    """Variables to fill, by the argument's place."""

    @property
    def title(self) -> str:
        return f"EXEC {self.procedure}"


@dataclass(frozen=True, kw_only=True)
class Use:
    """`USE`."""

    database: str
    title: str = "USE"


@dataclass(frozen=True, kw_only=True)
class SetOption:
    """`SET` of an option of the session."""

    option: str
    value: str
    title: str = "SET"


@dataclass(frozen=True, kw_only=True)
class Assign:
    """`DECLARE @x type = ...` or `SET @x = ...`; without `value`, the variable is declared as NULL."""

    variable: str
    value: Expression | None
    type: str | None = None
    title: str = "SET"


@dataclass(frozen=True, kw_only=True)
class SelectRows:
    """`SELECT`; with `into`, it fills variables and gives no result."""

    query: Query
    into: tuple[str, ...] = ()
    title: str = "SELECT"


@dataclass(frozen=True, kw_only=True)
class InsertRows:
    """`INSERT INTO ... VALUES`."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Expression, ...], ...]
    title: str = "INSERT"


@dataclass(frozen=True, kw_only=True)
class UpdateRows:
    """`UPDATE ... SET text = ... WHERE`."""

    table: tuple[str, ...]
    values: Mapping[str, Expression]
    where: Expression | None
    title: str = "UPDATE"


@dataclass(frozen=True, kw_only=True)
class DeleteRows:
    """`DELETE FROM ... WHERE`."""

    table: tuple[str, ...]
    where: Expression | None
    title: str = "DELETE"


@dataclass(frozen=True, kw_only=True)
class CreateTable:
    """`CREATE TABLE`: here every table has the columns `id` and `text`."""

    table: tuple[str, ...]
    title: str = "CREATE TABLE"


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """`BEGIN`, `COMMIT` or `ROLLBACK TRANSACTION`."""

    what: str
    title: str = "TRANSACTION"


@dataclass(frozen=True, kw_only=True)
class Kill:
    """`KILL session`."""

    session: int
    title: str = "KILL"


@dataclass(frozen=True, kw_only=True)
class If:
    """`IF condition statement`."""

    condition: Expression
    then: tuple[Statement, ...]
    title: str = "IF"


@dataclass(frozen=True, kw_only=True)
class Throw:
    """`THROW number, text, state`: it ends the batch."""

    number: int
    text: str
    state: int
    title: str = "THROW"


@dataclass(frozen=True, kw_only=True)
class ExecuteText:
    """`EXEC (@text)`: what a variable holds, as a batch of its own."""

    text: Expression
    title: str = "EXEC"


@dataclass(frozen=True, kw_only=True)
class CheckDatabase:
    """`DBCC CHECKDB`."""

    database: Text
    quiet: bool = False
    title: str = "DBCC CHECKDB"


Statement = (
    Backup | Restore | Inspect | AlterDatabase | CreateDatabase | DropDatabase | CreateMasterKey | CreateCertificate
    | BackupCertificate | DropCertificate | CreateLogin | CreateUser | ChangeRole | Grant | Execute | Use | SetOption
    | Assign | SelectRows | InsertRows | UpdateRows | DeleteRows | CreateTable | Transaction | Kill | If | Throw
    | ExecuteText
    | CheckDatabase
)  # fmt: skip
