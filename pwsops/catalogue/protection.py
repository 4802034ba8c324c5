"""The facts of every database, out of the catalogue alone: what `rules.verdict` judges by. No server is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from pwsops.catalogue import access, damage, looks, profiles, runs, sets
from pwsops.catalogue.access import ChangedAccess
from pwsops.catalogue.candidates import with_unreadable
from pwsops.catalogue.keys import Keys, Opens
from pwsops.catalogue.looks import SeenDatabase
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.runs import RunRow
from pwsops.catalogue.schema import backup_sets
from pwsops.catalogue.schema import profiles as profile_table
from pwsops.catalogue.schema import runs as run_table
from pwsops.catalogue.sightings import Known, Place
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupSet, Recurrence, RunStatus
from pwsops.rules.protection import Condition, Facts, ProfileFacts
from pwsops.rules.recurrence import next_due

_CONDITIONS = {
    "gone": Condition.GONE,
    "offline": Condition.OFFLINE,
    "restoring": Condition.OFFLINE,
    "unreadable": Condition.UNREADABLE,
    "unknown": Condition.UNSEEN,
    "empty": Condition.REFUSES,
    "secondary": Condition.REFUSES,
}
"""What the engines' words for the state of a database mean for a backup of it; all others do not hinder one."""


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One database: the facts for its verdict, the backups they are about, and how its instance last told of it."""

    facts: Facts
    sets: Mapping[str, BackupSet]
    seen: SeenDatabase | None


def covered(
    connection: Connection,
    *,
    now: datetime,
    service_running: bool,
    opens: Opens,
    instance: str | None = None,
) -> list[Covered]:
    """Return every database that a profile names or an instance has told of, by instance and name.

    Parameters
    ----------
    service_running
        Whether the schedules are in force now.
    opens
        What tells of the keys in the store; see there.
    instance
        Only this one's; None: all.
    """
    rows = [row for row in profiles.living(connection) if instance in (None, row.fields["instance"])]
    known = {(seen.instance, seen.database): seen for seen in looks.databases(connection, instance)}
    users: dict[Place, list[ProfileRow]] = {}
    for row in rows:
        for database in row.fields["databases"]:
            users.setdefault((row.fields["instance"], database), []).append(row)
    places = sorted({*known, *users}, key=lambda place: (place[0], place[1].lower(), place[1]))
    shared = _Shared(connection, places, rows, now=now, service_running=service_running, opens=opens)
    return [shared.covered(place, users.get(place, []), known.get(place)) for place in places]


class _Shared:
    """What is read once for all databases."""

    def __init__(
        self,
        connection: Connection,
        places: Iterable[Place],
        rows: Iterable[ProfileRow],
        *,
        now: datetime,
        service_running: bool,
        opens: Opens,
    ) -> None:
        self._service_running = service_running
        self._owed = access.owed_here(connection)
        self._damaged = damage.known(connection)
        self._looks = looks.every(connection)
        self._last = runs.last_ended(connection)
        self._items = runs.items(connection, [row["id"] for row in self._last.values()])
        self._usual_s = _usual_s(connection)
        self._recurrences = {row.id: _recurrence(row, now) for row in rows}
        self._keys = Keys(connection, opens)
        self._sets = {
            instance: with_unreadable(connection, instance, [database for _, database in some])
            for instance, some in groupby(places, key=itemgetter(0))
        }

    def covered(self, place: Place, users: Iterable[ProfileRow], seen: SeenDatabase | None) -> Covered:
        instance, database = place
        known, unreadable = self._sets[instance].get(database, ((), ()))
        known = [with_key(self._keys, instance, backup) for backup in [*known, *(seen.outside if seen else ())]]
        facts = Facts(
            instance=instance,
            database=database,
            profiles=tuple(self._profile(row, database) for row in users),
            sets=(*(backup.facts for backup in known), *unreadable),
            service_running=self._service_running,
        )
        facts = self._with_answer(facts, seen)
        return Covered(facts=facts, sets={backup.backup_set.set_id: backup.backup_set for backup in known}, seen=seen)

    def _with_answer(self, facts: Facts, seen: SeenDatabase | None) -> Facts:
        if seen is not None:
            condition = _CONDITIONS.get(seen.state, Condition.FINE)
            facts = replace(facts, condition=condition, condition_reason=seen.reason, condition_since=seen.state_since)
        look = self._looks.get(facts.instance)
        if look is not None:
            facts = replace(
                facts,
                answered_at=look.answered_at,
                unreached_since=look.unreached_since,
                unreached_why=look.error,
            )
        damaged = self._damaged.get((facts.instance, facts.database))
        if damaged is not None:
            facts = replace(facts, damaged_since=damaged.found_at, damaged_why=damaged.found)
        owed = self._owed.get((facts.instance, facts.database))
        return facts if owed is None else replace(facts, access_owed_since=owed.at, access_owed_why=_owed(owed))

    def _profile(self, row: ProfileRow, database: str) -> ProfileFacts:
        recurrence, broken = self._recurrences[row.id]
        facts = ProfileFacts(
            name=row.name,
            state=row.state,
            amended_at=row.amended_at,
            recurrence=recurrence,
            broken=broken,
            next_due_at=row.next_due_at,
            tripped_at=row.tripped_at,
            usual_s=self._usual_s.get(row.id, 0.0),
        )
        run = self._last.get(row.id)
        return facts if run is None else replace(facts, **self._last_of(run, database))

    def _last_of(self, run: RunRow, database: str) -> dict[str, Any]:
        """Return how a run ended for one database: a run fails where any of its databases does."""
        item = next((each for each in self._items[run["id"]] if each["database"] == database), None)
        if item is None and self._items[run["id"]]:
            return {}  # it was added after that run, which says nothing of it
        if item is None:
            return {"last_status": RunStatus(run["status"]), "last_at": run["due_at"], "last_error": run["summary"]}
        status = RunStatus(item["status"])
        return {"last_status": status, "last_at": item["finished_at"] or run["due_at"], "last_error": item["error"]}


def with_key(keys: Keys, instance: str, known: Known) -> Known:
    """Return a backup with what is known of the private keys that a restore of it needs."""
    needed = known.backup_set.thumbprints
    if missing := keys.missing(instance, needed):
        return known._replace(facts=replace(known.facts, missing_key=missing))
    there = keys.on_server(instance, needed)
    if there is None:
        return known
    facts = replace(known.facts, key_on_server=there.thumbprint, key_seen_at=there.seen_at)
    return known._replace(facts=facts)


def _owed(change: ChangedAccess) -> str:
    failed = f" Trying to change it back failed: {change.last_error}" if change.last_error else ""
    return f"it is {change.changed_to} and was {change.former_mode} (restore {change.restore_id}).{failed}"


def _recurrence(row: ProfileRow, now: datetime) -> tuple[Recurrence | None, str]:
    """Return a profile's schedule; None with the reason where it means nothing on this machine."""
    try:
        recurrence = row.recurrence()
        next_due(recurrence, now)
    except (PwsopsError, ValueError, LookupError, TypeError, AttributeError) as error:
        return None, str(error.args[0]) if error.args else type(error).__name__
    return recurrence, ""


def _usual_s(connection: Connection) -> dict[int, float]:
    """Return how long the last run of each profile that succeeded took, in seconds.

    It is counted by the sets that it took. A difference of times of day would be longer by whatever a clock was set.
    """
    last = (
        select(func.max(run_table.c.id))
        .join(profile_table, profile_table.c.id == run_table.c.profile_id)
        .where(run_table.c.status == RunStatus.SUCCEEDED.value, profile_table.c.deleted_at.is_(None))
        .group_by(run_table.c.profile_id)
    )
    found: dict[int, float] = {}
    for row in sets.sound(connection, select(backup_sets).where(backup_sets.c.run_id.in_(last))):
        found[row["profile_id"]] = found.get(row["profile_id"], 0.0) + _took_s(row)
    return found


def _took_s(row: RowMapping) -> float:
    took = row["details"].get(sets.TOOK_S)
    if isinstance(took, int | float):
        return max(0.0, float(took))
    began = row["started_at"] or row["finished_at"]  # of a set that was found late: by the clock of who took it
    return max(0.0, float((row["finished_at"] - began).total_seconds()))
