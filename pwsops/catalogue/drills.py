"""Drills: written down before anything is made, ended in one transaction, and all of them kept as evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, select, update

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, backup_sets, drills, instances
from pwsops.engines.records import TableRows
from pwsops.engines.scratch import Scratch
from pwsops.rules.drills import Answer, AnswerKind, Cause, Judgement, Outcome, Query
from pwsops.rules.model import BackupSet, Message
from pwsops.rules.restore_outlook import Measured

NEXT_TRIES = tuple(timedelta(seconds=seconds) for seconds in (60, 60, 5 * 60, 15 * 60, 60 * 60))
"""After so long each it is tried again to drop a scratch; after the last of these at its distance, without end."""
_OPEN = drills.c.ended_at.is_(None)
_OWED = (drills.c.scratch != "") & drills.c.scratch_dropped_at.is_(None)


@dataclass(frozen=True, kw_only=True)
class DrillRow:
    """One drill as it is kept; see the table. `outcome` None: it goes on, or waits."""

    id: int
    instance: str
    database: str
    on_instance: str
    place: str
    actor: str
    path: str
    position: int
    set_id: str
    sets: Sequence[str]
    data_at: datetime | None
    queries: Sequence[Query]
    asked_at: datetime
    began_at: datetime | None
    owner: str | None
    ended_at: datetime | None
    cancel_requested: bool
    progress_phase: str | None
    progress_done: int | None
    progress_total: int | None
    scratch: str
    scratch_place: str
    scratch_dropped_at: datetime | None
    drop_tries: int
    next_drop_at: datetime | None
    drop_error: str
    restored_bytes: int | None
    restore_s: float | None
    check_s: float | None
    query_s: float | None
    tables: Sequence[TableRows]
    answers: Sequence[Answer]
    outcome: Outcome | None
    cause: Cause
    why: str
    next_step: str
    messages: Sequence[Message]

    @property
    def subject(self) -> str:
        """What the audit log calls the database."""
        return f"{self.instance}/{self.database}"

    @property
    def what(self) -> str:
        """Which backup it is, for the audit log."""
        return f"set {self.position} of {self.path}" if self.path else "the newest backup"

    @property
    def is_owed(self) -> bool:
        """Whether a scratch may be left of it."""
        return bool(self.scratch) and self.scratch_dropped_at is None

    @property
    def scratch_made(self) -> Scratch:
        """The scratch, as its engine knows it."""
        return Scratch(name=self.scratch, place=self.scratch_place)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A drill that somebody asks for.

    Parameters
    ----------
    instance, database
        Whose backup.
    on_instance, place
        Where it is tried, and where that is (`registry.place`).
    path, position
        Which backup; no path: the newest.
    queries
        What is asked of it.
    """

    instance: str
    database: str
    on_instance: str
    place: str
    actor: str
    path: str = ""
    position: int = 1
    queries: Sequence[Query] = ()


def add(connection: Connection, wanted: Wanted, *, owner: str, now: datetime) -> int:
    """Remember a drill that begins; gives its id. The caller has made sure that no other of the database is open."""
    empty: Mapping[str, Any] = {"set_id": "", "scratch": "", "scratch_place": "", "drop_error": "", "drop_tries": 0}
    judged: Mapping[str, Any] = {"cause": "", "why": "", "next_step": "", "tables": [], "answers": [], "messages": []}
    row = {**vars(wanted), **empty, **judged, "queries": [asdict(one) for one in wanted.queries], "sets": []}
    row |= {"asked_at": now, "began_at": now, "owner": owner, "cancel_requested": False}
    return int(connection.execute(insert(drills).values(row).returning(drills.c.id)).scalar_one())


def planned(connection: Connection, drill_id: int, sets: Sequence[BackupSet]) -> None:
    """Note which sets it restores, in order."""
    last = sets[-1]
    values = {"path": last.path, "position": last.position, "set_id": last.set_id, "data_at": last.finished_at}
    _change(connection, drill_id, **values, sets=[one.set_id for one in sets])


def scratch_begins(connection: Connection, drill_id: int, scratch: Scratch) -> None:
    """Note the scratch before it is made: from now on it is owed that it goes."""
    _change(connection, drill_id, scratch=scratch.name, scratch_place=scratch.place)


