"""The databases of a server: which there are, whether each can be backed up, and what their keeper should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pwsops.engines.records import DatabaseContents, DatabaseInfo, DatabaseState, TableRows
from pwsops.engines.sqlserver import logs as log_backups
from pwsops.engines.sqlserver import queries, tsql
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import BaseUnusable, EngineError, InvalidInput, NotFound
from pwsops.rules import formatting
from pwsops.rules.model import BackupKind
from pwsops.rules.run_mark import is_ours

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
_ACCESS = {
    "SINGLE_USER": (DatabaseState.SINGLE_USER, "it is in single-user mode: one connection at a time is let in"),
    "RESTRICTED_USER": (DatabaseState.RESTRICTED, "it is in restricted mode: only administrators are let in"),
}


@dataclass(frozen=True, kw_only=True)
class _Beside:
    """What is asked for all databases at once, each answer by the database it is about."""

    sizes: Mapping[int, Mapping[str, int]] | NotAsked
    roles: Mapping[str, Any] | NotAsked
    logs: Mapping[str, datetime] | NotAsked
    bases: Mapping[str, Any] | NotAsked
    until: Mapping[str, datetime]


def listed(link: Link) -> list[DatabaseInfo]:
    """List the databases with size, state and warnings. tempdb is left out: it is made anew at each start."""
    context = link.context("Listing the databases")
    rows = [row for row in link.query(context, queries.DATABASES) if row.name != NEVER]
    now = link.server().local(link.clock.now())
    logs, bases = link.attempt(context, queries.LOG_BACKUPS, now - LOG_MEMORY), link.attempt(context, queries.BASES)
    beside = _Beside(
        sizes=_sizes(link),
        roles=_roles(link) if any(row.replica_id for row in rows) else {},
        logs=logs if isinstance(logs, NotAsked) else {row.database_name: row.last_at for row in logs},
        bases=bases if isinstance(bases, NotAsked) else {row.name: row for row in bases},
        until=log_backups.backed_up_until(link),
    )
    return sorted((_with_warnings(row, beside, now) for row in rows), key=lambda info: info.name)


def _with_warnings(row: Any, beside: _Beside, now: datetime) -> DatabaseInfo:
    info = _info(row, beside.sizes, beside.roles)
    if not info.state.is_in_use:
        return info
    of_base = _base_warning(row.name, beside.bases)
    warnings = (
        *_not_asked(row, beside.sizes, beside.roles),
        *_log_warning(row, info.details["log_bytes"], beside.logs, now),
        *of_base,
    )
    foreign = bool(of_base) and not isinstance(beside.bases, NotAsked)
    details: dict[str, Any] = {**info.details, "foreign_base": foreign}
    if (until := beside.until.get(row.name)) is not None and row.recovery_model_desc != "SIMPLE":
        details["log_backed_up_until"] = until.isoformat()
    return replace(info, warnings=warnings, details=details)


def _sizes(link: Link) -> Mapping[int, Mapping[str, int]] | NotAsked:
    rows = link.attempt(link.context("Asking for sizes"), queries.SIZES)
    if isinstance(rows, NotAsked):
        return rows
    sizes: dict[int, dict[str, int]] = {}
    for row in rows:
        sizes.setdefault(row.database_id, {})[row.type_desc] = row.pages * PAGE_BYTES
    return sizes


def _roles(link: Link) -> Mapping[str, Any] | NotAsked:
    rows = link.attempt(link.context("Asking for availability groups"), queries.REPLICAS)
    return rows if isinstance(rows, NotAsked) else {row.name: row for row in rows}


def _info(
    row: Any, sizes: Mapping[int, Mapping[str, int]] | NotAsked, roles: Mapping[str, Any] | NotAsked
) -> DatabaseInfo:
    state, reason = _state(row, None if isinstance(roles, NotAsked) else roles.get(row.name))
    files = {} if isinstance(sizes, NotAsked) else sizes.get(row.database_id, {})
    return DatabaseInfo(
        name=row.name,
        size_bytes=sum(files.values()),
        state=state,
        reason=reason,
        details={
            "recovery_model": row.recovery_model_desc,
            "read_only": bool(row.is_read_only),
            "encrypted": bool(row.is_encrypted),
            "full_only": row.name == FULL_ONLY,
            "log_bytes": files.get("LOG"),
            "user_access": row.user_access_desc,
            "foreign_base": False,
        },
    )


def _not_asked(
    row: Any, sizes: Mapping[int, Mapping[str, int]] | NotAsked, roles: Mapping[str, Any] | NotAsked
) -> Iterator[str]:
    if isinstance(sizes, NotAsked):
        yield f"Its size could not be looked up, because {sizes.why}."
    elif row.database_id not in sizes:
        yield "Its size is not shown to this login, and so not known."
    if isinstance(roles, NotAsked) and row.replica_id:
        yield f"Its role in its availability group could not be looked up, because {roles.why}."


def _state(row: Any, role: Any) -> tuple[DatabaseState, str]:
    if row.is_in_standby:
        return DatabaseState.RESTORING, "it is a standby copy: its restore goes on with every log"
    if row.state_desc != "ONLINE":
        return _STATES.get(row.state_desc, (DatabaseState.UNREADABLE, f"its state is {row.state_desc}"))
    if role is not None and role.role_desc != "PRIMARY":
        where = f" ({role.primary_replica})" if role.primary_replica else ""
        reason = f"here it is a secondary copy in the availability group {role.group_name}; back it up on the primary"
        return DatabaseState.SECONDARY, reason + where
    return _ACCESS.get(row.user_access_desc, (DatabaseState.ONLINE, ""))


def _log_warning(
    row: Any, log_bytes: int | None, logs: Mapping[str, datetime] | NotAsked, now: datetime
) -> tuple[str, ...]:
    if row.recovery_model_desc == "SIMPLE" or row.name in ("master", "model", "msdb"):
        return ()
    if isinstance(logs, NotAsked):
        return (f"Whether anybody backs up its log could not be looked up, because {logs.why}.",)
    last = logs.get(row.name)
    if last is not None and now - last < LOG_SILENCE:
        return ()
    since = f"since {last:%Y-%m-%d}" if last else f"for {LOG_MEMORY.days} days, if ever"
    # Each server of an availability group remembers its own backups only, and any of them may take the log's.
    where = ", as far as this server of its availability group knows" if row.replica_id else ""
    takes = "" if log_bytes is None else f"; it takes {formatting.size(log_bytes)}"
    text = (
        f"Nobody has backed up its log {since}{where}. In the {row.recovery_model_desc} recovery model the log keeps "
        f"everything until then{takes}. Back up its log regularly"
    )
    otherwise = ", or, where a restore to the last backup is enough, change the recovery model to SIMPLE."
    return (text + (" on one of the group's servers." if row.replica_id else otherwise),)


def _base_warning(name: str, bases: Mapping[str, Any] | NotAsked) -> tuple[str, ...]:
    if isinstance(bases, NotAsked):
        return (f"Who took its last full backup could not be looked up, because {bases.why}.",)
    base = bases.get(name)
    if base is None or is_ours(base.description):
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
    """Return the database if such a backup of it can be taken now.

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
    if not info.state.is_in_use:
        raise EngineError(f"{info.name} cannot be backed up on {link.instance.name}: {info.reason}.", hint=_step(info))
    if kind is BackupKind.DIFFERENTIAL and name.lower() == FULL_ONLY:
        raise BaseUnusable("The server takes full backups of master only.", hint="Switch incremental off for it.")
    return info


