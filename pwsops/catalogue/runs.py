"""Runs, their items (one a database) and the messages of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, func, insert, select, update

from pwsops.catalogue import rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, instances, messages, profiles, run_items, runs
from pwsops.rules.model import BackupKind, Message, RunStatus, Trigger

RunRow = RowMapping | Mapping[str, Any]
"""A run as it was read, or what stands for one that cannot be."""
_KINDS: Mapping[str, type[StrEnum]] = {"status": RunStatus, "kind": BackupKind, "trigger": Trigger}
_VALUES = {kind: frozenset(map(str, kind)) for kind in _KINDS.values()}
OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
FURTHEST_LOOK = timedelta(days=2)
"""Nobody puts a look further off: what is planned later was planned while a clock was ahead, and is due."""
_LOOKED_THROUGH = 5_000
CANCELLED_EARLY = "cancelled before it began"


def add(
    connection: Connection,
    *,
    profile_id: int,
    profile: str,
    due_at: datetime,
    kind: BackupKind,
    trigger: Trigger,
    owner: str | None,
) -> int:
    """Queue one run; gives its id. The caller has made sure that (profile, instant) is free."""
    row = new_row(
        profile_id=profile_id,
        profile=profile,
        due_at=due_at,
        kind=kind,
        trigger=trigger,
        owner=owner,
        status=RunStatus.QUEUED,
        now=due_at,
    )
    return int(connection.execute(insert(runs).values(row).returning(runs.c.id)).scalar_one())


def new_row(
    *,
    profile_id: int,
    profile: str,
    due_at: datetime,
    kind: BackupKind,
    trigger: Trigger,
    owner: str | None,
    status: RunStatus,
    now: datetime,
    summary: str = "",
    missed_count: int = 0,
    missed_until: datetime | None = None,
) -> dict[str, Any]:
    """Return the columns of a run that has not started."""
    return {
        "profile_id": profile_id,
        "profile": profile,
        "due_at": due_at,
        "status": status.value,
        "kind": kind.value,
        "trigger": trigger.value,
        "claimed_at": now,
        "finished_at": now if status.ended else None,
        "summary": summary,
        "missed_count": missed_count,
        "missed_until": missed_until,
        "owner": owner,
        "cancel_requested": False,
    }


def start(connection: Connection, run_id: int, *, owner: str, databases: Iterable[str], now: datetime) -> list[int]:
    """Mark a run as running, at the place where its instance is now, and lay out its items; gives their ids, in order.

    Whatever it takes belongs to that place, also where the profile or the instance is edited before its end is known.
    """
    its = profiles.c.id == runs.c.profile_id
    instance = select(profiles.c.instance).where(its).correlate(runs).scalar_subquery()
    change(
        connection,
        run_id,
        status=RunStatus.RUNNING.value,
        started_at=now,
        owner=owner,
        instance=instance,
        directory=select(profiles.c.directory).where(its).correlate(runs).scalar_subquery(),
        place=select(instances.c.place).where(instances.c.name == instance).correlate(runs).scalar_subquery(),
    )
    return add_items(connection, run_id, databases)


def is_at_its_place(connection: Connection, run_id: int) -> bool:
    """Whether a run's instance is where it was when the run began; True, too, where that was not noted."""
    of_run = runs.outerjoin(instances, instances.c.name == runs.c.instance)
    noted, now = connection.execute(
        select(runs.c.place, instances.c.place).select_from(of_run).where(runs.c.id == run_id)
    ).one()
    return noted is None or noted == now


def add_items(connection: Connection, run_id: int, databases: Iterable[str]) -> list[int]:
    """Lay out the items of a run, one a database; gives their ids, in order."""
    ids = []
    for database in databases:
        row = {"run_id": run_id, "database": database, "status": RunStatus.QUEUED.value}
        row |= {"reason": "", "error": "", "hint": ""}
        ids.append(int(connection.execute(insert(run_items).values(row).returning(run_items.c.id)).scalar_one()))
    return ids