def scratch_dropped(connection: Connection, drill_id: int, *, now: datetime) -> None:
    """Note that nothing is left of the scratch."""
    _change(connection, drill_id, scratch_dropped_at=now, drop_error="", next_drop_at=None)


def drop_again(connection: Connection, row: DrillRow, why: str, *, now: datetime) -> None:
    """Note why a scratch is not known to be gone, and when it is looked at again."""
    distance = NEXT_TRIES[min(row.drop_tries, len(NEXT_TRIES) - 1)]
    _change(connection, row.id, drop_tries=row.drop_tries + 1, next_drop_at=now + distance, drop_error=why)


def progressed(connection: Connection, drill_id: int, *, phase: str, done_bytes: int, total_bytes: int) -> None:
    """Note how far it is."""
    _change(connection, drill_id, progress_phase=phase, progress_done=done_bytes, progress_total=total_bytes)


def ask_to_cancel(connection: Connection, drill_id: int) -> None:
    """Ask whoever works on a drill to stop."""
    _change(connection, drill_id, cancel_requested=True)


def end(
    connection: Connection,
    drill_id: int,
    judgement: Judgement,
    *,
    now: datetime,
    measured: Mapping[str, Any] | None = None,
    messages: Sequence[Message] = (),
) -> bool:
    """Note the end of a drill; False where that is known already, and stays.

    `measured`: what was found and measured on the way, by column.
    """
    found = dict(measured or {})
    for key in ("tables", "answers"):
        if key in found:
            found[key] = [_plain(one) for one in found[key]]
    values = {
        **found,
        "ended_at": now,
        "outcome": judgement.outcome.value,
        "cause": judgement.cause.value,
        "why": judgement.why,
        "next_step": judgement.next_step,
        "messages": [{**vars(message), "at": message.at.isoformat()} for message in messages],
    }
    still_open = (drills.c.id == drill_id) & _OPEN
    return connection.execute(update(drills).where(still_open).values(values)).rowcount > 0


def get(connection: Connection, drill_id: int) -> DrillRow | None:
    """Return one drill."""
    return next(iter(_read(connection, select(drills).where(drills.c.id == drill_id))), None)


def listing(
    connection: Connection,
    *,
    limit: int | None = 50,
    instance: str | None = None,
    database: str | None = None,
) -> list[DrillRow]:
    """Return drills, newest first."""
    statement = select(drills).order_by(drills.c.id.desc()).limit(limit)
    columns: dict[str, Any] = {"instance": instance, "database": database}
    for column, value in columns.items():
        if value is not None:
            statement = statement.where(drills.c[column] == value)
    return _read(connection, statement)


def of_period(connection: Connection, since: datetime | None, until: datetime) -> list[DrillRow]:
    """Return the drills that were asked for in a period, newest first; `since` None: from the first one on."""
    within = (drills.c.asked_at >= (since or BEGINNING)) & (drills.c.asked_at < until)
    return _read(connection, select(drills).where(within).order_by(drills.c.id.desc()))


def every_open(connection: Connection) -> list[DrillRow]:
    """Return the drills that have not ended, as far as anybody wrote down."""
    return _read(connection, select(drills).where(_OPEN))


def open_of(connection: Connection, instance: str, database: str) -> DrillRow | None:
    """Return the drill of a database that is under way."""
    there = (drills.c.instance == instance) & (drills.c.database == database) & _OPEN
    return next(iter(_read(connection, select(drills).where(there))), None)


def owed(connection: Connection, now: datetime) -> list[DrillRow]:
    """Return the drills of which a scratch may be left that it is time to look at, oldest first."""
    # What is planned too far off was planned while a clock was ahead.
    due = drills.c.next_drop_at.is_(None) | (drills.c.next_drop_at <= now)
    due = due | (drills.c.next_drop_at > now + NEXT_TRIES[-1])
    return _read(connection, select(drills).where(_OWED, due).order_by(drills.c.id))


def bytes_of_others(connection: Connection, drill_id: int) -> int:
    """Return what the scratches of the other drills take that go on: each may still have to write all of it."""
    going = select(drills.c.set_id).where(_OPEN, drills.c.id != drill_id, drills.c.scratch != "")
    sizes = select(backup_sets.c.set_id, func.max(backup_sets.c.database_size_bytes).label("size"))
    known = sizes.where(backup_sets.c.set_id.in_(going)).group_by(backup_sets.c.set_id).subquery()
    return int(connection.execute(select(func.coalesce(func.sum(known.c.size), 0))).scalar_one())