def no_such_database(link: Link, name: str) -> NotFound:
    """Return the error of a database that is not there."""
    return NotFound(
        f"The database {name} does not exist on {link.instance.name}.",
        hint="Check the name; a restore creates one that is gone: do not create it empty first.",
    )


def find(link: Link, name: str) -> DatabaseInfo:
    """Return one database; raises `NotFound`, and `EngineError` where it may be there and is not shown to the login."""
    row = _row(link, name)
    if row is None:
        raise no_such_database(link, name)
    return _info(row, _sizes(link), _roles(link) if row.replica_id else {})


def spelled(link: Link, name: str) -> str | None:
    """Return the name of the database that the server takes `name` for, by its own collation; None: it has none."""
    row = _row(link, name)
    return None if row is None else str(row.name)


def _row(link: Link, name: str) -> Any:
    """Return what the server tells of a database; None: it has none, which a login must be able to see."""
    context = link.context(f"Looking for {name}", database=name)
    rows = link.query(context, queries.DATABASE, name)
    if rows:
        return rows[0]
    if link.query(context, queries.SEES_DATABASES)[0].sees_all:
        return None
    login = link.server().login
    raise EngineError(
        f"Whether the database {name} exists on {link.instance.name} is not known: the server does not show the login "
        f"{login} all databases.",
        hint=f"Let it see them: USE master; GRANT VIEW ANY DATABASE TO {tsql.identifier(login)};",
    )


def _step(info: DatabaseInfo) -> str:
    return {
        DatabaseState.OFFLINE: f"Bring it online (ALTER DATABASE [{info.name}] SET ONLINE), or take it out.",
        DatabaseState.RESTORING: "Finish its restore: restore its backups again, or recover it as it is.",
        DatabaseState.SECONDARY: "Make the profile on the primary's instance.",
    }.get(info.state, "Look into the server's error log; restore it from a backup if it cannot be mended.")


def contents(link: Link, name: str) -> DatabaseContents:
    """Return which tables a database has and how many rows the server counts in each."""
    info = find(link, name)
    rows = link.query(link.context(f"Looking into {name}", database=name), queries.contents(info.name))
    tables = ((row.schema_name, row.table_name, row.row_count) for row in rows)
    return DatabaseContents(
        tables=tuple(TableRows(f"{schema}.{table}", int(count or 0)) for schema, table, count in tables)
    )
