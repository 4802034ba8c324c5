"""One run, start to finish: plan each database, ask the engine, remember what it said.

The runner joins engine and catalogue; neither knows the other. A broken database fails its item, never the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import structlog
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from pwsops.catalogue import (
    Catalogue,
    Connection,
    outcomes,
    profiles,
    refused_logins,
    runs,
    sets,
)
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.engines.requests import BackupRequest, BackupResult, Progress
from pwsops.errors import BaseUnusable, Cancelled, InvalidInput, LoginRefused, PwsopsError, unforeseen
from pwsops.rules.model import BackupKind, BackupSet, Message, ProfileState, RunStatus, Trigger
from pwsops.rules.run_mark import run_description
from pwsops.runs import adopting
from pwsops.runs.after_run import AfterRun
from pwsops.runs.attempts import may_have_finished, next_look
from pwsops.runs.backup_requests import BackupRequests, no_text
from pwsops.runs.certificates import RunCertificates
from pwsops.runs.liveness import Liveness
from pwsops.runs.orphans import OpenEngine, OrphanedRuns
from pwsops.runs.owed import Owed
from pwsops.runs.work import Work

ATTEMPTS = 3
RETRY_FIRST_WAIT_S = 1.0

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
    liveness
        This process's sign of life; runs are owned in its name.
    open_engine
        Gives the engine of a profile's instance, as the profile's login; raises `PwsopsError`.
    certificates
        The certificates that backups are encrypted for.
    owed
        What restores and drills still owe; settled with all else that nobody carries on.
    after_run
        Does what follows a run that succeeded.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        liveness: Liveness,
        open_engine: OpenEngine,
        certificates: RunCertificates,
        owed: Owed,
        after_run: AfterRun,
    ) -> None:
        self._owed = owed
        self._catalogue = catalogue
        self._certificates = certificates
        self._clock = clock
        self._liveness = liveness
        self._open_engine = open_engine
        self._requests = BackupRequests(catalogue, clock)
        self._after_run = after_run
        self._cancels: dict[int, threading.Event] = {}
        self._orphans = OrphanedRuns(
            catalogue,
            clock=clock,
            liveness=liveness,
            open_engine=open_engine,
            goes_on=self._cancels.__contains__,
        )

    def execute(self, run_id: int, cancel: threading.Event | None = None, *, may_wait: bool = False) -> RunStatus:
        """Do one queued run and give how it ended. Never raises for what a database or a server did.

        It is RUNNING still where another thread of this process is at it, and where the end of a database could not
        be written down: that is left to `reconcile`. `cancel` stops it, from before its beginning on.

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
            status = self._write(lambda connection: outcomes.run_finished(connection, run_id, now=self._clock.now()))
            if status is RunStatus.SUCCEEDED:
                self._after_run.succeeded(job.profile.id, job.engine, items, cancel)
            return status
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
        """Put the queued runs of dead processes back; gives whether there is something for `reconcile`. Quick."""
        left = self._orphans.put_back()
        return left or self._owed.is_due()

    def reconcile(self, stop: threading.Event | None = None) -> None:
        """End the runs that nobody carries on, give back what restores owe, drop what drills left. May take long."""
        self._owed.settle(stop)
        self._orphans.reconcile(stop)

    def reconcile_now(self) -> None:
        """Put back and settle, at once, all that nobody carries on."""
        if self.put_back():
            self.reconcile()

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
            cause = unforeseen("The run could not be started", error)
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
        reason = _why_dropped(profile, Trigger(run["trigger"])) or (
            runs.CANCELLED_EARLY if run["cancel_requested"] or cancel.is_set() else ""
        )
        if reason:
            runs.change(connection, run_id, status=RunStatus.CANCELLED.value, finished_at=now, summary=reason)
            return None, []
        databases = profile.fields["databases"]
        ids = runs.start(connection, run_id, owner=self._liveness.token, databases=databases, now=now)
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
        work = Work(
            clock=self._clock,
            cancel=job.cancel,
            write=partial(self._progressed, job.run_id),
            deadline=job.deadline,
        )
        try:
            self._write(lambda connection: runs.start_item(connection, item_id, now=self._clock.now()))
            result, reason = self._backed_up(job, database, work)
        except PwsopsError as error:
            if isinstance(error, LoginRefused) and job.engine is not None:
                # From now on it is refused from the record, without another try: for this run's other databases too.
                self._write(partial(refused_logins.note, profile=job.profile, error=error, now=self._clock.now()))
                job.engine = None
            unknown = database in job.asked and may_have_finished(error)
            self._failed(item_id, error, work.messages, end_unknown=unknown)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other databases still get their turn
            _log.exception("backup failed unexpectedly", run_id=job.run_id, database=database)
            self._failed(item_id, unforeseen(f"The backup of {database} failed", error), work.messages)
        else:
            messages = [*work.messages, *result.messages]
            self._write(
                lambda connection: outcomes.item_succeeded(
                    connection,
                    job.profile,
                    job.run_id,
                    item_id,
                    result.kept,
                    reason=reason,
                    messages=messages,
                    replaced=result.replaced,
                    now=self._clock.now(),
                )
            )

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

    def _failed(
        self, item_id: int, error: PwsopsError, messages: Sequence[Message], *, end_unknown: bool = False
    ) -> None:
        now = self._clock.now()
        look = next_look(0, now) if end_unknown else None
        self._write(
            lambda connection: outcomes.item_failed(
                connection, item_id, error, messages=messages, now=now, look_again_at=look
            )
        )

    def _backed_up(self, job: _Job, database: str, work: Work) -> tuple[BackupResult, str]:
        if job.cancel.is_set():
            raise Cancelled("The run was cancelled before this database's turn.", hint="Start it again any time.")
        if database in job.profile.unwritable:
            raise no_text(database)
        if job.engine is None:
            job.engine = self._engine(job)
            self._certificates.save(job.profile, job.engine, now=self._clock.now(), tell=work.say)
        began = self._clock.monotonic()
        result, reason = self._back_up(job, job.engine, database, work)
        took = {sets.TOOK_S: self._clock.monotonic() - began}
        return replace(result, noted={**result.noted, **took}), reason

    def _back_up(self, job: _Job, engine: Engine, database: str, work: Work) -> tuple[BackupResult, str]:
        """Take the planned kind, or a full with the reason where an incremental is not possible."""
        base, reason = work.do(lambda: self._base(job, engine, database))
        encryption = self._certificates.encryption(job.profile, engine, now=self._clock.now(), tell=work.say)
        asked = partial(
            self._requests.request,
            job.profile,
            database,
            description=run_description(job.run_id, self._liveness.token),
            encryption=encryption,
        )
        if base is not None:
            try:
                return self._with_retries(job, engine, asked(base=base), work), ""
            except BaseUnusable as error:
                reason = error.message
        return self._with_retries(job, engine, asked(base=None), work), reason

    def _base(self, job: _Job, engine: Engine, database: str) -> tuple[BackupSet | None, str]:
        if job.kind is BackupKind.FULL:
            return None, ""
        return self._requests.base(job.profile, engine, database)

    def _with_retries(self, job: _Job, engine: Engine, request: BackupRequest, work: Work) -> BackupResult:
        return work.do(
            lambda: self._attempt(job, engine, request, work),
            lambda error: self._finished(job, engine, request, error, work),
        )

    def _finished(
        self, job: _Job, engine: Engine, request: BackupRequest, error: PwsopsError, work: Work
    ) -> BackupResult | None:
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
        adopting.prove(self._catalogue, engine, job.profile, found, work.report(), job.cancel)
        text = f"It was found finished and whole, though its end was not heard: {error}"
        return BackupResult(backup_set=found, messages=[*error.messages, Message(text=text, at=self._clock.now())])

    def _attempt(self, job: _Job, engine: Engine, request: BackupRequest, work: Work) -> BackupResult:
        left_s = job.deadline - self._clock.monotonic()
        if left_s <= 0:
            raise PwsopsError(
                f"The backup of {request.database} was given up: the run reached its time limit of "
                f"{job.profile.fields['time_limit_h']:g} h.",
                hint="Raise the profile's time limit, or split its databases over several profiles.",
            )
        job.asked.add(request.database)
        # As of this attempt: somebody may have restored something since the one before.
        request = self._requests.as_of_now(job.profile, replace(request, time_limit_s=left_s))
        return engine.backup(request, work.report(), job.cancel)

    def _progressed(self, run_id: int, progress: Progress) -> None:
        with self._catalogue.write() as connection:
            runs.change(
                connection,
                run_id,
                progress_phase=progress.phase,
                progress_done=progress.done_bytes,
                progress_total=progress.total_bytes,
            )


def _why_dropped(profile: ProfileRow, trigger: Trigger) -> str:
    if profile.deleted_at is not None:
        return "the profile was deleted before the run began"
    if trigger is not Trigger.MANUAL and profile.state is not ProfileState.ACTIVE:
        return "the profile was switched off before the run began"
    return ""
