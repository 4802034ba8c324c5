"""What becomes of runs that nobody carries on: those of processes that died, and those whose end could not be written.

A queued run is put back: nothing of it was done. Of a running one the engine is asked what it finished.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import structlog

from pwsops.catalogue import Catalogue, RunRow, outcomes, profiles, refused_logins, runs, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.errors import Cancelled, DatabaseDamaged, LoginRefused, PwsopsError
from pwsops.rules.model import BackupSet, RunStatus
from pwsops.rules.run_mark import run_description
from pwsops.runs import adopting
from pwsops.runs.attempts import next_look
from pwsops.runs.liveness import Liveness

_log = structlog.get_logger()

OpenEngine = Callable[[ProfileRow], Engine]


class OrphanedRuns:
    """Finds and settles runs that nobody carries on.

    Parameters
    ----------
    catalogue, clock, liveness
        Where runs are remembered, the time, and who is alive.
    open_engine
        Gives the engine of a profile's instance; raises `PwsopsError`.
    goes_on
        Says whether a run is one that this process carries out just now.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        liveness: Liveness,
        open_engine: OpenEngine,
        goes_on: Callable[[int], bool],
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._liveness = liveness
        self._open_engine = open_engine
        self._goes_on = goes_on

    def put_back(self) -> bool:
        """Put queued ones back into the queue; asks no server. Gives whether anything is left to `reconcile`."""
        with self._catalogue.read() as connection:
            to_look_at = bool(runs.to_look_at_again(connection, self._clock.now()))
        left = self._left()
        waiting = [run for run in left if run["status"] == RunStatus.QUEUED.value]
        if waiting:
            with self._catalogue.write() as connection:
                for run in waiting:
                    runs.put_back(connection, run["id"], owner=run["owner"])
        return to_look_at or len(waiting) < len(left)

    def reconcile(self, stop: threading.Event | None = None) -> None:
        """End the running ones: what the engine finished is finished here, the rest failed.

        A server that does not answer takes its time, for each database. `stop` ends the work before the next one.
        """
        for run in self._left():
            if run["status"] == RunStatus.RUNNING.value and not _is_set(stop):
                try:
                    self._reconcile(run, stop)
                except Exception:  # noqa: BLE001 - one run that cannot be settled must not keep the others open
                    _log.exception("an interrupted run could not be settled", run_id=run["id"])
        self._look_again(stop)

    def _look_again(self, stop: threading.Event | None) -> None:
        """Look for the backups whose end was not known, each time after a longer while."""
        with self._catalogue.read() as connection:
            items = runs.to_look_at_again(connection, self._clock.now())
        for item in items:
            if _is_set(stop):
                return
            try:
                self._look_again_at(item, stop)
            except Exception:  # noqa: BLE001 - one that cannot be looked at must not keep the others from it
                _log.exception("a backup could not be looked for again", run_id=item["run_id"])

    def _look_again_at(self, item: RunRow, stop: threading.Event | None) -> None:
        with self._catalogue.read() as connection:
            run = runs.get(connection, item["run_id"])
            profile = None if run is None else profiles.get(connection, run["profile_id"])
        if run is None or profile is None:
            return
        profile = self._as_it_was(profile, run)
        found = damaged = None
        try:
            found = self._find_whole(profile, run, item, stop)
        except DatabaseDamaged as error:
            damaged = error
        except PwsopsError:
            pass  # it is looked again, or it is not whole
        now = self._clock.now()
        with self._catalogue.write() as connection:
            if item["id"] not in {each["id"] for each in runs.to_look_at_again(connection, now)}:
                return  # another process was quicker
            if damaged is not None:
                outcomes.item_found_damaged(connection, item["id"], damaged, now=now)
                return
            if found is not None and not sets.is_overtaken(
                connection, found, instance=profile.fields["instance"], run_id=run["id"]
            ):
                profile = self._as_it_was(profiles.get(connection, profile.id), run)
                outcomes.item_found(connection, profile, run, item, found, now=now)
                return
            looks = item["looks"] + 1
            runs.change_item(connection, item["id"], looks=looks, look_again_at=next_look(looks, now))

    def _find_whole(
        self, profile: ProfileRow, run: RunRow, item: RunRow, stop: threading.Event | None
    ) -> BackupSet | None:
        """Return the finished set of an item, proven; raises where it is not whole, or of a damaged database."""
        self._require_place(run)
        engine = self._open_engine(profile)
        found = self._find(engine, profile, run, item)
        if found is not None:
            adopting.prove(self._catalogue, engine, profile, found, None, stop)
        return found

    def _find(self, engine: Engine, profile: ProfileRow, run: RunRow, item: RunRow) -> BackupSet | None:
        try:
            return engine.find_backup(
                database=item["database"],
                directory=profile.fields["directory"],
                description=run_description(run["id"], run["owner"]),
            )
        except LoginRefused as error:
            with self._catalogue.write() as connection:
                refused_logins.note(connection, profile, error, now=self._clock.now())
            raise

    def _as_it_was(self, profile: ProfileRow, run: RunRow) -> ProfileRow:
        """Return the profile with the instance and the directory that a run began with: what it took is theirs."""
        if run["instance"] is None or run["directory"] is None:
            return profile
        place = {"instance": run["instance"], "directory": run["directory"]}
        if place["instance"] != profile.fields["instance"]:
            place["login"] = ""  # that of the profile is for another server
        return replace(profile, fields={**profile.fields, **place})

    def _require_place(self, run: RunRow) -> None:
        """Raise where a run's instance is at another place by now: what lies there is not what it backed up."""
        with self._catalogue.read() as connection:
            if not runs.is_at_its_place(connection, run["id"]):
                raise PwsopsError(
                    f"the instance {run['instance']} was removed or given another address since the run began.",
                    hint="Its backup, if there is one, is read from its own file.",
                )

    def _left(self) -> list[RunRow]:
        with self._catalogue.read() as connection:
            return [run for run in runs.open_runs(connection) if self._is_left(run)]

    def _is_left(self, run: RunRow) -> bool:
        if run["owner"] is None:
            return False
        goes_on = run["status"] == RunStatus.QUEUED.value or self._goes_on(run["id"])
        return self._liveness.is_orphaned(run["owner"], goes_on=goes_on)

    def _reconcile(self, run: RunRow, stop: threading.Event | None) -> None:
        with self._catalogue.read() as connection:
            profile = self._as_it_was(profiles.get(connection, run["profile_id"]), run)
            items = runs.items(connection, [run["id"]])[run["id"]]
        for item in items:
            if _is_set(stop):
                return
            if not RunStatus(item["status"]).ended:
                self._reconcile_item(profile, run, item, stop)
        if _is_set(stop):
            return
        with self._catalogue.write() as connection:
            outcomes.run_finished(connection, run["id"], now=self._clock.now())

    def _reconcile_item(self, profile: ProfileRow, run: RunRow, item: RunRow, stop: threading.Event | None) -> None:
        # That it is not there now proves little: a disk that is not mounted may leave its empty directory behind.
        error, looks_again = _interrupted(), True
        try:
            found = self._find_whole(profile, run, item, stop)
        except Cancelled:
            return
        except DatabaseDamaged as cause:
            found, error, looks_again = None, cause, False
        except PwsopsError as cause:
            found, error = None, _unknown_end(item["database"], cause)
        now = self._clock.now()
        with self._catalogue.write() as connection:
            if runs.item_ended(connection, item["id"]):
                return  # another process settled it in the meantime
            if found is None:
                look = next_look(0, now) if looks_again else None
                outcomes.item_failed(connection, item["id"], error, messages=[], now=now, look_again_at=look)
                return
            reason = "pwsops was interrupted; the backup was found finished and whole"
            outcomes.item_succeeded(
                connection, profile, run["id"], item["id"], found, reason=reason, messages=[], now=now
            )


def _is_set(stop: threading.Event | None) -> bool:
    return stop is not None and stop.is_set()


def _interrupted() -> PwsopsError:
    return PwsopsError(
        "The backup did not finish: pwsops was interrupted (killed, or the machine went down).",
        hint="Start it again, or wait for the next run; nothing half-written is ever offered.",
    )


def _unknown_end(database: str, cause: PwsopsError) -> PwsopsError:
    return PwsopsError(
        f"pwsops was interrupted during the backup of {database}, and whether it was finished, and is whole, could not "
        f"be told: {cause.message}",
        hint=cause.hint,
    )
