"""What the page Restore shows, apart from how it is clicked: what is there now, where to restore from, and the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any

from pwsops.engines.records import Credentials, DatabaseContents, DatabaseState, DirectoryEntry
from pwsops.errors import PwsopsError
from pwsops.operations.records import DatabaseView, RestoreView
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from pwsops.rules.restore_plan import RestorePlan
from pwsops.web.live.snapshot import Problem, Snapshot, problem_of
from pwsops.web.nav import RESTORE, Nav
from pwsops.web.pages.starting import refusal
from pwsops.web.ui import formatting

if TYPE_CHECKING:
    from pwsops.operations import Operations

FROM_FILE = "file"
"""The part of the page that looks into files; the address names it."""
MEDIA_ENDING = ".bak"
ENTRIES = 200
"""How many entries of a directory are shown."""
TABLES = 12
"""How many tables are named."""


@dataclass(frozen=True, kw_only=True)
class Present:
    """What is there now. `view` is None where the instance has no such database; `contents` where none can be had."""

    view: DatabaseView | None
    contents: DatabaseContents | Problem | None

    @property
    def is_there(self) -> bool:
        """Whether there is anything to restore into."""
        return self.view is not None and self.view.state is not DatabaseState.GONE

    @property
    def keeps_beside(self) -> bool:
        """Whether the page says that nothing is lost by a restore, since there is nothing, or it is kept beside."""
        return self.view is not None and self.view.state in (DatabaseState.EMPTY, DatabaseState.UNREADABLE)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What lies at a path: a directory's entries, a file's sets, or the reason why neither can be told."""

    path: str
    directory: str
    above: str
    entries: Sequence[DirectoryEntry] = ()
    sets: Sequence[BackupSet] | None = None
    problem: Problem | None = None


@dataclass(frozen=True, kw_only=True)
class RestorePoint:
    """A moment that the database can be brought back to, as the rail shows it.

    Attributes
    ----------
    age, proof
        How long ago it was, and what shows that it can be relied on, in words.
    query
        The address at which it is chosen.
    chosen, pointed
        Whether the address names it, and whether its radio button is the one that is checked.
    """

    set: BackupSet
    age: str
    proof: str
    query: str
    chosen: bool
    pointed: bool = False


def proof(backup_set: BackupSet, base: str) -> str:
    """Return what shows that a set can be relied on: its `base` in words, and what was looked at when it was taken."""
    if backup_set.is_safety_copy:
        return "what a restore replaced, good or not"
    if backup_set.kind is BackupKind.DIFFERENTIAL:
        return f"on the full of {base}" if base else "its full is not in this list"
    return "structure checked" if backup_set.details.get("checked") else "structure not checked"


def address(**where: Any) -> str:
    """Return the address of a part of the page Restore."""
    return Nav(page=RESTORE, **where).search()


def look_at_database(ops: Operations, instance: str, database: str) -> Present:
    """Look at a database and into it."""
    view = next((each for each in ops.databases.list(instance) if each.name == database), None)
    if view is None or not (view.state.is_in_use or view.state is DatabaseState.EMPTY):
        return Present(view=view, contents=None)
    try:
        return Present(view=view, contents=ops.databases.contents(instance, database))
    except PwsopsError as error:
        return Present(view=view, contents=problem_of(error, "Looking into the database"))


def look_at_path(ops: Operations, instance: str, path: str, who: Credentials | None = None) -> Looked:
    """Look at a path on the database server, as `who`, whichever it is: a directory or a file; empty: its own place."""
    path = path or ops.databases.backup_directory(instance, credentials=who)
    browse = partial(ops.databases.browse, instance, credentials=who)
    parent = partial(ops.databases.parent, instance, credentials=who)
    above = parent(path)
    try:
        return Looked(path=path, directory=path, above=above, entries=browse(path))
    except PwsopsError:
        pass  # it is not a directory that can be listed; it may be a file
    try:
        entries: Sequence[DirectoryEntry] = browse(above)
    except PwsopsError:
        entries = ()
    directory, above = above, parent(above)
    try:
        sets = ops.media.read(path, instance, credentials=who)
    except PwsopsError as error:
        problem = problem_of(error, "Reading the file")
        return Looked(path=path, directory=directory, above=above, entries=entries, problem=problem)
    return Looked(path=path, directory=directory, above=above, entries=entries, sets=sets)


def listing(looked: Looked) -> dict[str, Any]:
    """Return a directory as it is shown: directories, then backups, newest first; the rest is counted."""
    directories = [entry for entry in looked.entries if entry.is_directory and not entry.name.startswith(".")]
    files = [entry for entry in looked.entries if not entry.is_directory]
    media = [entry for entry in files if entry.name.endswith(MEDIA_ENDING) and not entry.name.startswith(".")]
    media.sort(key=lambda entry: entry.modified_at.timestamp() if entry.modified_at else 0.0, reverse=True)
    shown = [*directories, *media]
    others = len(files) - len(media)
    return {
        "directory": looked.directory,
        "above": looked.above if looked.above != looked.directory else "",
        "entries": shown[:ENTRIES],
        "more": max(0, len(shown) - ENTRIES),
        "others": f"{formatting.counted(others, 'other file')} not shown." if others else "",
    }


