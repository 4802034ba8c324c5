"""What is installed, reachable and writable, and what to do about what is not."""

from __future__ import annotations

import importlib
import platform
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog

from pwsops import private
from pwsops.catalogue import (
    access,
    profiles,
    refused_logins,
    sealed,
    service_state,
    settings,
    soundness,
)
from pwsops.catalogue.protection import covered
from pwsops.catalogue.sealed import Sealed
from pwsops.catalogue.store import move_away
from pwsops.errors import SEE_LOG, PwsopsError
from pwsops.operations import second_factor_keys, server_checks
from pwsops.operations.audit_verification import audit_checks
from pwsops.operations.confinement_check import confinement_check
from pwsops.operations.core import Core
from pwsops.operations.records import Check
from pwsops.operations.roles import findings as role_findings
from pwsops.operations.second_factor_keys import SealedFactor
from pwsops.profile import BackupSettings
from pwsops.rules import formatting, verdict_words
from pwsops.rules.protection import Cause, Protection, Verdict
from pwsops.rules.sqlite_versions import has_wal_reset_bug
from pwsops.rules.verdict import awaits_first, judge
from pwsops.runs.scheduler import holders_of, is_running

LOW_DISK_BYTES = 1 << 30
_log = structlog.get_logger()
MOST_LISTED = 20
"""So many databases are told of one by one."""


def examine(core: Core) -> list[Check]:
    """Look at everything; one finding each."""
    looks: list[Callable[[Core], Iterator[Check]]] = [
        _catalogue,
        _sealed,
        _settings,
        _profiles,
        _audit,
        _roles,
        _service,
        _owed_access,
        _refused_logins,
        server_checks.instances,
        server_checks.directories,
        _databases,
    ]
    return [
        *_program(),
        *_home(core.home, core.mended),
        *(check for look in looks for check in _looked(core, look)),
        *_odbc(),
    ]


def examine_closed(home: Path, error: PwsopsError) -> list[Check]:
    """Look at what can be looked at where the home cannot be opened, and say why it cannot."""
    cannot = Check(name="Catalogue", ok=False, finding=error.message, next_step=error.hint)
    return [*_program(), *_home(home), cannot, *_odbc()]


def _looked(core: Core, look: Callable[[Core], Iterator[Check]]) -> Iterator[Check]:
    """Take one look; where it is not possible, that is its finding, and the others are taken all the same."""
    try:
        yield from look(core)
    except PwsopsError as error:
        name = look.__name__.strip("_").capitalize()
        yield Check(name=name, ok=False, finding=error.message, next_step=error.hint)
    except Exception as error:  # noqa: BLE001 - whatever one look comes upon, the others are taken
        _log.exception("doctor could not take a look", look=look.__name__)
        yield Check(
            name=look.__name__.strip("_").capitalize(),
            ok=False,
            finding=f"not foreseen: {type(error).__name__}: {error}",
            next_step=SEE_LOG,
        )


def _roles(core: Core) -> Iterator[Check]:
    return role_findings(core)


def _program() -> Iterator[Check]:
    python = platform.python_version()
    yield Check(
        name="Python",
        ok=sys.version_info >= (3, 11),
        finding=python,
        next_step="" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.",
    )
    version = sqlite3.sqlite_version
    care = "; it has the WAL-reset bug, so the log is moved only while nobody may write"
    finding = f"the catalogue is kept with {version}{care if has_wal_reset_bug(version) else ''}"
    yield Check(name="SQLite", ok=True, finding=finding)
    yield confinement_check()


