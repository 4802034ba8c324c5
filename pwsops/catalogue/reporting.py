"""The rows of the reports, streamed: so many at a time, whatever their number, and all as of one transaction.

Instants are microseconds since 1970 and durations microseconds, as they are kept: a column of plain numbers becomes a
column of instants at once, where a million `datetime` objects would take longer than all the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, case, func, or_, select, type_coerce
from sqlalchemy import text as sql
from sqlalchemy.sql.selectable import FromClause

from pwsops.catalogue import rows
from pwsops.catalogue.audit import read as read_audit
from pwsops.catalogue.audit_search import AuditFilter, conditions
from pwsops.catalogue.history import Selection
from pwsops.catalogue.restores import RestoreFilter
from pwsops.catalogue.restores import conditions as restore_conditions
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import (
    BEGINNING,
    audit,
    backup_sets,
    instances,
    messages,
    profiles,
    restores,
    run_instance,
    run_items,
    runs,
    runs_with_profiles,
)
from pwsops.rules.misfire import spread
from pwsops.rules.model import BackupKind, RunStatus, Trigger

CHUNK = 2_000
"""So many rows at a time: of more, Python's collector of garbage takes a fifth longer to look through them."""

_DAY_US = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)
# The plus keeps these from being looked up in an index, which would undo the order of the rows.
_SOUND: Any = sql(
    " AND ".join(
        [f"typeof(runs.{column}) = 'integer'" for column in ("due_at", "missed_count", "size_bytes")]
        + [
            f"+runs.{column} IN ({', '.join(repr(str(value)) for value in kind)})"
            for column, kind in {"status": RunStatus, "kind": BackupKind, "trigger": Trigger}.items()
        ]
    )
)

Row = Sequence[Any]
Chunks = Iterator[Sequence[Row]]


class Failure(NamedTuple):
    """What went wrong in the same words, how often, and when."""

    profile: str
    database: str
    error: str
    hint: str
    times: int
    first_at: datetime
    last_at: datetime


class Outcome(NamedTuple):
    """How the items of one database ended."""

    instance: str
    database: str
    succeeded: int
    failed: int


def run_rows(selection: Selection) -> Chunks:
    """Return the runs, oldest first: the columns of the table of runs, in its order."""
    databases = (
        select(func.group_concat(run_items.c.database, ", "))
        .where(run_items.c.run_id == runs.c.id)
        .correlate(runs)
        .scalar_subquery()
    )
    columns = [
        runs.c.id, runs.c.profile, run_instance, databases, runs.c.status, runs.c.kind, runs.c.trigger,
        _kept(runs.c.due_at), _kept(runs.c.started_at), _kept(runs.c.finished_at), _took(runs), runs.c.size_bytes,
        runs.c.missed_count, _kept(runs.c.missed_until), runs.c.summary,
    ]  # fmt: skip
    return _stream(selection.connection, _of_runs(selection, columns))


def item_rows(selection: Selection) -> Chunks:
    """Return the databases of the runs, oldest run first."""
    columns = [
        run_items.c.run_id, runs.c.profile, run_instance, run_items.c.database, _kept(runs.c.due_at),
        run_items.c.status, run_items.c.kind, run_items.c.reason, _kept(run_items.c.started_at),
        _kept(run_items.c.finished_at), _took(run_items), run_items.c.size_bytes, run_items.c.path, run_items.c.set_id,
        run_items.c.error, run_items.c.hint,
    ]  # fmt: skip
    statement = _of_runs(selection, columns).join(run_items, run_items.c.run_id == runs.c.id)
    return _stream(selection.connection, statement.order_by(run_items.c.id))


