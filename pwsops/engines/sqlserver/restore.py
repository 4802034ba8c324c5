"""Restoring: everything is proven first; then the database is taken away from its users, and given back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.requests import ProgressCallback, RestoreRequest, RestoreResult
from pwsops.engines.sqlserver import (
    access,
    aftermath,
    databases,
    fresh,
    media,
    patience,
    plan,
    queries,
    resolving,
    rights,
    running,
    script,
    tsql,
    verify,
)
from pwsops.engines.sqlserver.access import Access
from pwsops.engines.sqlserver.errors import Doing, ErrorContext, reason, translate, unexplained
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.engines.sqlserver.plan import Plan, Step
from pwsops.engines.sqlserver.running import Limits, Meter, StatementResult
from pwsops.errors import EndUnknown, PwsopsError
from pwsops.messages import Message
from pwsops.rules.model import BackupSet

PROOF = 3014
IN_USE = (3101, 3102, access.OCCUPIED)
ATTEMPTS = 3
"""How often to throw people out at once: somebody may hold the one seat of a single-user database."""
T = TypeVar("T")


@dataclass
class _Work:
    """What one restore needs while it goes on, and what was said meanwhile."""

    link: Link
    database: str
    limits: Limits
    context: ErrorContext
    messages: list[Message] = field(default_factory=list)
    sent: bool = False
    """Whether the server was told to restore."""
    begun: bool = False
    """Whether the database is no longer what it was, or may not be: nothing is repeated then."""

    def note(self, text: str, *, is_error: bool = False) -> None:
        self.messages.append(Message(text=text, at=self.link.clock.now(), is_error=is_error))

    def insist(self, action: Callable[[], T]) -> T:
        """Do something again and again while it fails for a cause that passes and nothing has begun."""
        return patience.insist(
            action,
            doing=self.context.operation,
            limits=self.limits,
            note=self.note,
            may_repeat=lambda error: error.transient and not self.begun,
        )


def restore(
    link: Link, request: RestoreRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> RestoreResult:
    """Restore as ordered; until every checksum held, the database is not touched. See the protocol."""
    began = link.clock.monotonic()
    work = _work(link, request, on_progress, cancel)
    try:
        target, sets = _do(work, request)
    except PwsopsError as error:
        # What passes by itself was waited out here, without reading the media again; what has begun is not repeated.
        error.transient = False
        known = {id(message) for message in error.messages}
        error.messages = (*(message for message in work.messages if id(message) not in known), *error.messages)
        raise
    work.limits.done("restoring", sum(each.size_bytes for each in sets))
    return RestoreResult(
        database=work.database,
        restored_bytes=sets[0].database_size_bytes,
        duration_s=link.clock.monotonic() - began,
        created=target is None,
        messages=tuple(work.messages),
    )


def check(link: Link, request: RestoreRequest) -> None:
    """Raise what `restore` raises for what can be seen before media are read from end to end; nothing is waited for."""
    work = _work(link, request, None, None)
    work.begun = True  # what passes by itself is told, not waited out
    target = _target(work, request)
    if target is not None:
        work.database = target.name
    restricted = target is not None and Access(link, request, target).is_restricted
    _look_at(work, request, restricted=restricted, is_new=target is None)


def _work(
    link: Link, request: RestoreRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> _Work:
    """Return what a restore needs; raises where it can be no restore, or the server is out of reach."""
    began = link.clock.monotonic()
    plan.refuse_file(request)
    plan.require_restorable(request.database)
    link.server()  # who cannot be reached at all is told at once
    deadline = None if request.time_limit_s is None else began + request.time_limit_s
    return _Work(
        link=link,
        database=request.database,
        limits=Limits(clock=link.clock, cancel=cancel, deadline=deadline, on_progress=on_progress),
        context=link.context(f"Restoring {request.database}", database=request.database, doing=Doing.READING),
    )


def _target(work: _Work, request: RestoreRequest) -> DatabaseInfo | None:
    """Return the database that is to be replaced; None: it is to be made."""
    target = work.insist(
        partial(plan.find_target, work.link, request.database, may_be_missing=request.create_if_missing)
    )
    if target is not None and request.must_be_new:
        raise script.is_there(work.link, target.name)
    return target


def _do(work: _Work, request: RestoreRequest) -> tuple[DatabaseInfo | None, Sequence[BackupSet]]:
    before: aftermath.Settings = {}
    target = _target(work, request)
    if target is None:
        sets, planned = _prove(work, request, restricted=False, is_new=True)
        work.insist(partial(_make, work, planned))
        _compare(work, before)
        return target, sets
    work.database = target.name
    before = aftermath.look(work.link, target.name)
    mode = Access(work.link, request, target)
    sets, planned = _prove(work, request, restricted=mode.is_restricted, is_new=False)
    work.insist(partial(_replace, work, mode, planned))
    _compare(work, before)
    return target, sets


def _compare(work: _Work, before: aftermath.Settings) -> None:
    """Report what is not as before. The restore is through: nothing that goes wrong here makes it a failure."""
    try:
        for change in aftermath.changes(work.database, before, aftermath.look(work.link, work.database)):
            work.note(change)
        for orphan in aftermath.orphans(work.link, work.database):
            work.note(orphan)
    except PwsopsError as error:
        work.note(f"Whether {work.database} is as before could not be looked up, because {reason(error)}.")


def _prove(work: _Work, request: RestoreRequest, *, restricted: bool, is_new: bool) -> tuple[Sequence[BackupSet], Plan]:
    """Look at everything that can be looked at before, and read the media from end to end last: that takes longest."""
    sets, planned = _look_at(work, request, restricted=restricted, is_new=is_new)
    for unknown in planned.unknown:
        work.note(unknown)
    for each in sets:
        work.messages.extend(work.insist(partial(verify.prove, work.link, each, work.limits)))
    return sets, planned


def _look_at(
    work: _Work, request: RestoreRequest, *, restricted: bool, is_new: bool
) -> tuple[Sequence[BackupSet], Plan]:
    """Return the sets as their media have them, and what the restore will do; raises where it cannot."""
    sets = [work.insist(partial(media.read_one, work.link, each, work.limits)) for each in request.sets]
    plan.require_chain(sets)
    work.insist(partial(plan.require_version, work.link, sets))
    make = partial(
        plan.make, is_new=is_new, restricted=restricted, stop_at=request.stop_at, spare_bytes=request.leave_free_bytes
    )
    return sets, work.insist(partial(make, work.link, work.database, sets))


def _replace(work: _Work, mode: Access, planned: Plan) -> None:
    """Take the database offline and restore over it; whatever comes of it, its former mode is given back."""
    mode.remember()
    work.sent = False
    try:
        _apply(work, planned.steps, take_offline=mode.takes_offline)
    except PwsopsError as error:
        work.begun = not _is_as_before(work, mode)
        error.hint = f"{error.hint} {mode.give_back()}".strip()
        raise
    except BaseException:
        mode.give_back()
        raise
    if step := mode.give_back():
        work.note(step, is_error=True)


def _is_as_before(work: _Work, mode: Access) -> bool:
    """Whether a restore that failed has not begun to write; where that cannot be asked, it may have."""
    try:
        state = databases.find(work.link, work.database).state
    except PwsopsError:
        return False
    # One that was taken offline and is online again without us was brought there by its restore.
    is_through = work.sent and mode.takes_offline and state.is_in_use
    return state is not DatabaseState.RESTORING and not is_through


def _make(work: _Work, planned: Plan) -> None:
    """Let the restore make the database, and remove what it made where it fails."""
    fresh.require_missing(work.link, work.database)
    files = [file for step in planned.steps for file in step.files]
    try:
        _apply(work, planned.steps, take_offline=False)
    except PwsopsError as error:
        remains = fresh.remove(work.link, work.database, files)
        work.begun = remains.begun
        error.hint = f"{error.hint} {remains.step}".strip()
        raise
    except BaseException:
        fresh.remove(work.link, work.database, files)
        raise


def _apply(work: _Work, steps: Sequence[Step], *, take_offline: bool) -> None:
    done_before = _count(work)
    for number, step in enumerate(steps, start=1):
        work.context = replace(work.context, path=step.backup_set.path)
        for attempt in range(1, ATTEMPTS + 1):
            result = _execute(work, step, take_offline=number == 1 and take_offline)
            in_use = result.failed and any(result.has(number) for number in IN_USE)
            if not in_use or result.has(PROOF) or attempt == ATTEMPTS:
                break
            _end_sessions(work)
        work.messages.extend(result.messages)
        if not result.has(PROOF):
            _settle(work, result, done_before, number)


def _end_sessions(work: _Work) -> None:
    """End the sessions of those who hold the database, as far as this login may see and end them."""
    for session_id in access.sessions_in(work.link, work.context, work.database):
        with suppress(PwsopsError):
            work.link.run(work.context, tsql.kill(session_id))


def _execute(work: _Work, step: Step, *, take_offline: bool) -> StatementResult:
    """Take the database offline and restore, on one connection."""
    meter = Meter("restoring", step.backup_set.size_bytes, work.limits.on_progress)
    with work.link.session(work.context) as connection:
        session_id = work.link.session_id(connection, work.context)
        run = partial(
            running.run, work.link, work.context, connection=connection, limits=work.limits, session_id=session_id
        )
        if take_offline:
            out = run(tsql.offline(work.database), meter=Meter("", 0, None))
            if out.failed or out.stopped is not None:
                return out
        work.sent = True
        return run(step.statement, meter=meter)


def _settle(work: _Work, result: StatementResult, done_before: int | NotAsked, number: int) -> None:
    """Return where the history has the restore; raise what happened otherwise."""
    if result.lost or result.stopped is not None or not result.failed:
        why = _ended(work, result.session_id)
        done = _count(work)
        if not isinstance(done, NotAsked) and not isinstance(done_before, NotAsked) and done == done_before + number:
            work.note("The connection ended before the server could say so, but its history has the restore.")
            return
        unasked = next((each.why for each in (done, done_before) if isinstance(each, NotAsked)), why)
        if result.lost and result.stopped is None and unasked:
            raise _end_unknown(work, result, unasked)
    if result.stopped is not None:
        raise running.stopped(work.context.operation, result.stopped, result.messages)
    if not result.failed:
        raise unexplained(result.messages, work.context)
    error = rights.restore_explained(work.link, translate(result.messages, work.context), work.context)
    if result.lost and work.sent:
        # Something may have been written already: this is never tried again as if nothing had been.
        raise EndUnknown(error.message, hint=error.hint, number=error.number, messages=error.messages)
    raise error


def _ended(work: _Work, session_id: int) -> str:
    """Wait until the server is done with the statement; return why nobody can say so, or nothing."""
    try:
        resolving.wait(work.link, work.context, session_id)
    except PwsopsError as error:
        return reason(error)
    return ""


def _end_unknown(work: _Work, result: StatementResult, why: str) -> EndUnknown:
    return EndUnknown(
        f"{work.context.operation} on {work.context.server}: the connection was lost, and how it ended could not be "
        f"looked up, because {why}.",
        hint=f"Look at {work.database} on the server: while it is restoring, the server may still be busy with it.",
        messages=result.messages,
    )


def _count(work: _Work) -> int | NotAsked:
    rows = work.link.attempt(work.context, queries.RESTORES, work.database)
    return rows if isinstance(rows, NotAsked) else int(rows[0].restores)
