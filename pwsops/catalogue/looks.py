"""What instances last said of themselves and their databases, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from pwsops.catalogue.rows import Unreadable, read, values_of
from pwsops.catalogue.schema import instance_looks, seen_databases
from pwsops.catalogue.sightings import UNREADABLE_SINCE, Known, of_outside
from pwsops.engines.records import DatabaseState
from pwsops.rules.model import BackupKind, BackupSet, MediaState, Sighting


@dataclass(frozen=True, kw_only=True)
class SeenDatabase:
    """A database as its instance last told of it.

    `outside` are other tools' backups, with what a look found. `logs_until`: up to when a whole chain of log backups
    gives everything back; None: there is none.
    """

    instance: str
    database: str
    size_bytes: int
    state: str
    reason: str
    state_since: datetime
    warnings: Sequence[str] = ()
    foreign_base: bool = False
    logs_until: datetime | None = None
    outside: Sequence[Known] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """When an instance last answered, and since when it has not; None: it answered the last time it was asked."""

    instance: str
    answered_at: datetime | None
    unreached_since: datetime | None
    error: str
    hint: str


def answered(connection: Connection, instance: str, found: Sequence[SeenDatabase], *, now: datetime) -> None:
    """Keep what an instance says of its databases now, in place of what it said before."""
    before = {database.database: database for database in databases(connection, instance)}
    connection.execute(delete(seen_databases).where(seen_databases.c.instance == instance))
    rows = []
    for database in found:
        was = before.get(database.database)
        since = was.state_since if was is not None and was.state == database.state else now
        rows.append(
            vars(database)
            | {
                "state_since": since,
                "warnings": list(database.warnings),
                "outside": [_plain(each) for each in database.outside],
            }
        )
    if rows:
        connection.execute(insert(seen_databases), rows)
    row = {"instance": instance, "answered_at": now, "unreached_since": None, "error": "", "hint": ""}
    statement = insert(instance_looks).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["instance"], set_=row))


def unanswered(connection: Connection, instance: str, error: str, hint: str, *, now: datetime) -> None:
    """Note that an instance could not be asked. What it said before stays known, with its age."""
    row = {"instance": instance, "answered_at": None, "unreached_since": now, "error": error, "hint": hint}
    statement = insert(instance_looks).values(row)
    since = func.coalesce(instance_looks.c.unreached_since, statement.excluded.unreached_since)
    kept = {"unreached_since": since, "error": error, "hint": hint}
    connection.execute(statement.on_conflict_do_update(index_elements=["instance"], set_=kept))


def every(connection: Connection) -> dict[str, Look]:
    """Return when each instance was last asked, and whether it answered."""
    found = [values_of(row) for row in read(connection, instance_looks, select(instance_looks))]
    # Of one that cannot be read it is not known that it answered.
    return {
        row["instance"]: Look(**{**row, "error": row["error"] or "", "hint": row["hint"] or ""})
        for row in found
        if row["instance"] is not None
    }


def databases(connection: Connection, instance: str | None = None) -> list[SeenDatabase]:
    """Return the databases that instances last told of, by instance and name."""
    statement = select(seen_databases).order_by(seen_databases.c.instance, seen_databases.c.database)
    if instance is not None:
        statement = statement.where(seen_databases.c.instance == instance)
    found = (_database(row) for row in read(connection, seen_databases, statement))
    return [look for look in found if look is not None]


_OF_SET = tuple(BackupSet.__dataclass_fields__)


def _plain(known: Known) -> dict[str, Any]:
    values = {key: _json(getattr(known.backup_set, key)) for key in _OF_SET}
    facts = known.facts
    return values | {
        "sighting": [str(facts.seen_state), facts.seen_reason],
        "of_failed_item": facts.of_failed_item,
        "looked_at": _json(facts.state_since),
    }


def _json(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _database(row: RowMapping | Unreadable) -> SeenDatabase | None:
    """Return what was told of a database; None where it is not known of which.

    Where some of it cannot be read, nothing is claimed of its state: the next look writes it anew.
    """
    known = values_of(row)
    if known["instance"] is None or known["database"] is None:
        return None
    reason = row.reason if isinstance(row, Unreadable) else ""
    if known["state"] not in list(DatabaseState):
        reason = reason or "`state` cannot be read"
    outside: tuple[Known, ...] = ()
    warnings = known["warnings"]
    if not isinstance(warnings, list) or not all(isinstance(warning, str) for warning in warnings):
        reason, warnings = reason or "`warnings` cannot be read", []
    try:
        outside = tuple(_from_plain(each) for each in known["outside"])
    except (AttributeError, KeyError, TypeError, ValueError):
        reason = reason or "`outside` cannot be read"
    values = {key: known[key] for key in SeenDatabase.__dataclass_fields__} | {"warnings": warnings, "outside": outside}
    if reason:
        values |= {
            "state": DatabaseState.UNREADABLE.value,
            "reason": f"what its instance said of it cannot be read (row {known['id']} of seen_databases, {reason}); "
            "the next look asks anew",
            "state_since": known["state_since"] or UNREADABLE_SINCE,
            "size_bytes": known["size_bytes"] or 0,
            "foreign_base": bool(known["foreign_base"]),
        }
    return SeenDatabase(**values)


def _from_plain(values: Mapping[str, Any]) -> Known:
    fields = {key: values[key] for key in _OF_SET}
    for key in ("started_at", "finished_at"):
        fields[key] = fields[key] and datetime.fromisoformat(fields[key])
    state, reason = values["sighting"]
    return of_outside(
        BackupSet(**fields | {"kind": BackupKind(fields["kind"])}),
        Sighting(state=MediaState(state), reason=reason),
        of_failed_item=values["of_failed_item"],
        now=datetime.fromisoformat(values["looked_at"]),
    )
