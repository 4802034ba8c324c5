"""By which zone the local times of a set are told.

msdb has the zone of each set that this server took. The header of a file has one from SQL Server 2022 on, which is not
to be trusted: of a 16.0.4236 three hours behind UTC, published headers have 0, and 48 for encrypted sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pwsops.engines.sqlserver import queries
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.engines.sqlserver.server import QUARTER_HOUR, UNKNOWN_ZONE

HISTORY, HEADER, SERVER = "history", "header", "server"
AT_ONCE = 200
NEVER_BELIEVED = (0, 48)
"""What was seen in headers whatever the zone was."""
SUMMER_TIME = 4
"""Quarter hours that clocks are put forward and back by, at most."""


class Zone(NamedTuple):
    """How far local time was ahead of UTC, in quarter hours, and who says so; None: as far as it is now."""

    quarter_hours: int | None
    source: str


def of_sets(link: Link, rows: Sequence[Any]) -> Mapping[str, Zone]:
    """Return the zone of each set of a file, by its identity in capitals."""
    ids = [str(row.BackupSetGUID).upper() for row in rows]
    known = _remembered(link, ids)
    present = int(link.server().offset / QUARTER_HOUR)
    return {each: known.get(each) or _of_header(row, present) for each, row in zip(ids, rows, strict=True)}


def is_known(quarter_hours: int | None) -> bool:
    """Whether msdb knows the zone of a set."""
    return quarter_hours is not None and quarter_hours != UNKNOWN_ZONE


def _remembered(link: Link, ids: Sequence[str]) -> Mapping[str, Zone]:
    found: dict[str, Zone] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        rows = link.attempt(link.context("Reading the history"), queries.zones(len(some)), *some)
        if isinstance(rows, NotAsked):  # which `zone_from` of the sets shows
            break
        found |= {row.backup_set_uuid.upper(): Zone(row.time_zone, HISTORY) for row in rows if is_known(row.time_zone)}
    return found


def _of_header(row: Any, present: int) -> Zone:
    """Believe the header where it says what the server's clock says now, but for summer time."""
    quarters = getattr(row, "TimeZone", None)
    if quarters is not None and quarters not in NEVER_BELIEVED and abs(quarters - present) <= SUMMER_TIME:
        return Zone(quarters, HEADER)
    return Zone(None, SERVER)
