"""The databases of a server: which there are, whether each can be backed up, and what their keeper should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from humanize import naturalsize

from pwsops.engines.base import DatabaseContents, DatabaseInfo, DatabaseState, TableRows
from pwsops.engines.sqlserver import queries
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import BaseUnusable, EngineError, InvalidInput, NotFound
from pwsops.rules.chain import OURS
from pwsops.rules.model import BackupKind

PAGE_BYTES = 8192
LOG_SILENCE = timedelta(days=7)
LOG_MEMORY = timedelta(days=62)
NEVER = "tempdb"
FULL_ONLY = "master"
_STATES = {
    "OFFLINE": (DatabaseState.OFFLINE, "it is offline"),
    "RESTORING": (DatabaseState.RESTORING, "a restore was begun and not ended"),
    "RECOVERING": (DatabaseState.UNREADABLE, "it is being recovered; wait until that is done"),
    "RECOVERY_PENDING": (DatabaseState.UNREADABLE, "its recovery could not begin: see the server's error log"),
    "SUSPECT": (DatabaseState.UNREADABLE, "it is marked as suspect: see the server's error log"),
    "EMERGENCY": (DatabaseState.UNREADABLE, "it is in emergency mode"),
}


def listed(link: Link) -> list[DatabaseInfo]:
    """List the databases with size, state and warnings. tempdb is left out: it is made anew at each start."""
    scene = link.scene("Listing the databases")
    rows = [row for row in link.query(scene, queries.DATABASES) if row.name != NEVER]
    sizes = _sizes(link)
    roles = _roles(link) if any(row.replica_id for row in rows) else {}
    now = link.server().local(link.clock.now())
    asked = link.attempt(scene, queries.LOG_BACKUPS, now - LOG_MEMORY)
    logs = None if asked is None else {row.database_name: row.last_at for row in asked}
    bases = {row.name: row for row in link.attempt(scene, queries.BASES) or ()}
    infos = [
        _info(
            row,
            sizes.get(row.database_id, {}),
            roles.get(row.name),
            _log_warning(row, sizes.get(row.database_id, {}), logs, now),
            _base_warning(bases.get(row.name)),
        )
        for row in rows
    ]
    return sorted(infos, key=lambda info: info.name)


def _sizes(link: Link) -> Mapping[int, Mapping[str, int]]:
    sizes: dict[int, dict[str, int]] = {}
    for row in link.attempt(link.scene("Asking for sizes"), queries.SIZES) or ():
        sizes.setdefault(row.database_id, {})[row.type_desc] = row.pages * PAGE_BYTES
    return sizes


def _roles(link: Link) -> Mapping[str, Any]:
    rows = link.attempt(link.scene("Asking for availability groups"), queries.REPLICAS) or ()
    return {row.name: row for row in rows}


def _info(row: Any, sizes: Mapping[str, int], role: Any, of_log: Sequence[str], of_base: Sequence[str]) -> DatabaseInfo:
    state, reason = _state(row, role)
    return DatabaseInfo(
        name=row.name,
        size_bytes=sum(sizes.values()),
        state=state,
        reason=reason,
        details={
            "recovery_model": row.recovery_model_desc,
            "read_only": bool(row.is_read_only),
            "encrypted": bool(row.is_encrypted),
            "full_only": row.name == FULL_ONLY,
            "log_bytes": sizes.get("LOG", 0),
            "foreign_base": bool(of_base),
        },
        warnings=(*of_log, *of_base) if state is DatabaseState.ONLINE else (),
    )


def _state(row: Any, role: Any) -> tuple[DatabaseState, str]:
    if row.is_in_standby:
        return DatabaseState.RESTORING, "it is a standby copy: its restore goes on with every log"
    if row.state_desc != "ONLINE":
        return _STATES.get(row.state_desc, (DatabaseState.UNREADABLE, f"its state is {row.state_desc}"))
    if role is not None and role.role_desc != "PRIMARY":
        where = f" ({role.primary_replica})" if role.primary_replica else ""
        reason = f"here it is a secondary copy in the availability group {role.group_name}; back it up on the primary"
        return DatabaseState.SECONDARY, reason + where
    return DatabaseState.ONLINE, ""


def _log_warning(
    row: Any, sizes: Mapping[str, int], logs: Mapping[str, datetime] | None, now: datetime
) -> tuple[str, ...]:
    if row.recovery_model_desc == "SIMPLE" or row.name in ("master", "model", "msdb"):
        return ()
    if logs is None:  # nobody could be asked, which is not to be told as "nobody has"
        return ()
    last = logs.get(row.name)
    if last is not None and now - last < LOG_SILENCE:
        return ()
    since = f"since {last:%Y-%m-%d}" if last else f"for {LOG_MEMORY.days} days, if ever"
    # Each server of an availability group remembers its own backups only, and any of them may take the log's.
    where = ", as far as this server of its availability group knows" if row.replica_id else ""
    text = (
        f"Nobody has backed up its log {since}{where}. In the {row.recovery_model_desc} recovery model the log keeps "
        f"everything until then; it takes {naturalsize(sizes.get('LOG', 0), binary=True)}. Back up its log regularly"
    )
    otherwise = ", or, where a restore to the last backup is enough, change the recovery model to SIMPLE."
    return (text + (" on one of the group's servers." if row.replica_id else otherwise),)


def _base_warning(base: Any) -> tuple[str, ...]:
    if base is None or (base.description or "").startswith(OURS):
        return ()
    if base.backup_set_id is None:
        unknown = "Its last full backup is not in the server's history, so nothing is built on it"
        return (f"{unknown}: the next incremental of a profile is taken as a full.",)
    how = "as a snapshot " if base.is_snapshot else ""
    text = (
        f"Somebody else ({base.user_name or 'unknown'}) took its last full backup {how}with another tool, whose file "
        "may go without notice. Nothing is built on it: the next incremental of a profile is taken as a full."
    )
    return (text,)


def require(link: Link, name: str, kind: BackupKind, *, copy_only: bool = False) -> DatabaseInfo:
    """Give the database if such a backup of it can be taken now.

    Raises
    ------
    NotFound
        Where there is none of that name.
    InvalidInput
        For tempdb.
    BaseUnusable
        For an incremental of master.
    EngineError
        For one that is offline, in a restore, damaged, or a secondary copy.
    """
    if name.lower() == NEVER:
        raise InvalidInput("tempdb cannot be backed up.", hint="Take it out: the server makes it anew at each start.")
    info = find(link, name)
    if info.state is DatabaseState.SECONDARY and copy_only and kind is BackupKind.FULL:
        return info
    if info.state is not DatabaseState.ONLINE:
        raise EngineError(f"{info.name} cannot be backed up on {link.instance.name}: {info.reason}.", hint=_step(info))
    if kind is BackupKind.DIFFERENTIAL and name.lower() == FULL_ONLY:
        raise BaseUnusable("The server takes full backups of master only.", hint="Switch incremental off for it.")
    return info


def find(link: Link, name: str) -> DatabaseInfo:
    """Give one database; raises `NotFound`."""
    scene = link.scene(f"Looking for {name}", database=name)
    rows = link.query(scene, queries.DATABASE, name)
    if not rows:
        raise NotFound(
            f"The database {name} does not exist on {link.instance.name}.",
            hint="Check the name; to restore one that is gone, create it empty first.",
        )
    row = rows[0]
    role = _roles(link).get(row.name) if row.replica_id else None
    return _info(row, _sizes(link).get(row.database_id, {}), role, (), ())


def _step(info: DatabaseInfo) -> str:
    return {
        DatabaseState.OFFLINE: f"Bring it online (ALTER DATABASE [{info.name}] SET ONLINE), or take it out.",
        DatabaseState.RESTORING: "Finish its restore: restore its backups again, or recover it as it is.",
        DatabaseState.SECONDARY: "Make the profile on the primary's instance.",
    }.get(info.state, "Look into the server's error log; restore it from a backup if it cannot be mended.")


def contents(link: Link, name: str) -> DatabaseContents:
    """Say which tables a database has and how many rows the server counts in each."""
    info = find(link, name)
    rows = link.query(link.scene(f"Looking into {name}", database=name), queries.contents(info.name))
    tables = ((row.schema_name, row.table_name, row.row_count) for row in rows)
    return DatabaseContents(
        tables=tuple(TableRows(f"{schema}.{table}", int(count or 0)) for schema, table, count in tables)
    )