def change(connection: Connection, run_id: int, **values: Any) -> None:
    """Set columns of a run."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(values))


def change_item(connection: Connection, item_id: int, **values: Any) -> None:
    """Set columns of an item."""
    connection.execute(update(run_items).where(run_items.c.id == item_id).values(values))


def start_item(connection: Connection, item_id: int, *, now: datetime) -> None:
    """Mark an item as running."""
    change_item(connection, item_id, status=RunStatus.RUNNING.value, started_at=now)


def put_back(connection: Connection, run_id: int, *, owner: str | None) -> None:
    """Let anybody take a queued run that this owner left."""
    left = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value) & (runs.c.owner == owner)
    connection.execute(update(runs).where(left).values(owner=None))


def cancel_queued(connection: Connection, run_id: int, *, now: datetime) -> None:
    """End a run that has not begun; one that has is left alone."""
    waiting = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value)
    ended = {"status": RunStatus.CANCELLED.value, "finished_at": now, "summary": CANCELLED_EARLY}
    connection.execute(update(runs).where(waiting).values(ended))


def rename(connection: Connection, profile_id: int, name: str) -> None:
    """Let a profile's runs be found under its new name."""
    connection.execute(update(runs).where(runs.c.profile_id == profile_id).values(profile=name))


def item_ended(connection: Connection, item_id: int) -> bool:
    """Whether nothing more will happen to an item."""
    status = connection.execute(select(run_items.c.status).where(run_items.c.id == item_id)).scalar_one()
    return RunStatus(status).ended


def to_look_at_again(connection: Connection, now: datetime) -> list[RunRow]:
    """Return the items of which it is time to look whether their backup was finished after all, oldest first."""
    planned = run_items.c.look_again_at
    is_due = (planned <= now) | (planned > now + FURTHEST_LOOK)
    where = is_due & (run_items.c.status == RunStatus.FAILED.value)
    return list(connection.execute(select(run_items).where(where).order_by(run_items.c.id)).mappings())


def failed_after(connection: Connection, profile_id: int, run_id: int) -> int:
    """Count the runs of a profile that were claimed after a run and in which nothing succeeded."""
    succeeded = exists().where(run_items.c.run_id == runs.c.id, run_items.c.status == RunStatus.SUCCEEDED.value)
    where = [runs.c.profile_id == profile_id, runs.c.id > run_id, runs.c.status == RunStatus.FAILED.value, ~succeeded]
    return int(connection.execute(select(func.count()).select_from(runs).where(*where)).scalar_one())


def failed_items_after(connection: Connection, profile_id: int, run_id: int, database: str) -> int:
    """Count how often a database of a profile failed in runs that were claimed after a run."""
    failed = (run_items.c.database == database) & (run_items.c.status == RunStatus.FAILED.value)
    statement = select(func.count()).select_from(run_items.join(runs, runs.c.id == run_items.c.run_id))
    return int(
        connection.execute(statement.where(failed, runs.c.profile_id == profile_id, runs.c.id > run_id)).scalar_one()
    )


def add_messages(connection: Connection, item_id: int, given: Sequence[Message]) -> None:
    """Keep what was said about an item, in order."""
    if given:
        connection.execute(insert(messages), [{"item_id": item_id, **vars(message)} for message in given])


def get(connection: Connection, run_id: int) -> RunRow | None:
    """Return one run."""
    return next(iter(read(connection, select(runs).where(runs.c.id == run_id))), None)


def listing(
    connection: Connection,
    *,
    profile: str | None = None,
    status: RunStatus | None = None,
    where: Sequence[ColumnElement[bool]] = (),
    limit: int | None = 50,
    offset: int = 0,
) -> list[RunRow]:
    """Return runs, newest first."""
    statement = _filtered(select(runs), profile, status).where(*where).order_by(runs.c.due_at.desc(), runs.c.id.desc())
    return read(connection, statement.limit(limit).offset(offset))


