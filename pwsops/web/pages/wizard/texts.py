"""What the wizard says about a draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from pwsops.engines.records import DatabaseState, DirectoryCheck, DirectoryEntry, DirectoryStatus
from pwsops.messages import single_stops
from pwsops.operations.certificate_records import CertificateView
from pwsops.operations.records import Diagnosis, RunView
from pwsops.profile import BackupProfile
from pwsops.web.live.snapshot import Problem, Snapshot
from pwsops.web.pages.wizard.draft import Draft
from pwsops.web.ui import formatting

if TYPE_CHECKING:
    from pwsops.operations import Operations

NAMELESS = "This profile"
"""What a profile is called before it has a name."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One database that can be ticked; `note` says its size, or why it may fail."""

    name: str
    ticked: bool
    note: str = ""
    doubtful: bool = False


def databases(draft: Draft, snapshot: Snapshot) -> Sequence[Choice]:
    """Return the instance's databases as it lists them now; those that were chosen and are gone come last."""
    rows = [row.view for row in snapshot.databases if row.instance == draft.text["instance"]]
    listed = [
        Choice(
            name=row.name,
            ticked=row.name in draft.databases,
            note=formatting.size(row.size_bytes)
            if row.state is DatabaseState.ONLINE
            else row.reason or row.state.value,
            doubtful=row.state is not DatabaseState.ONLINE,
        )
        for row in rows
        if row.state is not DatabaseState.GONE or row.name in draft.databases
    ]
    names = {row.name for row in rows}
    return [*listed, *(Choice(name=name, ticked=True) for name in draft.databases if name not in names)]


def instance_problem(draft: Draft, snapshot: Snapshot) -> Problem | None:
    """Return why the databases of the draft's instance cannot be listed; None where they are, or none is chosen."""
    name = draft.text["instance"]
    if not name:
        return None
    if name in snapshot.problems:
        return snapshot.problems[name]  # what is listed beside it is what was last known
    if name in snapshot.awaited or any(row.instance == name for row in snapshot.databases):
        return None
    return Problem(message=f"The instance {name} has no databases.", hint="Check its address in the settings.")


@dataclass(frozen=True, kw_only=True)
class Directories:
    """The directories in a directory of the database server; `above` is the one it lies in, empty at the top."""

    path: str
    above: str
    entries: Sequence[DirectoryEntry]


def look(ops: Operations, instance: str, path: str) -> Directories:
    """List the directories in one of the database server; without a path where it would put backups itself."""
    path = path or ops.databases.backup_directory(instance)
    above = ops.databases.parent(instance, path)
    entries = [entry for entry in ops.databases.browse(instance, path) if entry.is_directory]
    return Directories(path=path, above="" if above == path else above, entries=entries)


def certificates(usable: Sequence[CertificateView], chosen: str) -> Sequence[tuple[str, str]]:
    """Return whom backups can be encrypted for, as (thumbprint, words); the chosen one also where it can no longer."""
    listed = [("", "Not encrypted"), *((view.thumbprint, view.name) for view in usable)]
    known = {thumbprint for thumbprint, _ in listed}
    return listed if chosen in known else [*listed, (chosen, f"the one it has ({chosen[:8]}…)")]


def directory(found: DirectoryCheck | Problem | None) -> tuple[str, str]:
    """Return what was found about the directory, as (help, warning). Never more than a warning: only a run can tell."""
    if found is None:
        return ("", "")
    if isinstance(found, Problem):
        found = DirectoryCheck(status=DirectoryStatus.UNKNOWN, reason=found.message)
    if found.status is DirectoryStatus.OK:
        free = "" if found.free_bytes is None else f", {formatting.size(found.free_bytes)} free"
        checked = f"{found.reason or 'The server can write there'}{free}."
        return (" ".join([checked, *(f"But {remark}." for remark in found.remarks)]), "")
    if found.status is DirectoryStatus.MISSING:
        warning = f"Backups cannot be written there: {found.reason}. A run does not create the directory."
    elif found.status is DirectoryStatus.UNUSABLE:
        warning = f"Backups cannot be written there: {found.reason}. It can be saved all the same."
    else:
        warning = f"Whether the server can write there is not known: {found.reason}. It can be saved all the same."
    return ("", single_stops(warning))


def names_media(draft: Draft) -> bool:
    """Whether enough is typed to know which files would be written."""
    return bool(draft.text["instance"] and draft.databases and str(draft.text["directory"]).strip())


def in_the_way(found: Sequence[str] | Problem | None) -> str:
    """Return what lies under the names of the media already; empty where nothing does, or nobody could look."""
    return "" if found is None or isinstance(found, Problem) else " ".join(found)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """The same failure, once or several times in a row: the runs, newest first, and what was said."""

    runs: Sequence[RunView]
    errors: Sequence[tuple[str, str]]


def causes(found: Diagnosis) -> Sequence[Cause]:
    """Put failures that say the same together."""
    grouped = groupby(found.failures, key=_errors_of)
    return [Cause(runs=tuple(runs), errors=errors) for errors, runs in grouped]


def _errors_of(run: RunView) -> tuple[tuple[str, str], ...]:
    return tuple((item.error, item.hint) for item in run.items if item.error) or ((run.summary, ""),)


@cache
def zones() -> Sequence[str]:
    """Return the names of all time zones."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def sentence(draft: Draft, profile: BackupProfile | None) -> str:
    """Sum the profile up, as far as it goes."""
    where = str(draft.text["directory"]).strip()
    what = f"Backs up {formatting.listed(draft.databases)}" if draft.databases else "Runs"
    into = f" into {where}" if where else ""
    who = f" as {draft.login}" if draft.login else ""
    when = profile.summary() if profile else "by a schedule that cannot be read yet"
    files = "a new file each run" if draft.text["timestamp"] else "the last file is overwritten"
    sealed = "; encrypted" if draft.encrypt_with else ""
    state = "It starts as soon as it is saved" if draft.text["active"] else "It stays inactive until it is activated"
    return f"{what}{who}{into}{',' if draft.databases else ''} {when}; {files}{sealed}. {state}."
