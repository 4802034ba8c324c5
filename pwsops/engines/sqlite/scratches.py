"""The scratches of drills, in the engine's own process: where one is, what workers are told of it, and its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from threading import Event
from typing import Any

from pwsops import foreign
from pwsops.clock import Clock
from pwsops.engines.off_limits import DRILLS
from pwsops.engines.protocol import Engine
from pwsops.engines.records import DatabaseContents, Instance, TableRows
from pwsops.engines.requests import ProgressCallback, RestoreRequest, RestoreResult
from pwsops.engines.scratch import Findings, Scratch
from pwsops.engines.sqlite.causes import FULL
from pwsops.engines.sqlite.process import Worker
from pwsops.errors import Conflict, EngineError, NoSpace
from pwsops.rules.drills import Answer, AnswerKind, is_scratch
from pwsops.rules.model import BackupSet

FILE = "scratch.db"
IN_ELSEWHERE = "pwsops-drills"
"""A directory of this name, which stays, tells whether a disk for drills is mounted."""
OPTION = "scratch_directory"
COUNT_LIMIT_S = ASK_LIMIT_S = 120.0
"""How long counting rows may take, which has limits of its own; how long asking may, beside what each query has."""
QUERY_S = 10.0
"""How long one query may take."""
_TRIES = 5
"""So often a directory is emptied into which a worker that is about to end still writes."""


class FileScratches:
    """The scratches of one directory of SQLite files: each a file alone in a directory; see `Scratches`.

    Parameters
    ----------
    instance, clock
        Whose backups are drilled, and the time.
    open_engine
        Makes the engine that restores.
    """

    def __init__(self, instance: Instance, clock: Clock, open_engine: Callable[[Instance, Clock], Engine]) -> None:
        self._instance = instance
        self._clock = clock
        self._open_engine = open_engine

    def place(self, name: str) -> Scratch:
        """Return where a scratch would be: in the home, or where the instance's option says."""
        return _placed(self._instance, name)

    def fill(
        self,
        scratch: Scratch,
        sets: Sequence[BackupSet],
        leave_free_bytes: int,
        on_progress: ProgressCallback | None = None,
        cancel: Event | None = None,
    ) -> RestoreResult:
        """Make its directory, and restore into its one file."""
        request = RestoreRequest(
            database=scratch.name,
            sets=sets,
            create_if_missing=True,
            must_be_new=True,
            to_file=_made(scratch),
            leave_free_bytes=leave_free_bytes,
        )
        return self._open_engine(_within(self._instance, scratch), self._clock).restore(request, on_progress, cancel)

    def check(self, scratch: Scratch, cancel: Event | None = None) -> Findings:
        """Have SQLite check all of it."""
        return Findings(**self._look_into(scratch, "check_scratch", cancel=cancel))

    def count(self, scratch: Scratch) -> DatabaseContents:
        """Count the rows of its tables."""
        found = self._look_into(scratch, "count_scratch", limit_s=COUNT_LIMIT_S)
        return DatabaseContents(tables=tuple(TableRows(name, rows) for name, rows in found))

    def why_no_queries(self) -> str:
        """Return nothing: they are asked."""
        return ""

    def ask(self, scratch: Scratch, queries: Sequence[str], cancel: Event | None = None) -> list[Answer]:
        """Ask in a worker that can do nothing but read."""
        given = {"queries": list(queries), "query_s": QUERY_S}
        limit_s = ASK_LIMIT_S + QUERY_S * len(queries)
        found = self._look_into(scratch, "ask_scratch", given, limit_s=limit_s, cancel=cancel)
        return [Answer(kind=AnswerKind(kind), value=value, why=why) for kind, value, why in found]

    def drop(self, scratch: Scratch) -> bool:
        """Remove its directory with all that lies in it."""
        return _dropped(self._instance, scratch)

    def _look_into(
        self, scratch: Scratch, operation: str, given: Mapping[str, object] | None = None, **options: Any
    ) -> Any:
        off_limits = asdict(_within(self._instance, scratch).off_limits)
        order = {"path": path_of(scratch), "off_limits": off_limits, **(given or {})}
        return Worker(operation, order, **options).run()