def alike(connection: Connection, run: RunRow, *, limit: int) -> list[RunRow]:
    """Return the runs of the same profile and kind that were due up to a run, itself included, the newest first.

    They are looked for among the last `_LOOKED_THROUGH` of the profile: a full may stand between very many others.
    """
    before = select(runs.c.id).where(runs.c.profile == run["profile"], runs.c.due_at <= run["due_at"])
    before = before.order_by(runs.c.due_at.desc()).limit(_LOOKED_THROUGH)
    found = select(runs).where(runs.c.id.in_(before), runs.c.kind == run["kind"])
    return read(connection, found.order_by(runs.c.due_at.desc(), runs.c.id.desc()).limit(limit))


def count(connection: Connection, *, profile: str | None = None, status: RunStatus | None = None) -> int:
    """Count runs."""
    return int(connection.execute(_filtered(select(func.count()).select_from(runs), profile, status)).scalar_one())


def items(connection: Connection, run_ids: Sequence[int]) -> dict[int, list[RunRow]]:
    """Return the items of these runs, by run, in the profile's order; one that cannot be read as failed."""
    found: dict[int, list[RunRow]] = {run_id: [] for run_id in run_ids}
    statement = select(run_items).where(run_items.c.run_id.in_(run_ids)).order_by(run_items.c.id)
    for row in rows.read(connection, run_items, statement):
        item = _sound_item(row)
        found[item["run_id"]].append(item)
    return found


def messages_of(connection: Connection, item_ids: Sequence[int]) -> dict[int, list[Message]]:
    """Return the messages of these items, by item, in order."""
    found: dict[int, list[Message]] = {item_id: [] for item_id in item_ids}
    statement = select(messages).where(messages.c.item_id.in_(item_ids)).order_by(messages.c.id)
    for row in rows.read(connection, messages, statement):
        if isinstance(row, Unreadable):
            message = Message(text=f"This message is damaged: {row.reason}.", at=BEGINNING, is_error=True)
            found[row.values["item_id"]].append(message)
        else:
            found[row["item_id"]].append(Message(**{key: row[key] for key in Message.__dataclass_fields__}))
    return found


def open_runs(connection: Connection) -> list[RunRow]:
    """Return the runs that are queued or running."""
    return read(connection, select(runs).where(runs.c.status.in_(OPEN)).order_by(runs.c.id))


def open_of(connection: Connection, profile_id: int) -> RunRow | None:
    """Return the queued or running run of a profile."""
    statement = select(runs).where(runs.c.status.in_(OPEN), runs.c.profile_id == profile_id)
    return next(iter(read(connection, statement.limit(1))), None)


def overwriting(connection: Connection, instance: str, database: str) -> int | None:
    """Return a run that goes on and may write over an older backup of a database; None: there is none."""
    items = run_items.join(runs, runs.c.id == run_items.c.run_id).join(profiles, profiles.c.id == runs.c.profile_id)
    going_on = (runs.c.status == RunStatus.RUNNING.value) & run_items.c.finished_at.is_(None)
    where = (going_on, runs.c.instance == instance, run_items.c.database == database, profiles.c.timestamp.is_(False))
    return connection.execute(select(runs.c.id).select_from(items).where(*where).limit(1)).scalar()


def last_ended(connection: Connection) -> dict[int, RunRow]:
    """Return, for each living profile, the run that was claimed last of those that ended and were not cancelled.

    Not the one that was due last: while a clock was ahead, runs got instants that are still to come. A skipped one is
    claimed while the run that it waits for is going, and does not hide that the last one that was not skipped failed.
    """
    ended = _newest(connection, besides=[])
    if all(row["status"] != RunStatus.SKIPPED.value for row in ended.values()):
        return ended
    took_place = _newest(connection, besides=[RunStatus.SKIPPED])
    hidden = {key: row for key, row in took_place.items() if row["status"] != RunStatus.SUCCEEDED.value}
    return ended | {key: row for key, row in hidden.items() if ended[key]["status"] == RunStatus.SKIPPED.value}


