"""What is installed, reachable and writable, and what to do about what is not."""

from __future__ import annotations

import importlib
import platform
import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from pwsops.catalogue import audit, instances, profiles, service_state
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.protection import covered
from pwsops.engines.base import DirectoryCheck, DirectoryStatus, Probe
from pwsops.errors import PwsopsError
from pwsops.operations.access import Core
from pwsops.operations.fan_out import ask_all
from pwsops.operations.records import Check
from pwsops.rules import sizes, verdict_words
from pwsops.rules.protection import Cause, Protection, Verdict
from pwsops.rules.verdict import judge
from pwsops.secrets import KEY_FILE
from pwsops.service import is_running

LOW_DISK_BYTES = 1 << 30
PROBE_LIMIT_S = 30.0
MOST_TOLD = 20
"""So many databases are told of one by one."""


def examine(core: Core) -> list[Check]:
    """Look at everything; one finding each."""
    looks: list[Callable[[Core], Iterator[Check]]] = [
        _program,
        _home,
        _audit,
        _service,
        _instances,
        _directories,
        _databases,
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
        finding=f"{core.home}, {sizes.told(free)} free",
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
        yield from _reached(name, probe)


def _reached(name: str, probe: Probe) -> Iterator[Check]:
    """Say what an instance is and which rights its login has; each that is missing is a finding of its own."""
    facts = [f"{key.lower()} {value}" for key, value in probe.facts.items() if value not in probe.version]
    held = f"rights held: {', '.join(probe.held_rights)}" if probe.held_rights else ""
    known = filter(None, (probe.version, f"{probe.path_flavour} paths", *facts, held))
    yield Check(name=f"Instance {name}", ok=True, finding="; ".join(known))
    for right in probe.missing_rights:
        yield Check(
            name=f"Right on {name}",
            ok=False,
            finding=f"missing: {right}",
            next_step=right.grant or "Ask the server's administrator for it.",
            required=right.required,
        )


def _probe(core: Core, name: str) -> Probe:
    return core.engine(name).probe()


def _directories(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        rows = profiles.living(connection)
    # Whoever writes there is asked: a profile's own login may see what the instance's does not.
    askers = {(row.fields["instance"], row.fields["directory"], row.fields["login"]): row for row in rows}
    asks = {_asked(*place): partial(_look, core, askers[place]) for place in sorted(askers)}
    answers = ask_all(asks, limit_s=PROBE_LIMIT_S, clock=core.clock)
    for (_, directory, _), found in zip(sorted(askers), answers.values(), strict=True):
        yield _directory(directory, found)


def _asked(instance: str, directory: str, login: str) -> str:
    return f"{instance} (about {directory}{f', as {login}' if login else ''})"


def _look(core: Core, profile: ProfileRow) -> DirectoryCheck:
    return core.engine_of(profile).check_directory(profile.fields["directory"])


def _directory(directory: str, found: DirectoryCheck | PwsopsError) -> Check:
    if isinstance(found, PwsopsError):
        return Check(name=f"Directory {directory}", ok=False, finding=found.message, next_step=found.hint)
    free = "" if found.free_bytes is None else f"{sizes.told(found.free_bytes)} free"
    ok = found.status is not DirectoryStatus.MISSING
    return Check(
        name=f"Directory {directory}",
        ok=ok,
        finding=found.reason or free or found.status.value,
        next_step="" if ok else "Make it (or mount its disk), or change the profiles that write there.",
    )


def _databases(core: Core) -> Iterator[Check]:
    """Look at the backups of all databases that profiles name, and tell of each that is not protected."""
    core.looker.all(threading.Event())
    now = core.clock.now()
    with core.catalogue.read() as connection:
        running = is_running(core.home) and service_state.load(connection).wanted
        facts = [one.facts for one in covered(connection, now=now, service_running=running)]
    verdicts = sorted((judge(one, now) for one in facts if one.profiles), key=lambda one: one.protection.rank)
    unsafe = [one for one in verdicts if one.protection is not Protection.PROTECTED]
    yield from map(_unsafe, unsafe[:MOST_TOLD])
    if len(unsafe) > MOST_TOLD:
        names = verdict_words.listed([f"{one.instance}/{one.database}" for one in unsafe[MOST_TOLD:]], 5)
        yield Check(
            name="Other databases",
            ok=False,
            finding=f"{len(unsafe) - MOST_TOLD} more are not protected: {names}",
            next_step="`pwsops databases INSTANCE` tells of each.",
            required=False,
        )
    if verdicts and not unsafe:
        yield Check(name="Databases", ok=True, finding=f"{len(verdicts)} in profiles, all protected")


def _unsafe(verdict: Verdict) -> Check:
    return Check(
        name=f"Database {verdict.database} on {verdict.instance}",
        ok=False,
        finding=f"{verdict.protection.value}: {verdict_words.reasons(verdict, verdict_words.utc)}",
        next_step=verdict_words.step(verdict),
        # The first backup of a new profile is to come: that is no fault of this machine.
        required=verdict.urgent and verdict.findings[0].cause is not Cause.NEVER_BACKED_UP,
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
