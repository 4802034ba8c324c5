"""How far the log backups that others take reach, where their chain is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pwsops.engines.sqlserver import queries
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.engines.sqlserver.server import Server

MEMORY = timedelta(days=31)
"""A full that is older than this is none that logs are counted from: their rows would be too many to read."""


def backed_up_until(link: Link) -> Mapping[str, datetime]:
    """Return, by database, the instant up to which its newest full and the log backups since give everything back.

    A database is left out where it has no such chain, and all are where msdb could not be asked.
    """
    now = link.server().local(link.clock.now())
    context = link.context("Reading the log backups")
    fulls = link.attempt(context, queries.NEWEST_FULLS, now - MEMORY)
    if isinstance(fulls, NotAsked) or not fulls:
        return {}
    # The drivers round to a three-hundredth of a second.
    since = min(row.last_at for row in fulls) - timedelta(seconds=1)
    rows = link.attempt(context, queries.LOG_CHAINS, since)
    if isinstance(rows, NotAsked):
        return {}
    by_database: dict[str, list[Any]] = {}
    for row in rows:
        by_database.setdefault(row.database_name, []).append(row)
    ends = {name: chain_end(of_database, link.server()) for name, of_database in by_database.items()}
    return {name: end for name, end in ends.items() if end is not None}


def chain_end(rows: Iterable[Any], server: Server) -> datetime | None:
    """Return when the last log of a whole chain was begun; None where no log follows the newest full.

    Parameters
    ----------
    rows
        The fulls and logs of one database, in the order they were taken.
    server
        Whose local times they have.
    """
    known = list(rows)
    full = next((row for row in reversed(known) if row.type == "D" and _is_whole(row)), None)
    if full is None:
        return None
    reached, until = int(full.last_lsn), None
    logs = [row for row in known if row.type == "L" and row.recovery_fork_guid == full.recovery_fork_guid]
    # A log that was taken across the full begins before it; equal LSNs are logs in which nothing happened.
    for log in sorted(logs, key=lambda row: (int(row.last_lsn), int(row.first_lsn))):
        if int(log.last_lsn) < reached:
            continue
        if int(log.first_lsn) > reached or not _is_whole(log):
            break
        reached = int(log.last_lsn)
        until = server.instant(log.backup_start_date, log.time_zone)
    return until


def _is_whole(row: Any) -> bool:
    return not row.is_snapshot and not row.is_damaged
