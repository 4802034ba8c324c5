"""One backup: taken, proven, and only then the older one goes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pwsops.engines.records import DatabaseInfo
from pwsops.engines.requests import BackupRequest, BackupResult, ProgressCallback
from pwsops.engines.sqlserver import certificates, chain, damage, databases, media, rights, writing
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.running import Limits
from pwsops.engines.sqlserver.writing import Work
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupKind, BackupSet

TDE_TRANSFER_BYTES = 128 * 1024
"""Over 64 KB, a database that is encrypted as a whole is compressed; before 2019 CU5 the server does not choose so."""


def take(
    link: Link, request: BackupRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> BackupResult:
    """Take one backup and verify it as written; see the protocol."""
    if cancel is not None and cancel.is_set():
        raise writing.cancelled(request, "nothing was written")
    link.server()  # refuses what is too old, or takes no backups
    request = _with_options(request, link.instance.options)
    rights.require_reading(link)
    info = databases.require(link, request.database, request.kind, copy_only=request.copy_only)
    if request.encryption is not None:
        certificates.require(link, request.encryption.name)
    if request.kind is BackupKind.DIFFERENTIAL:
        chain.require_base(link, request.database, request.base)
    request = _for_encrypted(link, request, info)
    limits = _limits(link, request, on_progress, cancel)
    if damage.is_looked_for(request):
        return _sound(link, request, limits, info)
    work, taken = _taken(link, request, limits, info)
    return _counted(work, taken, checked=False)


def _sound(link: Link, request: BackupRequest, limits: Limits, info: DatabaseInfo) -> BackupResult:
    """Take a full of a database that has no damage the server knows of; raises with what was found, keeping the set."""
    found, note = damage.known(link, request.database)
    if found:
        raise damage.error(link, request.database, found, _set_aside(link, request, limits, info))
    try:
        work, taken = _taken(link, request, limits, info)
    except PwsopsError as error:
        if error.number != damage.PAGE_CHECKSUM:
            raise
        kept = _set_aside(link, request, limits, info)
        raise damage.error(link, request.database, [error.message], kept, error.messages) from error
    if note:
        work.note(note)
    # What the server came upon while it read.
    known, note_after = damage.known(link, request.database)
    found = [*damage.of_set(taken), *known]
    if found:
        raise damage.error(link, request.database, found, f"What was written is kept in {taken.path}.", work.messages)
    if note_after and not note:
        work.note(note_after)
    return _counted(work, taken, checked=not (note or note_after))


def _set_aside(link: Link, request: BackupRequest, limits: Limits, info: DatabaseInfo) -> str:
    """Keep what can be read of a damaged database under a name of its own; return what came of it, in a sentence."""
    aside = damage.aside(request)
    there = damage.taken_before(link, aside)
    if there:
        return f"Nothing was written: {there} is there already."
    try:
        _, taken = _taken(link, aside, limits, info, of_damaged=True)
    except PwsopsError as error:
        return f"What can be read of it could not be kept: {error.message}"
    return f"What could be read is kept in {taken.path}; it is no backup to rely on."


def _taken(
    link: Link, request: BackupRequest, limits: Limits, info: DatabaseInfo, *, of_damaged: bool = False
) -> tuple[Work, BackupSet]:
    work = writing.begin(link, request, limits, info.size_bytes, of_damaged=of_damaged)
    try:
        taken = writing.prove(work, writing.finished_before(work) or writing.write(work))
        if info.details["encrypted"]:
            taken = media.with_database_certificate(link, taken)
    except PwsopsError as error:
        raise writing.with_what_is_left(work, error) from error
    return work, taken


def _counted(work: Work, taken: BackupSet, *, checked: bool) -> BackupResult:
    replaced = writing.drop_older(work)
    return BackupResult(backup_set=taken, messages=tuple(work.messages), replaced=replaced, checked=checked)


def _with_options(request: BackupRequest, options: Mapping[str, Any]) -> BackupRequest:
    """Return the request with what the instance was told of how its backups are written."""
    size, buffers = options.get("max_transfer_size"), options.get("buffer_count")
    return replace(
        request,
        compress=bool(options.get("compress", request.compress)),
        stripes=int(options.get("stripes", request.stripes)),
        max_transfer_size=request.max_transfer_size if size is None else int(size),
        buffer_count=request.buffer_count if buffers is None else int(buffers),
    )


def _for_encrypted(link: Link, request: BackupRequest, info: DatabaseInfo) -> BackupRequest:
    needed = info.details["encrypted"] and request.compress and not link.server().compresses_encrypted
    if not needed or request.max_transfer_size is not None:
        return request
    return replace(request, max_transfer_size=TDE_TRANSFER_BYTES)


def _limits(
    link: Link, request: BackupRequest, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> Limits:
    limit_s = request.time_limit_s
    deadline = None if limit_s is None else link.clock.monotonic() + limit_s
    return Limits(clock=link.clock, cancel=cancel, deadline=deadline, on_progress=on_progress)
