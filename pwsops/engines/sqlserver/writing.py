"""One backup while it is written: where, how it ended, and what is left of one that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pwsops.engines.requests import BackupRequest
from pwsops.engines.sqlserver import (
    chain,
    directory,
    media,
    ownership,
    resolving,
    rights,
    running,
    targets,
    tsql,
    verify,
)
from pwsops.engines.sqlserver.errors import Doing, ErrorContext, cause_of, lost, translate, unexplained
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.ownership import Owner
from pwsops.engines.sqlserver.running import Limits, Meter, StatementResult, Stop
from pwsops.engines.sqlserver.targets import Target
from pwsops.errors import Cancelled, EngineError, PwsopsError
from pwsops.messages import Message
from pwsops.rules.model import BackupKind, BackupSet

PROOF = 3014
UNRECORDED = 3009
"""The backup is finished, and only msdb could not note it; the drivers may lose the proof that follows this error."""
NO_COMPRESSION = 1844
UNCOMPRESSED_EDITION = "Express"


@dataclass
class Work:
    """What one backup needs while it goes on, and what was said meanwhile."""

    link: Link
    request: BackupRequest
    owner: Owner
    target: Target
    limits: Limits
    total_bytes: int
    of_damaged: bool = False
    """Whether it goes on where a page of the database is damaged."""
    messages: list[Message] = field(default_factory=list)
    undecided: bool = False
    """Whether the server may still be writing, so that nothing may be deleted."""
    finished: bool = False
    """Whether the set is whole in its file; that it can be read from end to end may still have to be proven."""

    @property
    def context(self) -> ErrorContext:
        database = self.request.database
        return self.link.context(
            f"Backing up {database}", database=database, path=self.target.path, doing=Doing.WRITING
        )

    def note(self, text: str) -> None:
        self.messages.append(Message(text=text, at=self.link.clock.now()))


def begin(link: Link, request: BackupRequest, limits: Limits, total_bytes: int, *, of_damaged: bool = False) -> Work:
    """Choose where to write. An earlier attempt of this very backup that the server still works on is waited for."""
    context = link.context(f"Backing up {request.database}", database=request.database, doing=Doing.WRITING)
    # Where some database is always being restored, that question is always refused: the files say the rest.
    resolving.wait_for_backup(link, context, description=request.description, limits=limits, insists=False)
    owner = ownership.of(link, request)
    target = targets.choose(link, request, owner)
    work = Work(
        link=link,
        request=request,
        owner=owner,
        target=target,
        limits=limits,
        total_bytes=total_bytes,
        of_damaged=of_damaged,
    )
    for each in target.notes:
        work.note(each)
    return work


def finished_before(work: Work) -> BackupSet | None:
    """Return the set that an earlier attempt has finished, though nobody heard of it."""
    found = work.target.finished
    if found is not None:
        work.note(f"An earlier attempt had finished this backup in {found.path}: it is taken as it is.")
    return found


def write(work: Work) -> BackupSet | None:
    """Write the set; return it where only its file or the history told that it is finished."""
    compress = work.request.compress
    if compress and work.link.server().edition.startswith(UNCOMPRESSED_EDITION):
        compress = False
        work.note("This edition of SQL Server does not compress backups; this one is not compressed.")
    result = _execute(work, compress)
    if compress and result.failed and result.has(NO_COMPRESSION):
        work.note("The server does not compress backups (1844); this one was taken again, not compressed.")
        result = _execute(work, False)
    work.messages.extend(result.messages)
    return None if result.has(PROOF) or result.has(UNRECORDED) else _settled(work, result)


def _execute(work: Work, compress: bool) -> StatementResult:
    request = work.request
    statement = tsql.backup(
        request.database,
        work.target.devices,
        description=request.description,
        differential=request.kind is BackupKind.DIFFERENTIAL,
        copy_only=request.copy_only,
        label=work.owner.label,
        of_damaged=work.of_damaged,
        fresh=work.target.fresh,
        compress=compress,
        encrypt_with=None if request.encryption is None else request.encryption.name,
        max_transfer_size=request.max_transfer_size,
        buffer_count=request.buffer_count,
    )
    meter = Meter("backing up", work.total_bytes, work.limits.on_progress)
    with work.link.session(work.context) as connection:
        return running.run(work.link, work.context, statement, connection=connection, limits=work.limits, meter=meter)


def _settled(work: Work, result: StatementResult) -> BackupSet:
    """Return the finished set where there was no proof, or raise what really happened."""
    if result.failed and not result.lost and result.stopped is None:
        raise rights.backup_explained(
            work.link, translate(result.messages, work.context), work.context, work.request.database
        )
    work.undecided = True
    found = resolving.outcome(
        work.link,
        work.context,
        session_id=result.session_id,
        requested=(work.request.description, work.request.kind),
        path=work.target.path,
        limits=work.limits,
    )
    work.undecided = False
    if found is None:
        raise _unfinished(work, result)
    work.note("The connection ended before the server could say so, but the backup is there: it is finished.")
    return found


def _unfinished(work: Work, result: StatementResult) -> PwsopsError:
    if result.stopped is Stop.CANCELLED:
        return cancelled(work.request, "the server stopped", result.messages)
    if result.stopped is Stop.TIME_LIMIT:
        return EngineError(
            f"{work.context.operation} on {work.context.server} was stopped: it reached its time limit of "
            f"{work.request.time_limit_s:g} s.",
            hint="Raise the profile's time limit, or split its databases over several profiles.",
            messages=result.messages,
        )
    cause = cause_of(result.messages)
    return unexplained(result.messages, work.context) if cause is None else lost(result.messages, work.context, cause)


def cancelled(request: BackupRequest, how: str, messages: Sequence[Message] = ()) -> Cancelled:
    """Return the error of a backup that was cancelled."""
    return Cancelled(
        f"The backup of {request.database} was cancelled; {how}.", hint="Start it again any time.", messages=messages
    )


def prove(work: Work, reported: BackupSet | None) -> BackupSet:
    """Find the set in its file, and read it from end to end."""
    description = tsql.description_of(work.request.description)
    found = [each for each in media.read(work.link, work.target.path) if each.description == description]
    if not found or (reported is not None and reported.set_id != found[-1].set_id):
        raise EngineError(
            f"{work.context.operation} on {work.context.server}: the server says that it is finished, but "
            f"{work.target.path} does not hold it.",
            hint="Somebody else may write to this file: look at it on the server, and take the backup again.",
            messages=work.messages,
        )
    work.finished = True
    if work.request.kind is BackupKind.DIFFERENTIAL:
        chain.require_built_on(found[-1], work.request.base)
    if work.request.verify:
        work.messages.extend(verify.prove(work.link, found[-1], work.limits, is_new=True))
    else:
        work.limits.done("backing up", found[-1].size_bytes)
    return found[-1]


def drop_older(work: Work) -> tuple[str, ...]:
    """Delete what this backup replaces, now that it is proven good; where that fails, the next run overwrites it."""
    gone = []
    for path in work.target.older:
        reason = _dropped(work, path)
        if reason:
            work.note(f"The older backup {path} stays until it is overwritten: {reason}")
        else:
            gone.append(path)
    return tuple(gone)


def _dropped(work: Work, path: str) -> str:
    """Delete an older backup that is still what it was; return why it stays, or nothing. Nothing is raised any more."""
    try:
        reason = targets.is_still_ours(work.link, path, work.owner)
        return reason or directory.delete(work.link, [path])[0].reason
    except PwsopsError as error:
        return error.message


def with_what_is_left(work: Work, error: PwsopsError) -> PwsopsError:
    """Delete what was begun, and say what is left of it on the server's disk."""
    if work.finished and error.transient:
        error.hint += f" The finished backup in {work.target.path} is kept: the next attempt takes it as it is."
        return _with_messages(work, error)
    try:
        left = [] if work.undecided else _left(work)
    except PwsopsError:  # the server is gone: what went wrong before is what counts
        left = list(work.target.devices)
    if left:
        error.hint += f" Something unfinished may be left in {', '.join(left)} on the server: delete it there."
    return _with_messages(work, error)


def _with_messages(work: Work, error: PwsopsError) -> PwsopsError:
    known = {id(message) for message in error.messages}
    error.messages = (*(message for message in work.messages if id(message) not in known), *error.messages)
    return error


def _left(work: Work) -> list[str]:
    """Delete the files that hold nothing but what this backup began, and return those that may hold something of it."""
    begun = [each for each in work.target.devices if targets.holds_only(work.link, each, work.owner)]
    return [device for device in begun if directory.delete_file(work.link, device)]
