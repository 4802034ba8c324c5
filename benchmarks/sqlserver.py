"""SQL Server: what a backup costs beyond the bare driver, and how long it takes to ask forty servers how they are.

The servers are stand-ins in processes of their own (`benchmarks.standins`); the drivers are the real ones. Connections
are open before anything is measured.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pyodbc

from benchmarks.hindrance import Hindrance
from benchmarks.standins import PASSWORD
from pwsops.engines.protocol import Engine
from pwsops.engines.records import Instance
from pwsops.engines.registry import open_engine
from pwsops.engines.requests import BackupRequest
from pwsops.engines.sqlserver import connect, drivers, tsql
from pwsops.errors import PwsopsError
from pwsops.operations import Operations, open_operations
from pwsops.rules.model import BackupKind
from tests.standin import drivers as known
from tests.standin.demo import LOGIN

MESSAGES = 10_000
ALLOWED_S = 0.05
LIMIT = 1.1
SERVERS, DATABASES = 40, 5
LIMIT_S = 2.0
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
# With one result for all messages, drivers and driver manager take a time that grows with the square of their number.
SLOW_ROUNDS = 3
DIRECTORY = "D:\\Backup"

_numbers = count(1)


def run() -> list[dict[str, Any]]:
    """Measure both drivers with both shapes of a message stream, then the polling; one row each."""
    backups = [_backup(driver, shape) for shape in ("done_more", "plain") for driver in known.IDS]
    return [*backups, *_polls()]


@contextmanager
def _standins(*options: object) -> Iterator[Sequence[str]]:
    """Serve stand-ins; gives their addresses."""
    command = [sys.executable, "-m", "benchmarks.standins", *map(str, options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def _options(driver: str) -> dict[str, Any]:
    return {"driver": known.find(driver).id, "trust_server_certificate": True}


def _instance(address: str, driver: str) -> Instance:
    return Instance(
        name="srv", engine="sqlserver", address=address, login=LOGIN, password=PASSWORD, options=_options(driver)
    )


def _backup(driver: str, shape: str) -> dict[str, Any]:
    with _standins("--messages", MESSAGES, "--message-shape", shape) as [address]:
        instance = _instance(address, driver)
        engine = open_engine(instance)
        bare = connect.connect(instance, connect.connection_string(instance, drivers.find(instance.options["driver"])))
        engine.databases()
        pairs = [(_ours(engine), _bare(bare)) for _ in range(ROUNDS if shape == "done_more" else SLOW_ROUNDS)]
        bare.close()
    ours_s, bare_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "name": f"backup with {MESSAGES:,} messages ({shape.replace('_', ' ')}), {driver}, against the bare driver",
        "ours": ours_s,
        "other": bare_s,
        "ratio": statistics.median((ours - ALLOWED_S) / other for ours, other in pairs),
        "limit": LIMIT,
        "note": f"ratio after {ALLOWED_S * 1000:.0f} ms that are allowed; ours checks, lists and verifies too",
    }


def _ours(engine: Engine) -> float:
    request = BackupRequest(
        database="db0",
        kind=BackupKind.FULL,
        directory=DIRECTORY,
        file_name=f"ours{next(_numbers)}.bak",
        description="pwsops run 1",
    )
    begin = time.perf_counter()
    engine.backup(request)
    return time.perf_counter() - begin


def _bare(connection: pyodbc.Connection) -> float:
    statement = tsql.backup("db0", [f"{DIRECTORY}\\bare{next(_numbers)}.bak"], description="bare")
    begin = time.perf_counter()
    cursor = connection.cursor()
    cursor.execute(statement)
    heard = list(cursor.messages)
    while cursor.nextset():
        heard.extend(cursor.messages)
    took = time.perf_counter() - begin
    assert len(heard) == MESSAGES
    return took


def _polls() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        processes = os.cpu_count() or 1
        share = -(-(SERVERS + 2) // processes)
        served = [
            stack.enter_context(_standins("--servers", share, "--databases", DATABASES)) for _ in range(processes)
        ]
        addresses = [address for some in served for address in some]
        slow, dead = (stack.enter_context(Hindrance(address)) for address in addresses[SERVERS : SERVERS + 2])
        ops = open_operations(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(ops.close)
        healthy = {f"sql{number:02}": address for number, address in enumerate(addresses[:SERVERS])}
        for name, address in (healthy | {"slow": slow.address, "dead": dead.address}).items():
            ops.instances.add(
                name,
                engine="sqlserver",
                address=address,
                login=LOGIN,
                password=PASSWORD,
                options=_options("msodbc") | {"login_timeout_s": 2},
            )
        yield _poll(ops, list(healthy))
        slow.delay_s, dead.is_dead = 5.0, True
        yield _poll_beside(ops, list(healthy))


def _poll(ops: Operations, names: Sequence[str]) -> dict[str, Any]:
    first_s, *others_s = [_seconds(ops, names) for _ in range(ROUNDS + 1)]
    return {
        "name": f"state of {DATABASES} databases on each of {SERVERS} servers, all polled at once",
        "ours": statistics.median(others_s),
        "limit": LIMIT_S,
        "note": f"the first time {first_s:.2g} s",
    }


def _seconds(ops: Operations, names: Sequence[str]) -> float:
    begin = time.perf_counter()
    found = ops.databases.poll(names)
    took = time.perf_counter() - begin
    for databases in found.values():
        assert not isinstance(databases, PwsopsError), databases
        assert len(databases) == DATABASES + 3  # the server's own, without tempdb
    return took


def _poll_beside(ops: Operations, healthy: Sequence[str]) -> dict[str, Any]:
    found = ops.databases.poll([*healthy, "slow", "dead"], limit_s=LIMIT_S)
    assert isinstance(found["slow"], PwsopsError)
    assert isinstance(found["dead"], PwsopsError)
    return {
        "name": f"of these servers, how many are held up by a slow and a dead one beside them ({LIMIT_S:g} s)",
        "ours": float(sum(isinstance(found[name], PwsopsError) for name in healthy)),
        "unit": "servers",
        "limit": 0.0,
    }
