"""A set read from end to end by the server, with every checksum. That proves the file, not the database in it."""

from __future__ import annotations

import threading

from pwsops.engines.requests import ProgressCallback, Verification
from pwsops.engines.sqlserver import media, running, tsql
from pwsops.engines.sqlserver.errors import VERIFYING_NEW, translate, unexplained
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.running import Limits, Meter
from pwsops.messages import Message
from pwsops.rules.model import BackupSet

PROOF = 3262
ATTEMPTS = 2
"""Reading changes nothing, so a lost connection is no reason to give a finished backup up."""


def verify(
    link: Link, backup_set: BackupSet, on_progress: ProgressCallback | None, cancel: threading.Event | None
) -> Verification:
    """Read a set from end to end; raises `MediaError` for any damage."""
    began = link.clock.monotonic()
    limits = Limits(clock=link.clock, cancel=cancel, on_progress=on_progress)
    found = media.read_one(link, backup_set, limits)
    prove(link, found, limits)
    return Verification(backup_set=found, checked_bytes=found.size_bytes, duration_s=link.clock.monotonic() - began)


def prove(link: Link, backup_set: BackupSet, limits: Limits, *, is_new: bool = False) -> list[Message]:
    """Have the server read the set; give what it said.

    Parameters
    ----------
    link, backup_set, limits
        What is read, and what ends it.
    is_new
        Whether it was written a moment ago, which makes another next step of damage.

    Raises
    ------
    MediaError
        Where it is damaged or cannot be read.
    Cancelled, EngineError
        Where it was stopped, or took too long.
    """
    for attempt in range(1, ATTEMPTS + 1):
        heard = _execute(link, backup_set, limits)
        if heard.has(PROOF):
            return heard.messages
        if not heard.lost or heard.stopped is not None or attempt == ATTEMPTS:
            break
    verifying = f"{VERIFYING_NEW} {backup_set.path}" if is_new else f"Verifying {backup_set.path}"
    scene = link.scene(verifying, database=backup_set.database, path=backup_set.path)
    if heard.stopped is not None:
        raise running.stopped(scene.operation, heard.stopped, heard.messages)
    raise translate(heard.messages, scene) if heard.failed else unexplained(heard.messages, scene)


def _execute(link: Link, backup_set: BackupSet, limits: Limits) -> running.Heard:
    devices = media.devices_of(backup_set)
    checksum = bool(backup_set.details.get("has_checksums", True))
    scene = link.scene(f"Verifying {backup_set.path}", database=backup_set.database, path=backup_set.path)
    statement = tsql.verify(devices, position=backup_set.position, checksum=checksum)
    meter = Meter("verifying", backup_set.size_bytes, limits.on_progress)
    with link.session(scene) as connection:
        heard = running.run(link, scene, statement, connection=connection, limits=limits, meter=meter)
    if heard.has(PROOF):
        limits.done("verifying", backup_set.size_bytes)
    return heard
