"""The tables of a report, each column with its type and its meaning, and how rows of the catalogue become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_A_SECOND = 1e6


class Kind(Enum):
    """What a column holds: the name of its type in a pandas frame."""

    INTEGER = "Int64"
    SECONDS = "float64"
    INSTANT = "datetime64[us, UTC]"
    TEXT = "str"
    FLAG = "bool"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column. In the catalogue's rows, instants and seconds are numbers of microseconds."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: a row is `one`, and the columns stand in this order everywhere."""

    name: str
    one: str
    columns: Sequence[Column]

    def schema(self) -> pa.Schema:
        """Return its Arrow schema; each field carries its meaning."""
        return pa.schema(
            [pa.field(each.name, _ARROW[each.kind], metadata={"meaning": each.meaning}) for each in self.columns]
        )

    def batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Return rows of the catalogue as one batch."""
        values = zip(*rows, strict=True) if rows else ((),) * len(self.columns)
        arrays = [_array(each.kind, given) for each, given in zip(self.columns, values, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema())


def kept(value: Any) -> Any:
    """Return a value as the catalogue keeps it: instants, durations and seconds as whole microseconds."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, float):
        return round(value * _MICROSECONDS_A_SECOND)
    return value


_ARROW = {
    Kind.INTEGER: pa.int64(),
    Kind.SECONDS: pa.float64(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
}


def _array(kind: Kind, values: Sequence[Any]) -> pa.Array:
    if kind is Kind.INSTANT:
        # Twelve times as quick as to have Arrow look at each number as an instant.
        return pa.array(values, pa.int64()).cast(_ARROW[kind])
    if kind is Kind.SECONDS:
        return pc.divide(pa.array(values, pa.int64()).cast(pa.float64()), _MICROSECONDS_A_SECOND)
    return pa.array(values, _ARROW[kind])


def _integer(name: str, meaning: str) -> Column:
    return Column(name=name, kind=Kind.INTEGER, meaning=meaning)


def _seconds(name: str, meaning: str) -> Column:
    return Column(name=name, kind=Kind.SECONDS, meaning=meaning)


def _instant(name: str, meaning: str) -> Column:
    return Column(name=name, kind=Kind.INSTANT, meaning=meaning)


def _text(name: str, meaning: str) -> Column:
    return Column(name=name, kind=Kind.TEXT, meaning=meaning)


_RUN = _integer("run_id", "The run's number.")
_PROFILE = _text("profile", "The profile's name; a deleted one's too.")
_INSTANCE = _text("instance", "The instance that the profile has now.")
_DUE = _instant("due_at", "When the run should start.")
_DATABASE = _text("database", "The database's name on its instance.")

RUNS = Table(
    name="runs",
    one="run",
    columns=(
        _RUN,
        _PROFILE,
        _INSTANCE,
        _text("databases", "The databases of the run, for people; the table of items has one a row."),
        _text("status", "queued, running, succeeded, failed, cancelled, missed or skipped."),
        _text("kind", "What was planned: full or differential (an incremental)."),
        _text("trigger", "Who wanted it: schedule, catch_up or manual."),
        _DUE,
        _instant("started_at", "When it started; empty where it never did."),
        _instant("finished_at", "When it ended; empty where it has not."),
        _seconds("duration_s", "From start to end; empty before either."),
        _integer("size_bytes", "What its backups take on disk."),
        _integer("missed_count", "So many occurrences this row stands for, where they were missed; otherwise 0."),
        _instant("missed_until", "The last of the missed occurrences."),
        _text("summary", "What it came to, in one line."),
    ),
)
PAGE = Table(
    name="history",
    one="run",
    # What a page of the history tells of its runs, which is all but where they belong.
    columns=tuple(each for each in RUNS.columns if each is not _INSTANCE),
)
ITEMS = Table(
    name="items",
    one="database of a run",
    columns=(
        _RUN,
        _PROFILE,
        _INSTANCE,
        _DATABASE,
        _DUE,
        _text("status", "queued, running, succeeded, failed or cancelled."),
        _text("kind", "What was really taken: full or differential; empty where nothing was."),
        _text("reason", "Why the kind is not the planned one."),
        _instant("started_at", "When its backup started."),
        _instant("finished_at", "When its backup ended."),
        _seconds("duration_s", "From start to end."),
        _integer("size_bytes", "What the backup takes on disk."),
        _text("path", "The media file, as the server sees it."),
        _text("set_id", "The backup set's identity."),
        _text("error", "What went wrong: the cause."),
        _text("hint", "What to do about it: the next step."),
    ),
)
MESSAGES = Table(
    name="messages",
    one="message",
    columns=(
        _RUN,
        _PROFILE,
        _DATABASE,
        _instant("at", "When it was said."),
        Column(name="is_error", kind=Kind.FLAG, meaning="Whether it is an error."),
        _integer("number", "The server's own number."),
        _integer("severity", "The server's own severity."),
        _integer("state", "The server's own state."),
        _text("text", "What was said."),
    ),
)
SETS = Table(
    name="backup sets",
    one="backup set",
    columns=(
        _text("instance", "The instance it was taken on."),
        _DATABASE,
        _text("kind", "full or differential (an incremental)."),
        _text("profile", "The profile that took it; empty: another tool."),
        _integer("run_id", "The run that took it; empty: another tool."),
        _instant("started_at", "When it was begun."),
        _instant("finished_at", "When it was finished."),
        _integer("size_bytes", "What it takes on disk."),
        _integer("database_size_bytes", "What the database took when it was backed up."),
        _text("path", "The media file, as the server sees it."),
        _integer("position", "Its place in the file, from 1."),
        _text("set_id", "Its identity."),
        _text("base_id", "Of an incremental: the identity of the full that it needs."),
        _instant("replaced_at", "When a later backup took its place in the file, or the policy let it go."),
    ),
)
RESTORES = Table(
    name="restores",
    one="restore",
    columns=(
        _integer("restore_id", "The restore's number."),
        _text("instance", "The instance it was done on."),
        _text("database", "The database that it wrote into."),
        _text("status", "running, succeeded, failed or cancelled."),
        _text("kind", "What was restored: full or differential (an incremental, with the full that it needs)."),
        _text("path", "The media file, as the server sees it."),
        _integer("position", "The backup's place in the file, from 1."),
        _text("set_id", "The backup set's identity."),
        _instant("data_at", "As of when the database is afterwards."),
        _instant("started_at", "When it started."),
        _instant("finished_at", "When it ended; empty where it has not."),
        _seconds("duration_s", "From start to end; empty before."),
        _integer("restored_bytes", "So much was written; empty where that was not noted."),
        _text("actor", "Who did it."),
        _text("error", "What went wrong: the cause."),
        _text("hint", "What to do about it: the next step."),
    ),
)
DATABASES = Table(
    name="databases",
    one="database",
    columns=(
        _text("instance", "The instance it lives on."),
        _DATABASE,
        _text("profiles", "The profiles that back it up now, for people."),
        _integer("succeeded", "So many of its backups succeeded in the period."),
        _integer("failed", "So many failed in the period."),
        _instant("last_full_at", "When its newest full backup ended, up to the end of the period."),
        _instant("last_incremental_at", "When its newest incremental backup ended, up to the end of the period."),
        _seconds("exposure_s", "What would have been lost at the end of the period; empty: everything."),
        _seconds("worst_exposure_s", "The most that would have been lost while there was a backup; empty: never was."),
        _instant("worst_at", "When that was."),
        _seconds("unprotected_s", "For so long in the period there was nothing to restore."),
        _integer("size_bytes", "What its backups take on disk, those that were replaced left out."),
    ),
)
EXPOSURE = Table(
    name="exposure",
    one="stretch of time between two changes of what could be restored",
    columns=(
        _text("instance", "The instance it lives on."),
        _DATABASE,
        _instant("since", "When the stretch begins."),
        _instant("until", "When it ends."),
        _instant("data_at", "As of when the database could have been restored; empty: not at all."),
        _seconds("least_s", "What would have been lost at its beginning; empty: everything."),
        _seconds("most_s", "What would have been lost at its end; empty: everything."),
    ),
)
AUDIT_LOG = Table(
    name="audit log",
    one="entry",
    columns=(
        _integer("entry_id", "The entry's number."),
        _instant("at", "When it was done."),
        _text("actor", "Who did it, by the name they signed in or acted under."),
        _text("system_user", "As which user of the system; empty: from before that was written down."),
        _text("action", "What was done."),
        _text("subject", "What it was done to."),
        _text("detail", "What else is to be said of it."),
        _text("digest", "Covers the entry and the digest before it, so that a later change shows."),
        _integer("key_id", "Which key of the log the digest was made with; 0: none; empty: from before there was one."),
    ),
)
TABLES = (RUNS, ITEMS, MESSAGES, SETS, RESTORES, DATABASES, EXPOSURE, AUDIT_LOG)