def _placed(instance: Instance, name: str) -> Scratch:
    """Return where a scratch would be; raises `EngineError` where there is no place for one."""
    directory = str(instance.options.get(OPTION) or "")
    if not directory:
        if not instance.off_limits.home:
            raise EngineError("A drill has no place to restore to: there is no home.", hint=f"Set the option {OPTION}.")
        return Scratch(name=name, place=os.path.join(instance.off_limits.home, DRILLS, name))
    if not os.path.isabs(directory) or not os.path.isdir(directory):
        raise EngineError(
            f"A drill cannot restore to {directory}: that is no directory, or no absolute path.",
            hint=f"Mount or make it, or change the option {OPTION} of the instance.",
        )
    return Scratch(name=name, place=os.path.join(os.path.realpath(directory), IN_ELSEWHERE, name))


def _made(scratch: Scratch) -> str:
    """Make the directory of a scratch, for this user alone; return the path of the file that goes into it."""
    base = os.path.dirname(scratch.place)
    try:
        os.makedirs(base, mode=0o700, exist_ok=True)
        foreign.make_directory(scratch.place)
    except OSError as error:
        if os.path.lexists(scratch.place):
            hint = "Drill again: another name is chosen then."
            raise Conflict(f"{scratch.place} is there already.", hint=hint) from error
        raise _no_directory(base, error) from error
    return path_of(scratch)


def _no_directory(base: str, error: OSError) -> EngineError:
    kind = NoSpace if error.errno in FULL else EngineError
    return kind(
        f"A drill cannot make a directory in {base}: {error.strerror}.",
        hint="Free space there, and let the user that the service runs as write there; or give the instance the "
        f"option {OPTION}.",
    )


def path_of(scratch: Scratch) -> str:
    """Return the path of the file that a scratch is."""
    return os.path.join(scratch.place, FILE)


def _within(instance: Instance, scratch: Scratch) -> Instance:
    """Return the instance for workers that may reach this one scratch in the home."""
    off_limits = instance.off_limits
    if os.path.dirname(scratch.place) != os.path.join(off_limits.home, DRILLS):
        return instance
    return replace(instance, off_limits=replace(off_limits, scratch=os.path.realpath(scratch.place)))


def _dropped(instance: Instance, scratch: Scratch) -> bool:
    """Remove a scratch with all that lies in its directory; return whether there was anything.

    Raises
    ------
    EngineError
        Where it has not the name of a scratch, where the disk that it is on is away, or the system refuses.
    """
    base, name = os.path.split(scratch.place)
    if name != scratch.name or not is_scratch(name):
        raise EngineError(
            f"{scratch.place} is not removed: it has not the name of a scratch.", hint="Look at what it is."
        )
    try:
        return _emptied(scratch.place)
    except FileNotFoundError as error:
        is_in_home = base == os.path.join(instance.off_limits.home, DRILLS)
        if os.path.isdir(base) or is_in_home:
            return False
        raise EngineError(
            f"Whether the scratch {scratch.place} is there cannot be told: {base} is not there.",
            hint="Mount the disk for drills again; what is left there is removed then.",
        ) from error
    except OSError as error:
        raise EngineError(
            f"The scratch {scratch.place} could not be removed: {error.strerror}.",
            hint="It is tried again. Look at what is in that directory, and at its rights.",
            transient=True,
        ) from error


def _emptied(place: str) -> bool:
    for tries in range(1, _TRIES + 1):
        try:
            foreign.remove_directory(place)
        except FileNotFoundError:
            raise
        except OSError:
            if tries == _TRIES:
                raise
        else:
            break
    return True
