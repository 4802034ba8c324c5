"""Restores of a home: backups that lie there, restores that wait in the middle, and what a dead process leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pwsops.catalogue import restores as rows
from pwsops.engines.requests import Progress
from pwsops.operations import Operations, open_operations
from pwsops.operations.records import RestoreView
from pwsops.rules.model import BackupKind, BackupSet
from tests.clocks import NOON, wait_until
from tests.homes import Home

FILE = "/media/a.bak"
STEPS = (
    Progress(phase="checking", done_bytes=1, total_bytes=4),
    Progress(phase="checking", done_bytes=2, total_bytes=4),
    Progress(phase="restoring", done_bytes=4, total_bytes=4),
)


def lay(home: Home, path: str = FILE, kind: BackupKind = BackupKind.FULL, base: str | None = None) -> BackupSet:
    """Let a backup lie there that was recorded."""
    laid = BackupSet(set_id=path, database="one", kind=kind, path=path, finished_at=NOON, base_id=base)
    return home.record(home.server.put(laid))


def ended(home: Home, restore_id: int) -> RestoreView:
    wait_until(lambda: home.ops.restores.get(restore_id).status.ended, "the restore's end")
    return home.ops.restores.get(restore_id)


def actions(home: Home) -> list[tuple[str, str]]:
    return [(entry.actor, entry.action) for entry in reversed(home.ops.audit.list())][1:]


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Restores begin and wait in the middle, until the end of the block."""
    release = home.server.hold()
    try:
        yield
    finally:
        release.set()


@contextmanager
def other_process(home: Home) -> Iterator[Operations]:
    """The same home, opened once more."""
    other = open_operations(home.path, actor="eve", clock=home.clock)
    try:
        yield other
    finally:
        other.close()


def left_running(home: Home, owner: str) -> int:
    """A row as a process leaves it that has no time to say goodbye."""
    laid = lay(home)
    with home.core.catalogue.write() as connection:
        return rows.add(
            connection, laid, instance="srv", database="one", actor="bob", owner=owner, now=home.clock.now()
        )
