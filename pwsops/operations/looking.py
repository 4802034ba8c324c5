"""Look at what a verdict rests on: ask instances for their databases and for the files of the backups that matter.

What is found is kept in the catalogue, where every face reads it. Nothing is judged here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pwsops.catalogue import Connection, instances, looks, planning, profiles, sets, sightings
from pwsops.catalogue.candidates import OLDER, candidates
from pwsops.catalogue.looks import SeenDatabase
from pwsops.catalogue.sightings import Known
from pwsops.engines.certificates import KeepsCertificates
from pwsops.engines.protocol import Engine
from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.errors import LoginRefused, PwsopsError
from pwsops.rules.model import LOST, BackupKind, BackupSet, MediaState, Sighting
from pwsops.rules.run_mark import run_of
from pwsops.rules.verdict import is_sound
from pwsops.runs.found_media import look_for
from pwsops.runs.parallel import ask_all
from pwsops.runs.server_certificates import refresh

if TYPE_CHECKING:
    from pwsops.operations.core import Core

LOOK_BACK = timedelta(days=62)
"""How far the memory of a server is read: two months have the newest full of whatever is backed up at all."""
LOOK_LIMIT_S = 60.0
OUTSIDE = 3
"""So many backups of other tools are kept in mind for each database, and the fulls that they rest on."""

_log = structlog.get_logger()


class Looker:
    """Looks at instances, one look at a time at each. Safe from several threads."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    def all(self, stop: threading.Event) -> None:
        """Look at every instance at once; who does not answer holds up nobody, and is not asked again meanwhile."""
        if stop.is_set():
            return
        with self._core.catalogue.read() as connection:
            names = [row.name for row in instances.every(connection)]
        with self._lock:
            free = [name for name in names if name not in self._busy]
            self._busy.update(free)
        asks: dict[str, Callable[[], None]] = {name: partial(self._busily, name) for name in free}
        ask_all(asks, limit_s=LOOK_LIMIT_S, clock=self._core.clock, on_answer=self._answered)

    def _busily(self, instance: str) -> None:
        try:
            look(self._core, instance)
        finally:
            with self._lock:
                self._busy.discard(instance)

    def _answered(self, instance: str, answer: PwsopsError | None) -> None:
        if answer is not None:
            unreached(self._core, instance, answer)


def unreached(core: Core, instance: str, error: PwsopsError) -> None:
    """Note that an instance did not answer; what it said before stays known."""
    with core.catalogue.write() as connection:
        if instances.find(connection, instance) is not None:
            looks.unanswered(connection, instance, error.message, error.hint, now=core.clock.now())


def look(core: Core, instance: str) -> None:
    """Ask an instance for its databases and the files of their newest backups, and keep what it says.

    Raises `NotFound` for an instance that is not known, and whatever kept it from answering; that is kept as well.
    """
    core.instance_row(instance)
    try:
        engine = core.engine(instance)
        with core.asking(instance):
            found = {info.name: info for info in engine.databases()}
            outside, beware = _outside(core, engine, instance)
            _look_for_certificates(core, engine, instance)
            with core.catalogue.read() as connection:
                named = _named(connection, instance)
            found |= {name: _not_listed(engine, name, found) for name in named - found.keys()}
    except PwsopsError as error:
        unreached(core, instance, error)
        raise
    _look_for_files(core, engine, instance, list(found))
    now = core.clock.now()
    seen = [_seen(instance, info, outside.get(name, ()), beware, now) for name, info in found.items()]
    with core.catalogue.write() as connection:
        if instances.find(connection, instance) is None:
            return  # removed in the meantime
        looks.answered(connection, instance, seen, now=now)
        planning.replan_without_base(connection, instance, foreign=_foreign(seen), now=now)


def _look_for_certificates(core: Core, engine: Engine, instance: str) -> None:
    """Look whether a server still has the certificates that its backups need.

    Where it does not tell, they are known as of when they were seen last: that alone hides no backup.
    """
    if not isinstance(engine, KeepsCertificates):
        return
    with core.catalogue.read() as connection:
        needed = sets.any_encrypted(connection, instance)
    if needed:
        try:
            refresh(core.catalogue, instance, engine, now=core.clock.now())
        except LoginRefused:
            raise
        except PwsopsError as error:
            _log.warning("certificates could not be looked up", instance=instance, reason=error.message)


