"""What is installed, reachable and writable, and what to do about what is not."""

from __future__ import annotations

import importlib
import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import humanize

from pwsops.catalogue import audit, instances, profiles, service_state
from pwsops.engines.base import DirectoryStatus, Probe
from pwsops.errors import PwsopsError
from pwsops.operations.access import Core
from pwsops.operations.fan_out import ask_all
from pwsops.operations.records import Check
from pwsops.secrets import KEY_FILE
from pwsops.service import is_running

LOW_DISK_BYTES = 1 << 30
PROBE_LIMIT_S = 30.0


def examine(core: Core) -> list[Check]:
    """Look at everything; one finding each."""
    looks: list[Callable[[Core], Iterator[Check]]] = [
        _program,
        _home,
        _audit,
        _service,
        _instances,
        _directories,
        _odbc,
    ]
    return [check for look in looks for check in look(core)]


def _program(core: Core) -> Iterator[Check]:
    del core
    python = platform.python_version()
    yield Check(
        name="Python",
        ok=sys.version_info >= (3, 11),
        finding=f"{python}, SQLite {sqlite3.sqlite_version}",
        next_step="" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.",
    )


def _home(core: Core) -> Iterator[Check]:
    probe = core.home / ".writable"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        yield Check(
            name="Home",
            ok=False,
            finding=f"{core.home} cannot be written: {error.strerror}",
            next_step="Give this user the right to write there, or choose another home with --home.",
        )
        return
    free = shutil.disk_usage(core.home).free
    enough = free >= LOW_DISK_BYTES
    yield Check(
        name="Home",
        ok=enough,
        finding=f"{core.home}, {humanize.naturalsize(free, binary=True)} free",
        next_step="" if enough else "Make room: the history is written there.",
    )
    key = core.home / KEY_FILE
    with suppress(FileNotFoundError):
        private = not key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        yield Check(
            name="Key",
            ok=private,
            finding=f"{key} is private" if private else f"{key} can be read by others",
            next_step="" if private else f"chmod 600 {key}",
        )


def _audit(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        broken = audit.first_broken(connection)
    yield Check(
        name="Audit log",
        ok=broken is None,
        finding="whole" if broken is None else f"changed from outside, from entry {broken} on",
        next_step="" if broken is None else "Find out who had access to the catalogue's file.",
    )


def _service(core: Core) -> Iterator[Check]:
    running = is_running(core.home)
    with core.catalogue.read() as connection:
        row = service_state.load(connection)
    yield Check(
        name="Backup service",
        ok=running,
        finding=f"running in process {row.pid}" if running else "not running: nothing is backed up by schedule",
        next_step="" if running else "Start `pwsops serve` or `pwsops service run`, and have the system keep it up.",
        required=False,
    )


def _instances(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        names = [row.name for row in instances.every(connection)]
    asks = {name: partial(_probe, core, name) for name in names}
    for name, probe in ask_all(asks, limit_s=PROBE_LIMIT_S, clock=core.clock).items():
        if isinstance(probe, PwsopsError):
            yield Check(name=f"Instance {name}", ok=False, finding=probe.message, next_step=probe.hint)
            continue
        missing = "; ".join(map(str, probe.missing_rights))
        yield Check(
            name=f"Instance {name}",
            ok=not missing,
            finding=probe.version + (f"; rights missing: {missing}" if missing else ""),
            next_step=" ".join(filter(None, (right.grant for right in probe.missing_rights))),
        )


def _probe(core: Core, name: str) -> Probe:
    return core.engine(name).probe()


def _directories(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        places = {(row.fields["instance"], row.fields["directory"]) for row in profiles.living(connection)}
    for instance, directory in sorted(places):
        try:
            found = core.engine(instance).check_directory(directory)
        except PwsopsError as error:
            yield Check(name=f"Directory {directory}", ok=False, finding=error.message, next_step=error.hint)
            continue
        free = "" if found.free_bytes is None else f"{humanize.naturalsize(found.free_bytes, binary=True)} free"
        ok = found.status is not DirectoryStatus.MISSING
        yield Check(
            name=f"Directory {directory}",
            ok=ok,
            finding=found.reason or free or found.status.value,
            next_step="" if ok else "Make it (or mount its disk), or change the profiles that write there.",
        )


def _odbc(core: Core) -> Iterator[Check]:
    del core
    try:
        pyodbc = importlib.import_module("pyodbc")
    except ImportError as error:
        yield Check(
            name="ODBC",
            ok=False,
            finding=f"not usable: {error}",
            next_step="Needed for SQL Server only: apt-get install unixodbc (Debian), or your system's ODBC manager.",
            required=False,
        )
        return
    drivers = ", ".join(pyodbc.drivers())
    yield Check(
        name="ODBC",
        ok=True,
        finding=f"drivers: {drivers}" if drivers else "the manager is there; no driver is registered",
        required=False,
    )