def reading(connection: Connection, instance: str, database: str) -> int | None:
    """Return the number of a drill that reads backups of a database, or may; None: there is none."""
    its = select(backup_sets.c.set_id).where(backup_sets.c.instance == instance, backup_sets.c.database == database)
    here = (drills.c.instance == instance) & (drills.c.database == database)
    # Of one that nobody recorded it is not known which full it needs, nor of one that is not planned yet.
    foreign: ColumnElement[bool] = drills.c.set_id.not_in(select(backup_sets.c.set_id))
    reads = _OPEN & (here | drills.c.set_id.in_(its) | foreign)
    return connection.execute(select(drills.c.id).where(reads).limit(1)).scalar()


def measured(connection: Connection, instance: str, *, limit: int = 50) -> list[Measured]:
    """Return how long the last drills on an instance took to bring a database back, the newest first."""
    done = (drills.c.on_instance == instance) & drills.c.restore_s.is_not(None)
    found = _read(connection, select(drills).where(done).order_by(drills.c.id.desc()).limit(limit))
    return [
        Measured(row.database, row.restored_bytes, row.restore_s)
        for row in found
        if row.restored_bytes is not None and row.restore_s
    ]


def at_place(connection: Connection, row: DrillRow) -> str | None:
    """Return the name of an instance that is where a scratch was made; its own comes first. None: there is none now."""
    there = select(instances.c.name).where(instances.c.place == row.place).order_by(instances.c.name)
    names = [rows.values_of(each)["name"] for each in rows.read(connection, instances, there)]
    return row.on_instance if row.on_instance in names else next(iter(names), None)


def _change(connection: Connection, drill_id: int, **values: Any) -> None:
    connection.execute(update(drills).where(drills.c.id == drill_id).values(values))


def _plain(one: TableRows | Answer) -> list[Any]:
    return list(one) if isinstance(one, TableRows) else [one.kind.value, one.value, one.why]


def _read(connection: Connection, statement: Select[Any]) -> list[DrillRow]:
    return [_row(row) for row in rows.read(connection, drills, statement)]


_STAND_INS: Mapping[str, Any] = {
    **dict.fromkeys(("instance", "database", "on_instance", "actor"), "(unknown)"),
    **dict.fromkeys(("place", "path", "set_id", "scratch", "scratch_place", "drop_error", "cause", "why"), ""),
    **dict.fromkeys(("queries", "sets", "tables", "answers", "messages"), ()),
    "next_step": "",
    "asked_at": BEGINNING,
    "position": 1,
    "drop_tries": 0,
    "cancel_requested": False,
}
"""Where a row cannot be read in part."""


def _row(row: RowMapping | Unreadable) -> DrillRow:
    values: dict[str, Any] = dict(rows.values_of(row))
    reason = row.reason if isinstance(row, Unreadable) else ""
    for key, parse in _PARSED.items():
        try:
            values[key] = parse(values[key])
        except (ValueError, TypeError, KeyError, LookupError, AttributeError):
            values[key], reason = None, reason or f"`{key}` cannot be read"
    values |= {key: value for key, value in _STAND_INS.items() if values[key] is None}
    values["cause"] = values["cause"] or Cause.NONE
    if reason:
        values["why"] = f"This entry of the catalogue is damaged: {reason}. {values['why']}".strip()
        if values["ended_at"] is not None:
            values["outcome"] = values["outcome"] or Outcome.UNTESTED
    if isinstance(row, Unreadable):
        values["id"] = row.id
    return DrillRow(**{each.name: values[each.name] for each in fields(DrillRow)})


def _messages(stored: Sequence[Mapping[str, Any]]) -> list[Message]:
    return [Message(**{**message, "at": datetime.fromisoformat(message["at"])}) for message in stored]


_PARSED: Mapping[str, Any] = {
    "queries": lambda stored: [Query(**one) for one in stored],
    "sets": lambda stored: [str(one) for one in stored],
    "tables": lambda stored: [TableRows(str(name), None if count is None else int(count)) for name, count in stored],
    "answers": lambda stored: [Answer(kind=AnswerKind(kind), value=value, why=why) for kind, value, why in stored],
    "messages": _messages,
    "outcome": lambda stored: None if stored is None else Outcome(stored),
    "cause": lambda stored: Cause(stored or ""),
}
