"""One run, start to finish: plan each database, ask the engine, remember what it said.

The runner joins engine and catalogue; neither knows the other. A broken database fails its item, never the others.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import structlog
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from pwsops.catalogue import (
    Catalogue,
    Connection,
    outcomes,
    profiles,
    refused_logins,
    restores,
    runs,
    sets,
    sightings,
)
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.base import BackupRequest, BackupResult, Encryption, Engine, Progress
from pwsops.errors import BaseUnusable, Cancelled, InvalidInput, LoginRefused, PwsopsError
from pwsops.rules.chain import choose_base
from pwsops.rules.model import BackupKind, BackupSet, Message, ProfileState, RunStatus, Trigger
from pwsops.rules.naming import media_file_name
from pwsops.rules.replacing import replaceable
from pwsops.runs import adopting
from pwsops.runs.attempts import Attempts, may_have_finished, next_look
from pwsops.runs.certificates import Escrow
from pwsops.runs.liveness import Presence
from pwsops.runs.orphans import Leftovers, OpenEngine, run_description
from pwsops.runs.owed_access import OwedAccess

ATTEMPTS = 3
RETRY_FIRST_WAIT_S = 1.0
PROGRESS_EVERY_S = 0.5

_log = structlog.get_logger()

_T = TypeVar("_T")


@dataclass
class _Job:
    """What one run needs while it goes on."""

    run_id: int
    profile: ProfileRow
    kind: BackupKind
    engine: Engine | None
    cancel: threading.Event
    deadline: float
    asked: set[str] = field(default_factory=set)
    """The databases of which a backup was begun, as far as anybody knows."""


class Runner:
    """Executes runs that have a row already.

    Parameters
    ----------
    catalogue, clock
        Where runs are remembered, and the time.
    presence
        This process's sign of life; runs are owned in its name.
    open_engine
        Gives the engine of a profile's instance, as the profile's login; raises `PwsopsError`.
    escrow
        The certificates that backups are encrypted for.
    owed_access
        What restores still owe; settled with all else that nobody carries on.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        presence: Presence,
        open_engine: OpenEngine,
        escrow: Escrow,
        owed_access: OwedAccess,
    ) -> None:
        self._owed_access = owed_access
        self._catalogue = catalogue
        self._escrow = escrow
        self._clock = clock
        self._presence = presence
        self._open_engine = open_engine
        self._cancels: dict[int, threading.Event] = {}
        self._leftovers = Leftovers(
            catalogue,
            clock=clock,
            presence=presence,
            open_engine=open_engine,
            goes_on=self._cancels.__contains__,
        )

    def execute(self, run_id: int, cancel: threading.Event | None = None, *, may_wait: bool = False) -> RunStatus:
        """Do one queued run and give how it ended. Never raises for what a database or a server did.

        It is RUNNING still where another thread of this process is at it, and where the end of a database could not
        be written down: that is left to `settle`. `cancel` stops it, from before its beginning on.

        A run that cannot be started ends as failed, with the cause. With `may_wait` a cause that may pass by itself
        (a catalogue that is locked) is raised instead, and the run stays queued.
        """
        cancel = cancel or threading.Event()
        if self._cancels.setdefault(run_id, cancel) is not cancel:
            return RunStatus.RUNNING
        try:
            try:
                job, items = self._start(run_id, cancel)
            except Exception as error:
                if may_wait and isinstance(error, PwsopsError) and error.transient:
                    raise
                return self._could_not_start(run_id, error)
            if job is None:
                return RunStatus.CANCELLED
            written = [self._is_done_and_written(job, item_id, database) for item_id, database in items]
            if not all(written):
                return RunStatus.RUNNING
            return self._write(lambda connection: outcomes.run_finished(connection, run_id, now=self._clock.now()))
        finally:
            self._cancels.pop(run_id, None)

    def cancel(self, run_id: int) -> bool:
        """Stop a run of this process; False when it is not one."""
        cancel = self._cancels.get(run_id)
        if cancel is None:
            return False
        cancel.set()
        return True

    def cancel_requested(self) -> None:
        """Stop those of our runs that another process asked to stop."""
        if not self._cancels:
            return
        with self._catalogue.read() as connection:
            for run in runs.open_runs(connection):
                if run["cancel_requested"]:
                    self.cancel(run["id"])

    def put_back(self) -> bool:
        """Put the queued runs of dead processes back; gives whether there is something for `settle`. Quick."""
        left = self._leftovers.put_back()
        return left or bool(self._owed_access.due())

    def settle(self, stop: threading.Event | None = None) -> None:
        """End the runs that nobody carries on, and give back what restores owe. May take long."""
        self._owed_access.give_back(stop)
        self._leftovers.settle(stop)

    def reconcile(self) -> None:
        """Put back and settle, at once, all that nobody carries on."""
        if self.put_back():
            self.settle()

    def _write(self, work: Callable[[Connection], _T]) -> _T:
        """Do a short piece of work in one transaction, and again where the catalogue could not be read or written.

        Rows that make no sense make none a second later, either.
        """

        def once() -> _T:
            with self._catalogue.write() as connection:
                return work(connection)

        retrying = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, PwsopsError) and not isinstance(error, InvalidInput)
            ),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=RETRY_FIRST_WAIT_S),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(once)

    def _sleep(self, seconds: float) -> None:
        self._clock.wait(threading.Event(), seconds)

    def _could_not_start(self, run_id: int, error: Exception) -> RunStatus:
        if isinstance(error, PwsopsError):
            cause = error
        else:
            _log.error("a run could not be started", run_id=run_id, exc_info=error)
            cause = _unexpected("The run could not be started", error)
        return self._write(lambda connection: outcomes.run_unstarted(connection, run_id, cause, now=self._clock.now()))

    def _start(self, run_id: int, cancel: threading.Event) -> tuple[_Job | None, list[tuple[int, str]]]:
        return self._write(lambda connection: self._start_on(connection, run_id, cancel))

    def _start_on(
        self, connection: Connection, run_id: int, cancel: threading.Event
    ) -> tuple[_Job | None, list[tuple[int, str]]]:
        now = self._clock.now()
        run = runs.get(connection, run_id)
        if run is None or run["status"] != RunStatus.QUEUED.value:
            return None, []
        profile = profiles.get(connection, run["profile_id"])
        if profile.deleted_at is None:
            profile.require_usable()
        reason = _no_longer_wanted(profile, Trigger(run["trigger"])) or (
            runs.CANCELLED_EARLY if run["cancel_requested"] or cancel.is_set() else ""
        )
        if reason:
            runs.change(connection, run_id, status=RunStatus.CANCELLED.value, finished_at=now, summary=reason)
            return None, []
        databases = profile.fields["databases"]
        ids = runs.start(connection, run_id, owner=self._presence.token, databases=databases, now=now)
        limit_s = float(profile.fields["time_limit_h"]) * 3600
        job = _Job(
            run_id=run_id,
            profile=profile,
            kind=BackupKind(run["kind"]),
            engine=None,
            cancel=cancel,
            deadline=self._clock.monotonic() + limit_s,
        )
        return job, list(zip(ids, databases, strict=True))

    def _is_done_and_written(self, job: _Job, item_id: int, database: str) -> bool:
        """Do one database; False where what became of it could not be written down."""
        try:
            self._do_item(job, item_id, database)
        except Exception:  # noqa: BLE001 - the other databases still get their turn
            _log.exception("the end of a backup could not be written down", run_id=job.run_id, database=database)
            return False
        return True

    def _do_item(self, job: _Job, item_id: int, database: str) -> None:
        told: list[Message] = []
        try:
            self._write(lambda connection: runs.start_item(connection, item_id, now=self._clock.now()))
            if job.cancel.is_set():
                raise Cancelled("The run was cancelled before this database's turn.", hint="Start it again any time.")
            if database in job.profile.unwritable:
                raise _no_text(database)
            if job.engine is None:
                job.engine = self._engine(job)
                self._escrow.save(job.profile, job.engine, now=self._clock.now(), tell=self._teller(told))
            began = self._clock.monotonic()
            result, reason = self._back_up(job, job.engine, database, told)
            took = {sets.TOOK_S: self._clock.monotonic() - began}
            result = replace(result, noted={**result.noted, **took})
        except PwsopsError as error:
            if isinstance(error, LoginRefused) and job.engine is not None:
                # From now on it is refused from the record, without another try: for this run's other databases too.
                self._write(partial(refused_logins.note, profile=job.profile, error=error, now=self._clock.now()))
                job.engine = None
            unknown = database in job.asked and may_have_finished(error)
            self._failed(item_id, error, told, end_unknown=unknown)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other databases still get their turn
            _log.exception("backup failed unexpectedly", run_id=job.run_id, database=database)
            self._failed(item_id, _unexpected(f"The backup of {database} failed", error), told)
        else:
            self._succeeded(job, item_id, result, reason=reason, told=[*told, *result.messages])

    def _engine(self, job: _Job) -> Engine:
        """Open the engine of the place where the run began; raises where the instance is at another one by now."""
        engine = self._open_engine(job.profile)
        with self._catalogue.read() as connection:
            if not runs.is_at_its_place(connection, job.run_id):
                raise PwsopsError(
                    f"{job.profile.fields['instance']} was given another address since the run began, so that its "
                    "databases are others now.",
                    hint="Start the run again.",
                )
        return engine

    def _teller(self, told: list[Message]) -> Callable[[str], None]:
        return lambda text: told.append(Message(text=text, at=self._clock.now()))

    def _succeeded(
        self, job: _Job, item_id: int, result: BackupResult, *, reason: str, told: Sequence[Message]
    ) -> None:
        self._write(
            lambda connection: outcomes.item_succeeded(
                connection,
                job.profile,
                job.run_id,
                item_id,
                result.kept,
                reason=reason,
                told=told,
                replaced=result.replaced,
                now=self._clock.now(),
            )
        )

    def _failed(self, item_id: int, error: PwsopsError, told: Sequence[Message], *, end_unknown: bool = False) -> None:
        now = self._clock.now()
        look = next_look(0, now) if end_unknown else None
        self._write(
            lambda connection: outcomes.item_failed(connection, item_id, error, told=told, now=now, look_again_at=look)
        )

    def _back_up(self, job: _Job, engine: Engine, database: str, told: list[Message]) -> tuple[BackupResult, str]:
        """Take the planned kind, or a full with the reason where an incremental is not possible."""
        base, reason = self._attempts(job, told).do(
            lambda: self._base(job, engine, database), finished=lambda _error: None
        )
        encryption = self._escrow.encryption(job.profile, engine, now=self._clock.now(), tell=self._teller(told))
        if base is not None:
            try:
                return self._with_retries(job, engine, self._request(job, database, base, encryption), told), ""
            except BaseUnusable as error:
                reason = error.message
        return self._with_retries(job, engine, self._request(job, database, None, encryption), told), reason

    def _base(self, job: _Job, engine: Engine, database: str) -> tuple[BackupSet | None, str]:
        if job.kind is BackupKind.FULL:
            return None, ""
        server_base = engine.differential_base(database) if engine.capabilities.shared_base else None
        instance = job.profile.fields["instance"]
        with self._catalogue.read() as connection:
            own = sets.of_database(connection, instance, database, profile_id=job.profile.id)
            all_sets = sets.of_database(connection, instance, database)
            lost = sightings.lost(connection, instance, database)
        known = {one.set_id for one in all_sets}
        foreign = engine.capabilities.external_history and server_base is not None and server_base not in known
        choice = choose_base(
            own=own,
            all_sets=all_sets,
            shared_base=engine.capabilities.shared_base,
            server_base=server_base,
            outside=list(engine.history(database=database)) if foreign else (),
            now=self._clock.now(),
            lost=lost,
        )
        return choice.base, choice.reason

    def _request(
        self, job: _Job, database: str, base: BackupSet | None, encryption: Encryption | None
    ) -> BackupRequest:
        kind = BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL
        dated = bool(job.profile.fields["timestamp"])
        name = media_file_name(database, kind, at=self._clock.now() if dated else None, suffix=secrets.token_hex(4))
        return BackupRequest(
            database=database,
            kind=kind,
            directory=job.profile.fields["directory"],
            file_name=name,
            description=run_description(job.run_id, self._presence.token),
            overwrite=not dated,
            before=self._before(job, database),
            base=base,
            encryption=encryption,
            check_structure=bool(job.profile.fields["check_structure"]),
        )

    def _before(self, job: _Job, database: str) -> BackupSet | None:
        with self._catalogue.read() as connection:
            return sets.newest(connection, job.profile.fields["instance"], database, profile_id=job.profile.id)

    def _lost(self, job: _Job, database: str) -> frozenset[str]:
        with self._catalogue.read() as connection:
            return sightings.lost(connection, job.profile.fields["instance"], database)

    def _replaceable(self, job: _Job, database: str) -> list[BackupSet]:
        instance = job.profile.fields["instance"]
        with self._catalogue.read() as connection:
            return replaceable(
                sets.of_database(connection, instance, database, profile_id=job.profile.id),
                resting=sets.of_database(connection, instance, database),
                of_database=sets.orders_of_database(connection, instance, database),
                restored=restores.into(connection, instance, database),
                now=self._clock.now(),
            )

    def _with_retries(self, job: _Job, engine: Engine, request: BackupRequest, told: list[Message]) -> BackupResult:
        return self._attempts(job, told).do(
            lambda: self._attempt(job, engine, request),
            finished=lambda error: self._finished(job, engine, request, error),
        )

    def _attempts(self, job: _Job, told: list[Message]) -> Attempts:
        return Attempts(
            clock=self._clock,
            cancel=job.cancel,
            deadline=job.deadline,
            tell=self._teller(told),
            waiting=lambda text: self._progressed(job.run_id, text),
        )

    def _finished(self, job: _Job, engine: Engine, request: BackupRequest, error: PwsopsError) -> BackupResult | None:
        """Return what a failed attempt has finished after all: the set that carries this run's name, and is whole.

        A further attempt would meet that very file. None also where it cannot be looked for now.
        """
        if not may_have_finished(error):
            return None
        where = {"database": request.database, "directory": request.directory, "description": request.description}
        try:
            found = engine.find_backup(**where)
        except PwsopsError:
            return None
        if found is None:
            return None
        adopting.prove(engine, job.profile, found, self._report(job.run_id), job.cancel)
        text = f"It was found finished and whole, though its end was not heard: {error}"
        return BackupResult(backup_set=found, messages=[*error.messages, Message(text=text, at=self._clock.now())])

    def _attempt(self, job: _Job, engine: Engine, request: BackupRequest) -> BackupResult:
        left_s = job.deadline - self._clock.monotonic()
        if left_s <= 0:
            raise PwsopsError(
                f"The backup of {request.database} was given up: the run reached its time limit of "
                f"{job.profile.fields['time_limit_h']:g} h.",
                hint="Raise the profile's time limit, or split its databases over several profiles.",
            )
        job.asked.add(request.database)
        # As of this attempt: somebody may have restored something since the one before.
        request = replace(request, time_limit_s=left_s, **self._former(job, request))
        return engine.backup(request, self._report(job.run_id), job.cancel)

    def _former(self, job: _Job, request: BackupRequest) -> dict[str, Any]:
        """Return which older sets a backup may take the place of, and of which nothing can be restored."""
        if not request.overwrite:
            return {}
        database = request.database
        return {"replaceable": self._replaceable(job, database), "lost": self._lost(job, database)}

    def _report(self, run_id: int) -> Callable[[Progress], None]:
        told_at = float("-inf")

        def tell(progress: Progress) -> None:
            nonlocal told_at
            moment = self._clock.monotonic()
            if moment - told_at < PROGRESS_EVERY_S:
                return
            told_at = moment
            self._progressed(run_id, progress.phase, progress.done_bytes, progress.total_bytes)

        return tell

    def _progressed(self, run_id: int, phase: str, done_bytes: int = 0, total_bytes: int = 0) -> None:
        # A backup does not fail because nobody could be told how far it is.
        with suppress(PwsopsError), self._catalogue.write() as connection:
            runs.change(connection, run_id, progress_phase=phase, progress_done=done_bytes, progress_total=total_bytes)


def _no_longer_wanted(profile: ProfileRow, trigger: Trigger) -> str:
    if profile.deleted_at is not None:
        return "the profile was deleted before the run began"
    if trigger is not Trigger.MANUAL and profile.state is not ProfileState.ACTIVE:
        return "the profile was switched off before the run began"
    return ""


def _no_text(database: str) -> PwsopsError:
    return InvalidInput(
        f"{database} was not backed up: its name is no text (UTF-8), so it can be neither written down nor asked for.",
        hint="Rename its file, and choose it in the profile under the new name.",
    )


def _unexpected(what: str, error: Exception) -> PwsopsError:
    return PwsopsError(
        f"{what} in a way that was not foreseen: {type(error).__name__}: {error}",
        hint="The log in the home's logs directory has the details; please report it.",
    )