def _look_for_files(core: Core, engine: Engine, instance: str, databases: Iterable[str]) -> None:
    """Look for the newest chain of each database, and further back while none is found that can be relied on.

    All that one look finds bears one instant: what was seen in it was seen with what it found gone.
    """
    now = core.clock.now()
    looked: set[str] = set()
    wanting = list(databases)
    number = 0
    while wanting:
        with core.catalogue.read() as connection:
            known = candidates(connection, instance, wanting, older=OLDER * 4**number)
        if not known:
            return
        asked = {
            name: [backup for backup in of_database if backup.facts.set_id not in looked]
            for name, of_database in (known if number else _newest_chains(known)).items()
        }
        sets = _longest_unseen_first(backup for of_database in asked.values() for backup in of_database)
        seen = look_for(engine, sets)
        looked.update(backup_set.set_id for backup_set in sets)
        with core.catalogue.write() as connection:
            sightings.record(connection, instance, seen, now=now)
            known = candidates(connection, instance, list(known), older=OLDER * 4**number)
        wanting = [
            name
            for name, of_database in known.items()
            if not _has_sound(of_database, looked, now) and (number == 0 or _goes_on(asked[name], seen))
        ]
        number += 1


def _longest_unseen_first(known: Iterable[Known]) -> list[BackupSet]:
    """Return the sets in the order to look at them: an engine may not have the time for all, and comes to each then."""
    never = datetime.min.replace(tzinfo=UTC)
    return [backup.backup_set for backup in sorted(known, key=lambda backup: backup.facts.seen_at or never)]


def _has_sound(known: Sequence[Known], looked: Set[str], now: datetime) -> bool:
    """Whether one of these backups can be relied on, its age and its key aside; an earlier look proves nothing now."""
    facts = [backup.facts for backup in known]
    return any({each.set_id, each.base_id or each.set_id} <= looked and is_sound(each, facts, now) for each in facts)


def _goes_on(asked: Sequence[Known], seen: Mapping[str, Sighting]) -> bool:
    """Whether to look further back: something was found lost. Where nobody can look, more of it is no use."""
    return any(backup.facts.set_id in seen and seen[backup.facts.set_id].state in LOST for backup in asked)


def _newest_chains(known: Mapping[str, Sequence[Known]]) -> dict[str, list[Known]]:
    return {name: _newest_chain(of_database) for name, of_database in known.items()}


def _newest_chain(known: Sequence[Known]) -> list[Known]:
    newest = max(known, key=lambda backup: backup.facts.order, default=None)
    if newest is None:
        return []
    return [newest, *(backup for backup in known if backup.facts.set_id == newest.facts.base_id)]


def _outside(core: Core, engine: Engine, instance: str) -> tuple[dict[str, list[Known]], Sequence[str]]:
    """Return the newest backups that the server remembers and the catalogue does not, by database; and a warning.

    The warning belongs to each database, and says that the server's memory could not be read.
    """
    if not engine.capabilities.external_history:
        return {}, ()
    now = core.clock.now()
    try:
        sets = [each for each in engine.history(now - LOOK_BACK) if not each.details.get("is_snapshot")]
    except LoginRefused:
        raise
    except PwsopsError as error:
        # The databases themselves are known; that the server's memory could not be read hides none of our backups.
        beware = f"What other tools backed up could not be looked up. {error.message} {error.hint}"
        return _as_before(core, instance), (beware,)
    with core.catalogue.read() as connection:
        ours = sightings.known_ids(connection, instance, [backup_set.set_id for backup_set in sets])
        foreign = [backup_set for backup_set in sets if backup_set.set_id not in ours]
        failed = sightings.failed_runs(connection, _run_ids(foreign))
    newest: dict[str, list[BackupSet]] = {}
    for backup_set in sorted(foreign, key=lambda backup_set: backup_set.finished_at, reverse=True):
        newest.setdefault(backup_set.database, []).append(backup_set)
    kept = {name: _worth_keeping(of_database) for name, of_database in newest.items()}
    before = {backup.facts.set_id: backup for known in _as_before(core, instance).values() for backup in known}

    def known(backup_set: BackupSet, sighting: Sighting | None) -> Known:
        if sighting is None and backup_set.set_id in before:
            return before[backup_set.set_id]
        sighting = sighting or Sighting(state=MediaState.UNKNOWN, reason="there was no time yet to open its file")
        return sightings.of_outside(
            backup_set, sighting, of_failed_item=not failed.isdisjoint(_run_of(backup_set)), now=now
        )

    seen = look_for(
        engine, _longest_unseen_first(known(backup_set, None) for few in kept.values() for backup_set in few)
    )
    return {name: [known(each, seen.get(each.set_id)) for each in few] for name, few in kept.items()}, ()