def message_rows(selection: Selection) -> Chunks:
    """Return the messages of the runs, oldest run first, each run's in the order they were said in."""
    columns = [
        run_items.c.run_id, runs.c.profile, run_items.c.database, _kept(messages.c.at), messages.c.is_error,
        messages.c.number, messages.c.severity, messages.c.state, messages.c.text,
    ]  # fmt: skip
    statement = _of_runs(selection, columns)
    statement = statement.join(run_items, run_items.c.run_id == runs.c.id)
    statement = statement.join(messages, messages.c.item_id == run_items.c.id)
    return _stream(selection.connection, statement.order_by(run_items.c.id, messages.c.id))


def set_rows(selection: Selection) -> Chunks:
    """Return the backup sets that were finished in the period, oldest first, other tools' included."""
    made = backup_sets.c
    columns = [
        made.instance, made.database, made.kind, profiles.c.name, made.run_id, _kept(made.started_at),
        _kept(made.finished_at), made.size_bytes, made.database_size_bytes, made.path, made.position, made.set_id,
        made.base_id, _kept(made.replaced_at),
    ]  # fmt: skip
    query = selection.filter
    where = [made.finished_at >= query.since] if query.since is not None else []
    where += [made.finished_at < query.until] if query.until is not None else []
    where += [profiles.c.name == query.profile] if query.profile is not None else []
    source = select(*columns).select_from(backup_sets).outerjoin(profiles, profiles.c.id == made.profile_id)
    return _stream(selection.connection, source.where(*where).order_by(made.finished_at, made.id))


def restore_rows(connection: Connection, query: RestoreFilter) -> Chunks:
    """Return the restores that fit, oldest first: the columns of the table of restores, in its order."""
    made = restores.c
    columns = [
        made.id, made.instance, made.database, made.status, made.kind, made.path, made.position, made.set_id,
        _kept(made.data_at), _kept(made.started_at), _kept(made.finished_at), _took(restores), made.restored_bytes,
        made.actor, made.error, made.hint,
    ]  # fmt: skip
    return _stream(connection, select(*columns).where(*restore_conditions(query)).order_by(made.id))


def audit_rows(selection: Selection) -> Chunks:
    """Return the audit log of the period, oldest first."""
    return audit_entries(selection.connection, AuditFilter(since=selection.filter.since, until=selection.filter.until))


def audit_entries(connection: Connection, query: AuditFilter) -> Chunks:
    """Return the entries of the audit log that fit, oldest first."""
    who, what = (audit.c.actor, audit.c.system_user), (audit.c.action, audit.c.subject, audit.c.detail)
    columns = [audit.c.id, _kept(audit.c.at), *who, *what, audit.c.digest, audit.c.key_id]
    return _stream(connection, select(*columns).where(*conditions(query)).order_by(audit.c.id))


def latest_notes(selection: Selection, limit: int) -> tuple[int, list[Any]]:
    """Return how many entries the audit log has in the period, and the newest of them, oldest first."""
    where = conditions(AuditFilter(since=selection.filter.since, until=selection.filter.until))
    count = selection.connection.execute(select(func.count()).select_from(audit).where(*where)).scalar_one()
    newest = select(audit).where(*where).order_by(audit.c.id.desc()).limit(limit)
    return int(count), [*reversed(read_audit(selection.connection, newest))]


def statuses(selection: Selection) -> dict[RunStatus, tuple[int, int, int]]:
    """Return, for each status: the runs, the occurrences of the period they stand for, and the bytes they wrote."""
    stands_for = func.sum(func.max(runs.c.missed_count, 1))
    counts = select(runs.c.status, func.count(), stands_for, func.sum(runs.c.size_bytes))
    found = selection.connection.execute(counts.where(*_where(selection)).group_by(runs.c.status))
    beyond = Counter[str]()
    for row in _reaching(selection):
        beyond[row.status] += row.missed_count - len(_occurrences(selection, row))
    return {RunStatus(status): (count, times - beyond[status], size) for status, count, times, size in found}