def _home(home: Path, mended: Sequence[str] = ()) -> Iterator[Check]:
    probe = home / ".writable"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        yield Check(
            name="Home",
            ok=False,
            finding=f"{home} cannot be written: {error.strerror}",
            next_step="Give this user the right to write there, or choose another home with --home.",
        )
        return
    free = shutil.disk_usage(home).free
    enough = free >= LOW_DISK_BYTES
    yield Check(
        name="Home",
        ok=enough,
        finding=f"{home}, {formatting.size(free)} free",
        next_step="" if enough else "Make room: the history is written there.",
    )
    open_to_others = list(private.findings(home))
    yield Check(
        name="Privacy",
        ok=not open_to_others,
        finding="; ".join(f"{finding.path} {finding.why}" for finding in open_to_others[:MOST_LISTED])
        or " ".join(mended[:MOST_LISTED])
        or "the home is its owner's",
        next_step="; ".join(finding.next_step for finding in open_to_others[:MOST_LISTED]),
    )


def _catalogue(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        damage = soundness.file_damage(connection)
        amiss = [] if damage else list(soundness.bad_rows(connection))
    if damage:
        yield Check(name="Catalogue", ok=False, finding=f"damaged: {damage}", next_step=move_away(core.catalogue.path))
        return
    yield Check(
        name="Catalogue",
        ok=not amiss,
        finding="whole" if not amiss else f"{len(amiss)} rows that cannot be read: " + "; ".join(map(_row, amiss)),
        next_step="" if not amiss else "Edit, or remove and add again, what they are about; the rest goes on without.",
    )


def _row(amiss: soundness.Amiss) -> str:
    return f"{amiss.table} {amiss.row} ({amiss.reason})"


def _sealed(core: Core) -> Iterator[Check]:
    """Check whether the home's key is the right one, and name what it does not open, or not for what is there now."""
    fault = core.vault.fault()
    yield Check(
        name="Key",
        ok=fault is None,
        finding="the right one, or not needed yet" if fault is None else fault.message,
        next_step="" if fault is None else fault.hint,
    )
    with core.catalogue.read() as connection:
        kept: list[Sealed | SealedFactor] = [*sealed.every(connection)]
    try:
        kept += second_factor_keys.every(core.home, core.clock)
    except PwsopsError as error:
        yield Check(name="People", ok=False, finding=error.message, next_step=error.hint)
    closed = [secret for secret in kept if not core.vault.opens(secret.text, secret.bound)]
    if not closed:
        return
    names = formatting.listed([secret.what for secret in closed], 5)
    try:
        core.vault.open(closed[0].text, closed[0].bound)
    except PwsopsError as error:
        yield Check(
            name="Sealed with the key", ok=False, finding=f"{error.message} This is {names}.", next_step=error.hint
        )


def _settings(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        stored = settings.load(connection)
    in_force = BackupSettings.of(stored).as_dict()
    for key, value in stored.items():
        if in_force.get(key) != value:
            yield Check(
                name=f"Setting {key}",
                ok=False,
                finding=f"is stored as {value!r}, which it cannot be; its default is in force",
                next_step=f"pwsops settings set {key} VALUE",
            )


def _profiles(core: Core) -> Iterator[Check]:
    """Name the profiles that no run can be made of."""
    with core.catalogue.read() as connection:
        broken = [row for row in profiles.living(connection) if row.broken]
    for row in broken:
        yield Check(name=f"Profile {row.name}", ok=False, finding=row.broken, next_step=profiles.BROKEN_HINT)


def _audit(core: Core) -> Iterator[Check]:
    yield from audit_checks(core)


def _service(core: Core) -> Iterator[Check]:
    running = is_running(core.home)
    with core.catalogue.read() as connection:
        row = service_state.load(connection)
    strangers = [holder for holder in holders_of(core.home) if holder.pid != row.pid] if running else []
    if strangers:
        who = ", ".join(f"process {stranger.pid} of {private.user_name(stranger.uid)}" for stranger in strangers)
        yield Check(
            name="Lock of the scheduling",
            ok=False,
            finding=f"held by {who}, which is not the backup service: nobody else can schedule",
            next_step="End that process, or find out what it is for.",
        )
    yield Check(
        name="Backup service",
        ok=running,
        finding=f"running in process {row.pid}" if running else "not running: nothing is backed up by schedule",
        next_step="" if running else "Start `pwsops serve` or `pwsops service run`, and have the system keep it up.",
        required=False,
    )


def _owed_access(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        owed = access.open_changes(connection)
    for change in owed:
        why = f"; the last try said: {change.last_error}" if change.last_error else ""
        yield Check(
            name=f"Access to {change.instance}/{change.database}",
            ok=False,
            finding=f"{change.changed_to} since restore {change.restore_id} at {change.at:%Y-%m-%d %H:%M} UTC, was "
            f"{change.former_mode}{why}",
            next_step=f"The backup service, while it runs, gives it back, next at {change.next_try_at:%H:%M:%S} UTC; "
            f"or set {change.database} to {change.former_mode} on its server.",
        )


def _refused_logins(core: Core) -> Iterator[Check]:
    with core.catalogue.read() as connection:
        refused = refused_logins.every(connection)
    for login in refused:
        yield Check(
            name=f"Login {login.login or 'of the service user'} on {login.instance}",
            ok=False,
            finding=f"refused since {login.since:%Y-%m-%d %H:%M} UTC and not tried any more: {login.message}",
            next_step=f"{login.hint} `pwsops instance try-again {login.instance}` lets it be used again.",
        )


def _databases(core: Core) -> Iterator[Check]:
    """Look at the backups of all databases that profiles name, and tell of each that is not protected."""
    core.looker.all(threading.Event())
    now = core.clock.now()
    with core.catalogue.read() as connection:
        running = is_running(core.home) and service_state.load(connection).requested
        found = covered(connection, now=now, service_running=running, opens=core.vault.opens)
        facts = [each.facts for each in found]
    verdicts = sorted(
        (judge(each, now) for each in facts if each.profiles), key=lambda verdict: verdict.protection.rank
    )
    new = {(each.instance, each.database) for each in facts if awaits_first(each, now)}
    unsafe = [verdict for verdict in verdicts if verdict.protection is not Protection.PROTECTED]
    checks = [_unsafe(verdict, is_new=(verdict.instance, verdict.database) in new) for verdict in unsafe]
    yield from checks[:MOST_LISTED]
    if len(unsafe) > MOST_LISTED:
        names = formatting.listed([f"{verdict.instance}/{verdict.database}" for verdict in unsafe[MOST_LISTED:]], 5)
        yield Check(
            name="Other databases",
            ok=False,
            finding=f"{len(unsafe) - MOST_LISTED} more are not protected: {names}",
            next_step="`pwsops databases INSTANCE` tells of each.",
            required=any(check.required for check in checks[MOST_LISTED:]),
            unknown=all(check.unknown for check in checks[MOST_LISTED:]),
        )
    if verdicts and not unsafe:
        yield Check(name="Databases", ok=True, finding=f"{len(verdicts)} in profiles, all protected")
    yield from map(_noted, [verdict for verdict in verdicts if verdict.notes or verdict.beside][:MOST_LISTED])


def _noted(verdict: Verdict) -> Check:
    by = "an older backup" if verdict.notes else f"the profile {verdict.profile}"
    return Check(
        name=f"Database {verdict.database} on {verdict.instance}",
        ok=False,
        finding=f"protected by {by}. {verdict_words.explanation(verdict, verdict_words.utc)}",
        next_step=verdict_words.step(verdict),
        required=False,
    )


def _unsafe(verdict: Verdict, *, is_new: bool) -> Check:
    unknown = verdict.protection is Protection.NOT_CHECKED and not (verdict.unreadable or verdict.urgent)
    return Check(
        name=f"Database {verdict.database} on {verdict.instance}",
        ok=False,
        finding=f"{verdict.protection.value}: {verdict_words.reasons(verdict, verdict_words.utc)}",
        next_step=verdict_words.step(verdict),
        # The first backup of a new profile is to come: that is no fault of this machine.
        required=not (unknown or (is_new and verdict.findings[0].cause is Cause.NEVER_BACKED_UP)),
        unknown=unknown,
    )


def _odbc() -> Iterator[Check]:
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
