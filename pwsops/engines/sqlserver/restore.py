"""Restoring into a database that exists: everything is proven first, then everybody is thrown out, and let in again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from pwsops.engines.base import DatabaseState, ProgressCallback, RestoreRequest, RestoreResult
from pwsops.engines.sqlserver import databases, media, plan, queries, rights, running, settle, tsql, verify
from pwsops.engines.sqlserver.errors import Scene, translate, unexplained
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.plan import Step
from pwsops.engines.sqlserver.running import Heard, Limits, Meter
from pwsops.errors import EndUnknown, PwsopsError
from pwsops.messages import Message

PROOF = 3014
OCCUPIED = 5064
"""Somebody is the one user of the single-user database, and ALTER DATABASE is refused for that one's sake."""
IN_USE = (3101, 3102, OCCUPIED)
ATTEMPTS = 3
"""How often to throw people out: somebody may come back in the moment between that and the restore."""


@dataclass
class _Work:
    """What one restore needs while it goes on, and what was said meanwhile."""

    link: Link
    database: str
    limits: Limits
    scene: Scene
    was_online: bool
    messages: list[Message] = field(default_factory=list)

    def note(self, text: str, *, is_error: bool = False) -> None:
        self.messages.append(Message(text=text, at=self.link.clock.now(), is_error=is_error))


def restore(
    link: Link, request: RestoreRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> RestoreResult:
    """Restore as ordered; until every checksum held, the database is not touched. See the protocol."""
    began = link.clock.monotonic()
    info = plan.require_target(link, request.database)
    deadline = None if request.time_limit_s is None else began + request.time_limit_s
    work = _Work(
        link=link,
        database=info.name,
        limits=Limits(clock=link.clock, cancel=cancel, deadline=deadline, on_progress=on_progress),
        scene=link.scene(f"Restoring {info.name}", database=info.name),
        was_online=info.state is DatabaseState.ONLINE,
    )
    sets = [media.read_one(link, each, work.limits) for each in request.sets]
    plan.require_chain(sets)
    for each in sets:
        work.messages.extend(verify.prove(link, each, work.limits))
    steps = plan.steps(link, info.name, sets, request.stop_at)
    with _everybody_let_in_again(work):
        _apply(work, steps)
    work.limits.done("restoring", sum(each.size_bytes for each in sets))
    return RestoreResult(
        database=info.name,
        restored_bytes=sets[0].database_size_bytes,
        duration_s=link.clock.monotonic() - began,
        messages=tuple(work.messages),
    )


@contextmanager
def _everybody_let_in_again(work: _Work) -> Iterator[None]:
    try:
        yield
    except PwsopsError as error:
        error.hint = f"{error.hint} {_let_in(work)}".strip()
        said = {id(message) for message in error.messages}
        error.messages = (*(message for message in work.messages if id(message) not in said), *error.messages)
        raise
    except BaseException:
        _let_in(work)
        raise
    _let_in(work)


def _let_in(work: _Work) -> str:
    """Set the database to MULTI_USER; where that is not possible, note and give what to do."""
    try:
        state = databases.find(work.link, work.database).state
        if state is DatabaseState.RESTORING:
            return (
                f"{work.database} now waits for a restore and lets nobody in: restore a full backup into it (this one "
                "again, or another)."
            )
        _open(work)
    except PwsopsError as error:
        step = f"Let people into {work.database} again: {tsql.multi_user(work.database)}"
        work.note(f"{work.database} may still be in single-user mode: {error.message} {step}", is_error=True)
        return step
    return ""


def _open(work: _Work) -> None:
    try:
        work.link.run(work.scene, tsql.multi_user(work.database))
    except PwsopsError as error:
        if error.number != OCCUPIED:
            raise
        _end_sessions(work)
        work.link.run(work.scene, tsql.multi_user(work.database))


def _end_sessions(work: _Work) -> None:
    """End the sessions of those who slipped in, as far as this login may see and end them."""
    for row in work.link.attempt(work.scene, queries.SESSIONS_IN, work.database) or ():
        with suppress(PwsopsError):
            work.link.run(work.scene, tsql.kill(row.session_id))


def _apply(work: _Work, steps: list[Step]) -> None:
    done_before = _count(work)
    for number, step in enumerate(steps, start=1):
        for attempt in range(1, ATTEMPTS + 1):
            heard = _execute(work, step, throw_out=number == 1 and work.was_online)
            in_use = heard.failed and any(heard.has(number) for number in IN_USE)
            if not in_use or heard.has(PROOF) or attempt == ATTEMPTS:
                break
            _end_sessions(work)
        work.messages.extend(heard.messages)
        if not heard.has(PROOF):
            _settle(work, heard, None if done_before is None else done_before + number)


def _execute(work: _Work, step: Step, *, throw_out: bool) -> Heard:
    """Throw everybody out and restore, on one connection with nothing in between, so that hardly anybody slips in."""
    meter = Meter("restoring", step.backup_set.size_bytes, work.limits.on_progress)
    with work.link.session(work.scene) as connection:
        session_id = work.link.session_id(connection, work.scene)
        run = partial(
            running.run, work.link, work.scene, connection=connection, limits=work.limits, session_id=session_id
        )
        if throw_out:
            out = run(tsql.single_user(work.database), meter=Meter("", 0, None))
            if out.failed or out.stopped is not None:
                return out
        return run(step.statement, meter=meter)


def _settle(work: _Work, heard: Heard, expected: int | None) -> None:
    """Return where the history has the restore; raise what happened otherwise."""
    if heard.lost or heard.stopped is not None or not heard.failed:
        with suppress(PwsopsError):
            settle.wait(work.link, work.scene, heard.session_id)
        if expected is not None and _count(work) == expected:
            work.note("The connection ended before the server could say so, but its history has the restore.")
            return
    if heard.stopped is not None:
        raise running.stopped(work.scene.operation, heard.stopped, heard.messages)
    if not heard.failed:
        raise unexplained(heard.messages, work.scene)
    error = rights.restore_explained(work.link, translate(heard.messages, work.scene), work.scene)
    if heard.lost:
        # Something may have been taken away already: this is never tried again as if nothing had been.
        raise EndUnknown(error.message, hint=error.hint, number=error.number, messages=error.messages)
    raise error


def _count(work: _Work) -> int | None:
    rows = work.link.attempt(work.scene, queries.RESTORES, work.database)
    return rows[0].restores if rows else None