def days(selection: Selection) -> list[tuple[int, RunStatus, int]]:
    """Return, for each day in UTC (counted from 1970) and status, the occurrences that were due; in order.

    What was missed counts as often as it was due in the period, spread evenly over the time in which it was.
    """
    day = _kept(runs.c.due_at).op("/")(_DAY_US).label("day")
    one_each = select(day, runs.c.status, func.count()).where(*_where(selection), runs.c.missed_count <= 1)
    counts = Counter(
        {
            (at, status): count
            for at, status, count in selection.connection.execute(one_each.group_by(day, runs.c.status))
        }
    )
    for row in _several(selection):
        counts.update((at // _DAY_US, row.status) for at in _occurrences(selection, row))
    return sorted((at, RunStatus(status), count) for (at, status), count in counts.items())


def _several(selection: Selection, *where: ColumnElement[bool]) -> Sequence[Any]:
    """Return the runs that stand for several occurrences, with the instants of the first and the last."""
    last = _kept(func.coalesce(runs.c.missed_until, runs.c.due_at)).label("last")
    columns = (_kept(runs.c.due_at).label("first"), last, runs.c.missed_count)
    found = select(runs.c.id, *columns, runs.c.status, runs.c.profile, runs.c.summary)
    return selection.connection.execute(found.where(*_where(selection), runs.c.missed_count > 1, *where)).all()


def _reaching(selection: Selection) -> Sequence[Any]:
    """Return those of `_several` of which some occurrences lie outside of the period."""
    query = selection.filter
    outside = [runs.c.due_at < query.since] if query.since is not None else []
    outside += [runs.c.missed_until >= query.until] if query.until is not None else []
    return _several(selection, or_(*outside)) if outside else ()


def _occurrences(selection: Selection, row: Any) -> list[int]:
    """Return the instants of a row of `_several` that lie in the period."""
    query = selection.filter
    since, until = (None if end is None else (end - BEGINNING) // _MICROSECOND for end in (query.since, query.until))
    return spread(row.first, row.last, row.missed_count, since, until)


def first_due(selection: Selection) -> datetime | None:
    """Return the due instant of the first run."""
    first = select(runs.c.due_at).where(*_where(selection)).order_by(runs.c.due_at).limit(1)
    found: datetime | None = selection.connection.execute(first).scalar()
    return found


def first_end(selection: Selection) -> datetime | None:
    """Return when the first run ended, or should have begun where it never did."""
    ended = func.coalesce(runs.c.finished_at, runs.c.due_at, type_=runs.c.due_at.type)
    found: datetime | None = selection.connection.execute(
        select(ended).where(*_where(selection)).order_by(runs.c.due_at).limit(1)
    ).scalar()
    return found


def has_runs(connection: Connection, profile: str) -> bool:
    """Whether a profile of that name, deleted or not, has a history."""
    return connection.execute(select(runs.c.id).where(runs.c.profile == profile).limit(1)).first() is not None


def outcomes(selection: Selection) -> list[Outcome]:
    """Return how the items of each database ended, by instance and database."""
    counted = [
        func.sum(run_items.c.status == each.value).cast(BigInteger) for each in (RunStatus.SUCCEEDED, RunStatus.FAILED)
    ]
    pair = (run_instance.label("instance"), run_items.c.database)
    source = runs_with_profiles.join(run_items, run_items.c.run_id == runs.c.id)
    where = _where(selection)
    statement = select(*pair, *counted).select_from(source).where(*where).group_by(*pair).order_by(*pair)
    return [Outcome(*row) for row in selection.connection.execute(statement)]


def failures(selection: Selection, limit: int) -> tuple[int, list[Failure]]:
    """Return how many different failures there are, and those that were seen last, the newest first."""
    what = (runs.c.profile, run_items.c.database, run_items.c.error, run_items.c.hint)
    failed = run_items.c.status == RunStatus.FAILED.value
    source = runs.join(run_items, and_(run_items.c.run_id == runs.c.id, failed))
    grouped = select(
        *what, func.count(), func.min(runs.c.due_at), func.max(runs.c.due_at).label("last_at")
    ).select_from(source)
    grouped = grouped.where(*_where(selection)).group_by(*what)
    count = selection.connection.execute(select(func.count()).select_from(grouped.subquery())).scalar_one()
    found = selection.connection.execute(grouped.order_by(func.max(runs.c.due_at).desc(), *what).limit(limit))
    return int(count), [Failure(*row) for row in found]


def never_begun(selection: Selection, status: RunStatus) -> list[Failure]:
    """Return what was missed or skipped, by profile and reason; the occurrences of the period count, and no others."""
    what = (runs.c.profile, runs.c.summary)
    times = func.sum(func.max(runs.c.missed_count, 1))
    last_at = func.max(func.coalesce(runs.c.missed_until, runs.c.due_at), type_=runs.c.due_at.type)
    reaching = [row for row in _reaching(selection) if row.status == status.value]
    where = [*_where(selection), runs.c.status == status.value, runs.c.id.not_in([row.id for row in reaching])]
    counted = select(*what, times, func.min(runs.c.due_at), last_at).where(*where).group_by(*what)
    parts = [
        Failure(profile, "", error, "", *measures)
        for profile, error, *measures in selection.connection.execute(counted)
    ]
    for row in reaching:
        if at := _occurrences(selection, row):
            first, last = (BEGINNING + instant * _MICROSECOND for instant in (at[0], at[-1]))
            parts.append(Failure(row.profile, "", row.summary, "", len(at), first, last))
    found: dict[tuple[str, str], Failure] = {}
    for part in parts:
        before = found.get((part.profile, part.error))
        found[part.profile, part.error] = part if before is None else _together(before, part)
    return [found[key] for key in sorted(found)]


def _together(one: Failure, other: Failure) -> Failure:
    first, last = min(one.first_at, other.first_at), max(one.last_at, other.last_at)
    return one._replace(times=one.times + other.times, first_at=first, last_at=last)


def sets_of(selection: Selection) -> Iterator[Any]:
    """Return the sets, whoever took them, that could be restored from at some time of the period, by database.

    An instance that is elsewhere now has other databases: since when it is, nobody knows, so that what was taken at its
    former place counts for none of them. What was taken of an instance that was removed counts for that one.
    """
    query = selection.filter
    now_at = select(instances.c.place).where(instances.c.name == backup_sets.c.instance).scalar_subquery()
    where: list[ColumnElement[bool]] = [backup_sets.c.place == func.coalesce(now_at, backup_sets.c.place)]
    if query.since is not None:
        where.append(or_(backup_sets.c.replaced_at.is_(None), backup_sets.c.replaced_at > query.since))
    if query.until is not None:
        where.append(backup_sets.c.finished_at < query.until)
    order = (backup_sets.c.instance, backup_sets.c.database, backup_sets.c.finished_at)
    found = rows.read(selection.connection, backup_sets, select(backup_sets).where(*where).order_by(*order))
    yield from (row for row in found if not isinstance(row, Unreadable))


def _of_runs(selection: Selection, columns: Sequence[Any]) -> Select[Any]:
    return select(*columns).select_from(runs_with_profiles).where(*_where(selection)).order_by(runs.c.due_at, runs.c.id)


def _where(selection: Selection) -> list[ColumnElement[bool]]:
    """Return the conditions of a selection, and that a row is sound: what cannot be read is the doctor's to tell."""
    return [*selection.where, _SOUND]


def _kept(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((func.typeof(instant) == "integer", type_coerce(instant, BigInteger)))


def _took(table: FromClause) -> ColumnElement[Any]:
    return _kept(table.c.finished_at).op("-")(_kept(table.c.started_at))


def _stream(connection: Connection, statement: Select[Any]) -> Chunks:
    yield from connection.execute(statement).partitions(CHUNK)