def _newest(connection: Connection, *, besides: Sequence[RunStatus]) -> dict[int, RunRow]:
    """Return, for each living profile, the run that was claimed last of those that ended, but for such ones."""
    newest = (
        select(runs.c.id)
        .where(
            runs.c.profile_id == profiles.c.id,
            runs.c.status.not_in([*OPEN, RunStatus.CANCELLED.value, *besides]),
        )
        .order_by(runs.c.id.desc())
        .limit(1)
        .correlate(profiles)
        .scalar_subquery()
    )
    ids = select(newest).where(profiles.c.deleted_at.is_(None))
    return {row["profile_id"]: row for row in read(connection, select(runs).where(runs.c.id.in_(ids)))}


def newest_of(connection: Connection, profile_id: int, status: RunStatus, *, limit: int) -> list[RunRow]:
    """Return the runs of a profile that ended so, in the order they were claimed, the last one first."""
    where = (runs.c.profile_id == profile_id) & (runs.c.status == status.value)
    return read(connection, select(runs).where(where).order_by(runs.c.id.desc()).limit(limit))


def read(connection: Connection, statement: Select[Any]) -> list[RunRow]:
    """Return the runs that a statement selects; one that cannot be read as failed, its summary saying why."""
    return [_sound(row) for row in rows.read(connection, runs, statement)]


def _sound(row: RowMapping | Unreadable) -> RunRow:
    values = row.values if isinstance(row, Unreadable) else row
    reason = row.reason if isinstance(row, Unreadable) else _fault(values)
    if not reason:
        return values
    states = {key: kind(values[key]) if values[key] in list(kind) else None for key, kind in _KINDS.items()}
    still_open = states["status"] in OPEN
    return dict(values) | {
        "profile_id": values["profile_id"] or 0,
        "profile": values["profile"] or "(unknown)",
        "due_at": values["due_at"] or values["claimed_at"] or values["finished_at"] or BEGINNING,
        "status": values["status"] if still_open else RunStatus.FAILED.value,
        "kind": states["kind"] or BackupKind.FULL.value,
        "trigger": states["trigger"] or Trigger.SCHEDULE.value,
        "summary": f"This entry of the catalogue is damaged: {reason}. {values['summary'] or ''}".strip(),
        "missed_count": values["missed_count"] or 0,
        "size_bytes": values["size_bytes"] or 0,
    }


def _sound_item(row: RowMapping | Unreadable) -> RunRow:
    values = row.values if isinstance(row, Unreadable) else row
    reason = row.reason if isinstance(row, Unreadable) else ""
    if values["status"] not in _VALUES[RunStatus]:
        reason = reason or f"`status` cannot be {values['status']!r}"
    kind = values["kind"] if values["kind"] in _VALUES[BackupKind] else None
    if not reason:
        return values if kind == values["kind"] else dict(values) | {"kind": None}
    return dict(values) | {
        "status": values["status"] if values["status"] in OPEN else RunStatus.FAILED.value,
        "kind": kind,
        "database": values["database"] or "(unknown)",
        "reason": values["reason"] or "",
        "error": f"This entry of the catalogue is damaged: {reason}. {values['error'] or ''}".strip(),
        "hint": values["hint"] or "Its backup, if there is one, is read from its own file.",
    }


def _fault(values: RunRow) -> str:
    for key, kind in _KINDS.items():
        if values[key] not in _VALUES[kind]:
            return f"`{key}` cannot be {values[key]!r}"
    return ""


def _filtered(statement: Any, profile: str | None, status: RunStatus | None) -> Any:
    if profile is not None:
        statement = statement.where(runs.c.profile == profile)
    if status is not None:
        statement = statement.where(runs.c.status == status.value)
    return statement
