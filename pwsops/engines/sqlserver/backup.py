"""One backup: taken, proven, and only then the older one goes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pwsops.engines.base import BackupRequest, BackupResult, ProgressCallback
from pwsops.engines.sqlserver import (
    certificates,
    chain,
    databases,
    directory,
    media,
    ownership,
    rights,
    running,
    settle,
    targets,
    tsql,
    verify,
)
from pwsops.engines.sqlserver.errors import Scene, cause_of, lost, translate, unexplained
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.ownership import Owner
from pwsops.engines.sqlserver.running import Heard, Limits, Meter, Stop
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
class _Work:
    """What one backup needs while it goes on, and what was said meanwhile."""

    link: Link
    request: BackupRequest
    owner: Owner
    target: Target
    limits: Limits
    total_bytes: int
    messages: list[Message] = field(default_factory=list)
    undecided: bool = False
    """Whether the server may still be writing, so that nothing may be deleted."""
    finished: bool = False
    """Whether the set is whole in its file; that it can be read from end to end may still have to be proven."""

    @property
    def scene(self) -> Scene:
        database = self.request.database
        return self.link.scene(f"Backing up {database}", database=database, path=self.target.path)

    def note(self, text: str) -> None:
        self.messages.append(Message(text=text, at=self.link.clock.now()))


def take(
    link: Link, request: BackupRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> BackupResult:
    """Take one backup and verify it as written; see the protocol."""
    if cancel is not None and cancel.is_set():
        raise _cancelled(request, "nothing was written")
    link.server()  # refuses what is too old, or takes no backups
    request = _as_told(request, link.instance.options)
    rights.require_reading(link)
    info = databases.require(link, request.database, request.kind, copy_only=request.copy_only)
    if request.encryption is not None:
        certificates.require(link, request.encryption.name)
    if request.kind is BackupKind.DIFFERENTIAL:
        chain.require_base(link, request.database, request.base)
    work = _begun(link, request, _limits(link, request, on_progress, cancel), info.size_bytes)
    try:
        taken = _proven(work, _finished_before(work) or _write(work))
        if info.details["encrypted"]:
            taken = media.with_database_certificate(link, taken)
    except PwsopsError as error:
        raise _with_what_is_left(work, error) from error
    replaced = _drop_older(work)
    return BackupResult(backup_set=taken, messages=tuple(work.messages), replaced=replaced)


def _begun(link: Link, request: BackupRequest, limits: Limits, total_bytes: int) -> _Work:
    """Choose where to write. An earlier attempt of this very backup that the server still works on is waited for."""
    scene = link.scene(f"Backing up {request.database}", database=request.database)
    settle.wait_for_backup(link, scene, description=request.description, limits=limits)
    owner = ownership.of(link, request)
    target = targets.choose(link, request, owner)
    work = _Work(link=link, request=request, owner=owner, target=target, limits=limits, total_bytes=total_bytes)
    for each in target.notes:
        work.note(each)
    return work


def _finished_before(work: _Work) -> BackupSet | None:
    """Return the set that an earlier attempt has finished, though nobody heard of it."""
    found = work.target.finished
    if found is not None:
        work.note(f"An earlier attempt had finished this backup in {found.path}: it is taken as it is.")
    return found


def _as_told(request: BackupRequest, options: Mapping[str, Any]) -> BackupRequest:
    """Give the request with what the instance was told of how its backups are written."""
    size, buffers = options.get("max_transfer_size"), options.get("buffer_count")
    return replace(
        request,
        compress=bool(options.get("compress", request.compress)),
        stripes=int(options.get("stripes", request.stripes)),
        max_transfer_size=request.max_transfer_size if size is None else int(size),
        buffer_count=request.buffer_count if buffers is None else int(buffers),
    )


def _limits(
    link: Link, request: BackupRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> Limits:
    limit_s = request.time_limit_s
    deadline = None if limit_s is None else link.clock.monotonic() + limit_s
    return Limits(clock=link.clock, cancel=cancel, deadline=deadline, on_progress=on_progress)


def _write(work: _Work) -> BackupSet | None:
    """Write the set; return it where only its file or the history told that it is finished."""
    compress = work.request.compress
    if compress and work.link.server().edition.startswith(UNCOMPRESSED_EDITION):
        compress = False
        work.note("This edition of SQL Server does not compress backups; this one is not compressed.")
    heard = _execute(work, compress)
    if compress and heard.failed and heard.has(NO_COMPRESSION):
        work.note("The server does not compress backups (1844); this one was taken again, not compressed.")
        heard = _execute(work, False)
    work.messages.extend(heard.messages)
    return None if heard.has(PROOF) or heard.has(UNRECORDED) else _settled(work, heard)


def _execute(work: _Work, compress: bool) -> Heard:
    request = work.request
    statement = tsql.backup(
        request.database,
        work.target.devices,
        description=request.description,
        differential=request.kind is BackupKind.DIFFERENTIAL,
        copy_only=request.copy_only,
        label=work.owner.label,
        fresh=work.target.fresh,
        compress=compress,
        encrypt_with=None if request.encryption is None else request.encryption.name,
        max_transfer_size=request.max_transfer_size,
        buffer_count=request.buffer_count,
    )
    meter = Meter("backing up", work.total_bytes, work.limits.on_progress)
    with work.link.session(work.scene) as connection:
        return running.run(work.link, work.scene, statement, connection=connection, limits=work.limits, meter=meter)


def _settled(work: _Work, heard: Heard) -> BackupSet:
    """Return the finished set where there was no proof, or raise what really happened."""
    if heard.failed and not heard.lost and heard.stopped is None:
        raise rights.backup_explained(
            work.link, translate(heard.messages, work.scene), work.scene, work.request.database
        )
    work.undecided = True
    found = settle.outcome(
        work.link,
        work.scene,
        session_id=heard.session_id,
        wanted=(work.request.description, work.request.kind),
        path=work.target.path,
        limits=work.limits,
    )
    work.undecided = False
    if found is None:
        raise _unfinished(work, heard)
    work.note("The connection ended before the server could say so, but the backup is there: it is finished.")
    return found


def _unfinished(work: _Work, heard: Heard) -> PwsopsError:
    if heard.stopped is Stop.CANCELLED:
        return _cancelled(work.request, "the server stopped", heard.messages)
    if heard.stopped is Stop.TIME_LIMIT:
        return EngineError(
            f"{work.scene.operation} on {work.scene.server} was stopped: it reached its time limit of "
            f"{work.request.time_limit_s:g} s.",
            hint="Raise the profile's time limit, or split its databases over several profiles.",
            messages=heard.messages,
        )
    cause = cause_of(heard.messages)
    return unexplained(heard.messages, work.scene) if cause is None else lost(heard.messages, work.scene, cause)


def _cancelled(request: BackupRequest, how: str, messages: Sequence[Message] = ()) -> Cancelled:
    return Cancelled(
        f"The backup of {request.database} was cancelled; {how}.", hint="Start it again any time.", messages=messages
    )


def _proven(work: _Work, told: BackupSet | None) -> BackupSet:
    """Find the set in its file, and read it from end to end."""
    wanted = tsql.description_of(work.request.description)
    found = [each for each in media.read(work.link, work.target.path) if each.description == wanted]
    if not found or (told is not None and told.set_id != found[-1].set_id):
        raise EngineError(
            f"{work.scene.operation} on {work.scene.server}: the server says that it is finished, but "
            f"{work.target.path} does not hold it.",
            hint="Somebody else may write to this file: look at it on the server, and take the backup again.",
            messages=work.messages,
        )
    work.finished = True
    if work.request.kind is BackupKind.DIFFERENTIAL:
        chain.require_built_on(found[-1], work.request.base)
    if work.request.verify:
        work.messages.extend(verify.prove(work.link, found[-1], work.limits))
    else:
        work.limits.done("backing up", found[-1].size_bytes)
    return found[-1]


def _drop_older(work: _Work) -> tuple[str, ...]:
    """Delete what this backup replaces, now that it is proven good; where that fails, the next run overwrites it."""
    gone = []
    for path in work.target.older:
        reason = _dropped(work, path)
        if reason:
            work.note(f"The older backup {path} stays until it is overwritten: {reason}")
        else:
            gone.append(path)
    return tuple(gone)


def _dropped(work: _Work, path: str) -> str:
    """Delete an older backup that is still what it was; return why it stays, or nothing. Nothing is raised any more."""
    try:
        reason = targets.is_still_ours(work.link, path, work.owner)
        return reason or directory.delete(work.link, [path])[0].reason
    except PwsopsError as error:
        return error.message


def _with_what_is_left(work: _Work, error: PwsopsError) -> PwsopsError:
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


def _with_messages(work: _Work, error: PwsopsError) -> PwsopsError:
    said = {id(message) for message in error.messages}
    error.messages = (*(message for message in work.messages if id(message) not in said), *error.messages)
    return error


def _left(work: _Work) -> list[str]:
    """Delete the files that hold nothing but what this backup began, and return those that may hold something of it."""
    begun = [each for each in work.target.devices if targets.holds_only(work.link, each, work.owner)]
    return [device for device in begun if directory.delete_file(work.link, device)]
