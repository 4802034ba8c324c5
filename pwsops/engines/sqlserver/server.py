"""What a server is: read once, because no answer changes while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pwsops.engines.sqlserver import paths
from pwsops.errors import EngineError

OLDEST = 12
"""SQL Server 2014: the first whose backups say how they are encrypted."""
HOSTED = {
    5: "Azure SQL Database",
    6: "a dedicated pool of Azure Synapse",
    8: "Azure SQL Managed Instance",
    11: "a serverless pool of Azure Synapse",
    12: "an SQL database in Fabric",
}
"""By `EngineEdition`. Source: Microsoft's page on SERVERPROPERTY; 9, SQL Edge, writes backups to files."""
QUARTER_HOUR = timedelta(minutes=15)
UNKNOWN_ZONE = 127
"""msdb's word for "nobody wrote the zone down"."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Facts about a server.

    `offset` is how far its clock is ahead of UTC now; `account` is what it runs as, None where we may not know.
    """

    name: str
    version: str
    level: str
    edition: str
    banner: str
    login: str
    offset: timedelta
    backup_path: str | None = None
    data_path: str | None = None
    log_path: str | None = None
    account: str | None = None
    account_unknown: str = ""
    """Why the account could not be looked up, where it is not this login's rights."""

    @property
    def flavour(self) -> str:
        """How its paths are built."""
        return paths.POSIX if " on Linux" in self.banner else paths.WINDOWS

    @property
    def major(self) -> int:
        """13 is SQL Server 2016, 14 is 2017, 15 is 2019, 16 is 2022."""
        return int(self.version.partition(".")[0])

    @property
    def compresses_encrypted(self) -> bool:
        """Whether it chooses by itself a transfer size with which encrypted databases are compressed: 2019 CU5 on."""
        return tuple(int(part) for part in self.version.split(".")[:3]) >= (15, 0, 4043)

    @property
    def timezone(self) -> str:
        """Its present offset from UTC, as text."""
        return str(timezone(self.offset))

    def instant(self, local: datetime, quarter_hours: int | None = None) -> datetime:
        """Return the instant of one of its local times; without its own zone, by the present offset."""
        known = quarter_hours is not None and quarter_hours != UNKNOWN_ZONE
        offset = quarter_hours * QUARTER_HOUR if known and quarter_hours is not None else self.offset
        return (local - offset).replace(tzinfo=UTC)

    def local(self, instant: datetime) -> datetime:
        """Return the naive local time that its clock shows at an instant."""
        return instant.astimezone(UTC).replace(tzinfo=None) + self.offset


def from_row(row: Any, account: str | None, *, unknown: str = "") -> Server:
    """Make the record from the answer to `queries.SERVER`.

    Raises
    ------
    EngineError
        For what pwsops cannot back up: a version that is too old, or an edition that writes no backup files.
    """
    _require_supported(row)
    return Server(
        name=row.server_name or "",
        version=row.version,
        level=row.level or "",
        edition=row.edition or "",
        banner=row.banner,
        login=row.login_name or "",
        offset=_offset(row.local_time),
        backup_path=row.backup_path,
        data_path=row.data_path,
        log_path=row.log_path,
        account=account,
        account_unknown=unknown,
    )


def _require_supported(row: Any) -> None:
    hosted = HOSTED.get(row.engine_edition)
    if hosted is not None:
        raise EngineError(
            f"{row.server_name} is {hosted}, which writes no backups to files of its own.",
            hint="It is backed up by its own service; pwsops serves installed SQL Servers.",
        )
    if int(row.version.partition(".")[0]) < OLDEST:
        raise EngineError(
            f"{row.server_name} is SQL Server {row.version}, which is too old: pwsops needs 2014 (12.0) or newer.",
            hint="Upgrade it, or go on backing it up with its own tools.",
        )


def _offset(local_time: str) -> timedelta:
    """Read the end of ``2026-03-01 12:00:00.0000000 +05:30``."""
    hours, _, minutes = local_time.rpartition(" ")[2].partition(":")
    sign = -1 if hours.startswith("-") else 1
    return timedelta(hours=int(hours), minutes=sign * int(minutes))