def _worth_keeping(newest_first: Sequence[BackupSet]) -> list[BackupSet]:
    """Return the newest few, and the fulls behind them that they, or the log backups since, rest on."""
    few, older = newest_first[:OUTSIDE], newest_first[OUTSIDE:]
    needed = {backup_set.base_id for backup_set in few}
    full = next((backup_set.set_id for backup_set in newest_first if backup_set.kind is BackupKind.FULL), None)
    return [*few, *(backup_set for backup_set in older if backup_set.set_id in {full, *needed})]


def _as_before(core: Core, instance: str) -> dict[str, list[Known]]:
    with core.catalogue.read() as connection:
        return {database.database: list(database.outside) for database in looks.databases(connection, instance)}


def _run_of(backup_set: BackupSet) -> set[tuple[int, str]]:
    """Return the run of ours that a set names, with its database; empty: another tool took it."""
    run_id = run_of(backup_set.description)
    return set() if run_id is None else {(run_id, backup_set.database)}


def _run_ids(sets: Iterable[BackupSet]) -> list[int]:
    return [run_id for backup_set in sets for run_id, _ in _run_of(backup_set)]


def _named(connection: Connection, instance: str) -> set[str]:
    rows = [row for row in profiles.living(connection) if row.fields["instance"] == instance]
    return {name for row in rows for name in row.fields["databases"]}


def _seen(
    instance: str, info: DatabaseInfo, outside: Sequence[Known], beware: Sequence[str], now: datetime
) -> SeenDatabase:
    logs_until = info.details.get("log_backed_up_until")
    return SeenDatabase(
        instance=instance,
        database=info.name,
        size_bytes=info.size_bytes,
        state=info.state.value,
        reason=info.reason,
        state_since=now,
        warnings=(*info.warnings, *beware),
        foreign_base=bool(info.details.get("foreign_base")),
        logs_until=None if logs_until is None else datetime.fromisoformat(logs_until),
        outside=tuple(outside),
    )


def _foreign(seen: Iterable[SeenDatabase]) -> set[str]:
    return {database.database for database in seen if database.foreign_base}


def _not_listed(engine: Engine, name: str, listed: Mapping[str, DatabaseInfo]) -> DatabaseInfo:
    """Return what can be told of a database that a profile names and the instance did not list."""
    try:
        spelled = engine.spelled(name)
        doubt = "" if spelled is not None else engine.doubts_absence()
    except LoginRefused:
        raise
    except PwsopsError as error:
        return DatabaseInfo(
            name=name, size_bytes=0, state=DatabaseState.UNKNOWN, reason=f"{error.message} {error.hint}".strip()
        )
    if doubt:
        return DatabaseInfo(name=name, size_bytes=0, state=DatabaseState.UNKNOWN, reason=doubt)
    if spelled is None:
        why = "a profile names it, and the instance has it no more"
        return DatabaseInfo(name=name, size_bytes=0, state=DatabaseState.GONE, reason=why)
    if spelled in listed:
        return replace(listed[spelled], name=name)
    why = "it is there, and is none that can be backed up"
    return DatabaseInfo(name=name, size_bytes=0, state=DatabaseState.UNREADABLE, reason=why)