def contents(found: DatabaseContents | Problem | None) -> dict[str, Any]:
    """Return a database's tables as they are shown, the largest first."""
    if not isinstance(found, DatabaseContents):
        return {"tables": None, "more": "", "problem": found}
    tables = sorted(found.tables, key=lambda table: -1 if table.rows is None else table.rows, reverse=True)
    more = len(tables) - TABLES
    return {
        "tables": tables[:TABLES],
        "more": f"and {formatting.counted(more, 'more table')}" if more > 0 else "",
        "problem": None,
    }


def with_newest_verdict(present: Present, snapshot: Snapshot, place: tuple[str, str]) -> Present:
    """Return what is there with the verdict as it is now: backups are taken while somebody reads the plan."""
    view = next((row.view for row in snapshot.databases if (row.instance, row.view.name) == place), None)
    if view is None or present.view is None or view.verdict.point is None or present.view.verdict.unreadable:
        return present
    before = present.view.verdict.point
    if before is not None and view.verdict.point.finished_at <= before.finished_at:
        return present
    return replace(present, view=replace(present.view, verdict=view.verdict))


def savers(snapshot: Snapshot, place: tuple[str, str], may_not: str) -> Sequence[dict[str, Any]]:
    """Return the profiles that can save what is there before a restore, each with why it cannot at the moment."""
    instance, database = place
    return [
        {
            "name": profile.name,
            "running": profile.running is not None,
            "refusal": may_not or refusal(profile, snapshot),
        }
        for profile in snapshot.profiles
        if profile.instance == instance and database in profile.databases and not profile.broken
    ]


def compared(before: DatabaseContents | None, now: DatabaseContents | Problem | None) -> dict[str, Any] | None:
    """Return the rows of each table before a restore and after it, the largest first; None where one is not known."""
    if before is None or not isinstance(now, DatabaseContents):
        return None
    counts = [{table.name: table.rows for table in found.tables} for found in (before, now)]
    names = sorted({name for count in counts for name in count}, key=lambda name: (-_most(counts, name), name))
    tables = [{"name": name, "before": _rows(counts[0], name), "now": _rows(counts[1], name)} for name in names]
    more = len(tables) - TABLES
    return {
        "tables": tables[:TABLES],
        "more": f"and {formatting.counted(more, 'more table')}" if more > 0 else "",
    }


def _most(counts: Sequence[dict[str, int | None]], name: str) -> int:
    return max(count.get(name) or 0 for count in counts)


def _rows(count: dict[str, int | None], name: str) -> str:
    if name not in count:
        return "no such table"
    rows = count[name]
    return "too many to count" if rows is None else f"{rows:,}"


def story(plan: RestorePlan, database: str, present: Present, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """Return a plan in words: what is read, what the database then holds, and what is lost by it."""
    target = plan.sets[-1]
    behind_s = max(0.0, (now - target.finished_at).total_seconds())
    return {
        "sets": plan.sets,
        "as_of": formatting.short_time(target.finished_at, now, zone),
        "as_of_full": formatting.full_time(target.finished_at, zone),
        "age": formatting.ago(behind_s),
        "lost": _lost(target, present.view, behind_s, now, zone) if present.is_there else [],
        "created": not present.is_there,
        "foreign": target.database if target.database != database else "",
        "damaged": present.view is not None and present.view.state is DatabaseState.UNREADABLE,
    }


def _lost(target: BackupSet, view: DatabaseView | None, behind_s: float, now: datetime, zone: tzinfo) -> list[str]:
    assert view is not None
    if view.state is DatabaseState.EMPTY:
        return ["The database is empty now, so nothing is lost."]
    if not view.state.is_in_use:
        return []
    lost = [f"Everything written to it since then is replaced: up to {formatting.age(behind_s)} of work."]
    newest = view.verdict.point
    if newest is None and view.verdict.unreadable:
        return [*lost, "Whether a backup holds what it holds now is not known: the record of one cannot be read."]
    if newest is None:
        return [*lost, "What it holds now is in no backup that pwsops knows."]
    if newest.set_id != target.set_id and newest.finished_at > target.finished_at and target.database == view.name:
        at = formatting.short_time(newest.finished_at, now, zone)
        lost.append(f"There is a newer backup ({at}), which keeps what was written until then.")
    # Counted anew with each look at the page: ages that stand still while it is open are not true for long.
    uncovered_s = max(0.0, (now - newest.data_at).total_seconds())
    since = formatting.age(uncovered_s).removeprefix("1 ")
    lost.append(f"What was written in the last {since} is in no backup. If it may still be needed, back up first.")
    return lost


def restore_mark(restore: RestoreView) -> formatting.Mark:
    """Return a restore's state as it is shown."""
    return formatting.run_mark(restore.status)


def is_atomic(ops: Operations, instance: str) -> bool:
    """Whether a restore that is broken off leaves the database as it was, as far as it is known."""
    try:
        return ops.instances.capabilities(instance).atomic_restore
    except PwsopsError:  # the instance is gone
        return False


def outcome(restore: RestoreView, present: Present | None = None, *, atomic: bool) -> str:
    """Return in a sentence what an ended restore left, as far as it is known; empty while it goes on.

    `present` is what was found there after its end: a database that was gone before is gone as well, and one may have
    been restored since.
    """
    if restore.status is RunStatus.SUCCEEDED:
        return f"{restore.database} was restored in {formatting.duration(restore.duration_s)}."
    if not restore.status.ended or restore.interrupted or not atomic:
        return ""
    if present is not None and not present.is_there:
        return f"It created nothing: {restore.instance} has no database {restore.database} now."
    return f"It changed nothing: it left {restore.database} as it was."
