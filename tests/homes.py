"""A home over a `FakeServer`, for the tests of everything above the engines."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pwsops.catalogue import sets, store
from pwsops.engines import registry
from pwsops.operations import open_operations
from pwsops.operations.core import Core
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupSet, RunStatus
from tests.clocks import ManualClock
from tests.fake_engine import FakeServer

HOUR = timedelta(hours=1)


class Home:
    """One open home with the instance `srv`, and shorthands for what tests do over and over."""

    def __init__(self, path: Path, clock: ManualClock, server: FakeServer) -> None:
        self.path = path
        self.clock = clock
        self.server = server
        self.ops = open_operations(path, actor="ann", clock=clock)

    @property
    def core(self) -> Core:
        return self.ops._core

    def profile(self, **values: Any) -> BackupProfile:
        """An hourly profile from midnight of 1 March on, over database `one`."""
        defaults: dict[str, Any] = {
            "name": "p",
            "instance": "srv",
            "databases": ["one"],
            "directory": "/media",
            "every": 1,
            "unit": "h",
            "start": datetime(2026, 3, 1),
            "timezone": "UTC",
            "renew_full": "never",
        }
        return BackupProfile(**(defaults | values))

    def add(self, **values: Any) -> int:
        return self.ops.profiles.create(self.profile(**values)).id

    def run(self, name: str = "p", **values: Any) -> RunStatus:
        """A run by hand, a second later, so that it has an instant of its own."""
        self.clock.advance(timedelta(seconds=1))
        return self.ops.runs.run_here(name, **values).status

    def record(self, taken: BackupSet, instance: str = "srv") -> BackupSet:
        """Let the catalogue know a set that no run of the test took."""
        with self.core.catalogue.write() as connection:
            sets.add(connection, taken, instance=instance, profile_id=None, run_id=None, now=self.clock.now())
        return taken

    def close(self) -> None:
        self.ops.close()


@cache
def _prepared_files() -> Mapping[str, bytes]:
    """The files of a home with the instance `srv` in it: making one for each test takes longer than the test."""
    clock = ManualClock()
    with tempfile.TemporaryDirectory() as directory:
        ops = open_operations(Path(directory), actor="ann", clock=clock)
        ops.instances.add("srv", engine="fake", address="nowhere")
        ops.close()
        return {path.name: path.read_bytes() for path in Path(directory).iterdir() if path.is_file()}


def without_syncing(connection: sqlite3.Connection, record: Any) -> None:
    """Prepare a connection as the catalogue does, but that nobody waits for the disk."""
    _prepare(connection, record)
    connection.execute("PRAGMA synchronous = OFF")


def create_engine(*given: Any, **options: Any) -> Engine:
    """Make an engine that knows the statements that another home has compiled: compiling takes half of a test."""
    engine = _create(*given, **options)
    first = _engines.setdefault("first", engine)
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
    return engine


_prepare = store._prepare
_create = store.create_engine
_engines: dict[str, Engine] = {}


@contextmanager
def opened_home(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    clock = ManualClock()
    server = FakeServer(clock)
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "fake": server.open})
    # No test of these pulls the plug, and waiting for the disk takes most of their time.
    monkeypatch.setattr(store, "_prepare", without_syncing)
    monkeypatch.setattr(store, "create_engine", create_engine)
    monkeypatch.setattr("pwsops.heads.file.os.fdatasync", lambda _descriptor: None)
    path.mkdir()
    for name, content in _prepared_files().items():
        (path / name).touch(mode=0o600)
        (path / name).write_bytes(content)
    home = Home(path, clock, server)
    try:
        yield home
    finally:
        home.close()
