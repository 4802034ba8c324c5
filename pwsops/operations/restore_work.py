"""The work of restores: a thread each, which goes on whoever looks, and a row that says how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from pwsops.catalogue import Catalogue, RestoreRow, access, audit, outcomes, restores, sets, sightings
from pwsops.clock import Clock
from pwsops.engines import registry
from pwsops.engines.base import AccessChange, Engine, Progress, RestoreRequest, RestoreResult
from pwsops.engines.certificates import KeepsCertificates
from pwsops.errors import Cancelled, CertificateNeeded, Conflict, EndUnknown, MediaError, PwsopsError
from pwsops.operations.looking import note_bad
from pwsops.operations.same_file import Recorded, recorded_in
from pwsops.operations.saved_copies import say_where
from pwsops.rules.model import BackupSet, Message, RunStatus
from pwsops.runs import server_certificates
from pwsops.runs.attempts import Attempts
from pwsops.runs.liveness import Presence

INTERRUPTED = (
    "How the restore ended is not known: pwsops was killed, the machine went down, or the catalogue could not be "
    "written. What the database holds now was not looked at."
)
UNWRITTEN = (
    "The restore is done, and that could not be written into the history ({cause}), which will show its end as not "
    "known."
)
READ_ELSEWHERE = (
    "The backup of {database} was read from {path}. The history knows it as {known} and goes on looking for it there: "
    "put the file there, or take a new full backup."
)
INTERRUPTED_HINT = "Look at it now, and restore again if it does not hold the backup's data or lets nobody in."
PROGRESS_EVERY_S = 0.5
LOOK_EVERY_S = 0.2
CLOSING_S = 10.0
"""How long a process that ends waits for its restores to stop."""

_log = structlog.get_logger()

Tell = Callable[[Progress | None], None]
"""Is given the progress, and None when all is written down."""


@dataclass(kw_only=True)
class Job:
    """One restore of this process."""

    engine: Engine
    request: RestoreRequest
    instance: str
    actor: str
    tell: Tell | None = None
    id: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    result: RestoreResult | None = None
    error: BaseException | None = None

    @property
    def subject(self) -> str:
        """What the audit log calls it."""
        return f"{self.instance}/{self.request.database}"

    @property
    def place(self) -> str:
        """Where it works, whatever becomes of the instance's address meanwhile."""
        return registry.place(self.engine.instance.engine, self.engine.instance.address)

    @property
    def what(self) -> str:
        """Which set it is, for the audit log."""
        source = self.request.sets[-1]
        return f"set {source.position} of {source.path}"


class RestoreWork:
    """The restores of one process, and what is left of those of others.

    Parameters
    ----------
    catalogue, clock
        Where restores are remembered, and the time.
    presence
        This process's sign of life; its restores are owned in its name.
    """

    def __init__(self, catalogue: Catalogue, *, clock: Clock, presence: Presence) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._presence = presence
        self._jobs: dict[int, Job] = {}
        self._closing = threading.Event()

    def begin(self, job: Job) -> None:
        """Write down that a restore begins, and let it begin. Raises `Conflict` where one of that database goes on."""
        try:
            with self._catalogue.write() as connection:
                _refuse_second(restores.open_of(connection, job.instance, job.request.database))
                job.id = restores.add(
                    connection,
                    job.request.sets[-1],
                    instance=job.instance,
                    database=job.request.database,
                    actor=job.actor,
                    owner=self._presence.token,
                    now=self._clock.now(),
                )
                # Before anybody can see the row: one of ours that has no job is taken for a leftover.
                self._jobs[job.id] = job
                audit.append(
                    connection,
                    at=self._clock.now(),
                    actor=job.actor,
                    action="restore begins",
                    subject=job.subject,
                    detail=job.what,
                )
        except BaseException:
            self._jobs.pop(job.id, None)
            raise
        try:
            for work in (self._watch, self._work):
                threading.Thread(target=work, args=(job,), name=f"pwsops-restore-{job.id}", daemon=True).start()
        except RuntimeError as error:
            job.error = PwsopsError(
                f"The restore of {job.request.database} could not begin: the system lets this process start no more "
                f"threads ({error}).",
                hint="Nothing was written. Restart this process, or raise the limit of its user, and restore again.",
            )
            self._finish(job)
            raise job.error from error

    def cancel(self, restore_id: int) -> None:
        """Stop a restore, if it is one of this process."""
        job = self._jobs.get(restore_id)
        if job is not None:
            job.cancel.set()

    def settle(self) -> None:
        """End, as failed, the restores that nobody carries on: those of processes that died."""
        with suppress(PwsopsError):  # whoever looks next tries again
            with self._catalogue.read() as connection:
                left = [row for row in restores.every_open(connection) if self._is_left(row)]
            for row in left:
                self._settle(row)

    def close(self) -> None:
        """Stop the restores of this process and wait for them."""
        jobs = list(self._jobs.values())
        self._closing.set()
        for job in jobs:
            job.cancel.set()
        for job in jobs:
            job.done.wait(CLOSING_S)

    def _is_left(self, row: RestoreRow) -> bool:
        if row["owner"] == self._presence.token:
            return row["id"] not in self._jobs
        return not self._presence.is_alive(row["owner"])

    def _settle(self, row: RestoreRow) -> None:
        now = self._clock.now()
        with self._catalogue.write() as connection:
            if restores.end(
                connection,
                row["id"],
                RunStatus.FAILED,
                now=now,
                error=INTERRUPTED,
                hint=INTERRUPTED_HINT,
                interrupted=True,
            ):
                audit.append(
                    connection,
                    at=now,
                    actor=outcomes.SERVICE,
                    action="restore failed",
                    subject=f"{row['instance']}/{row['database']}",
                    detail=f"set {row['position']} of {row['path']}: {INTERRUPTED}",
                )

    def _work(self, job: Job) -> None:
        told: list[Message] = []
        try:
            job.result = self._restored(job, told)
        except PwsopsError as error:
            job.error = error
            error.messages = (*told, *error.messages)
            if isinstance(error, MediaError):
                self._note_bad(job, error)
            if isinstance(error, CertificateNeeded):
                self._look_for_certificates(job)
            with suppress(PwsopsError):  # a restore that failed is told all the same
                say_where(self._catalogue, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is written down and said
            _log.exception("a restore failed unexpectedly", restore_id=job.id, database=job.request.database)
            job.error = error
        self._finish(job)

    def _note_bad(self, job: Job, error: MediaError) -> None:
        """Let the verdict know which of the sets could not be read: that of the error's file, or the only one."""
        named = [one for one in job.request.sets if error.path in ("", one.path)]
        if len(named) == 1:
            one = named[0]
            with suppress(PwsopsError):  # the restore is told as failed all the same
                note_bad(
                    self._catalogue,
                    job.engine,
                    one.path,
                    one.position,
                    error.message,
                    clock=self._clock,
                    set_id=one.set_id,
                )

    def _look_for_certificates(self, job: Job) -> None:
        """Let the verdict know which certificates the server has: it lacked one, or could not open it."""
        if isinstance(job.engine, KeepsCertificates):
            with suppress(PwsopsError):  # the restore is told as failed all the same
                server_certificates.look(self._catalogue, job.instance, job.engine, now=self._clock.now())

    def _restored(self, job: Job, told: list[Message]) -> RestoreResult:
        """Restore, again where something stands in the way that may pass by itself and nothing was taken away yet."""
        attempts = Attempts(
            clock=self._clock,
            cancel=job.cancel,
            tell=lambda text: told.append(Message(text=text, at=self._clock.now())),
            waiting=lambda text: self._progressed(job, Progress(phase=text, done_bytes=0, total_bytes=0)),
        )
        result = attempts.do(
            lambda: job.engine.restore(self._request(job), self._report(job), job.cancel),
            finished=lambda _error: None,
        )
        return replace(result, messages=(*told, *result.messages, *self._read_elsewhere(job)))

    def _read_elsewhere(self, job: Job) -> Sequence[Message]:
        """Return what is to be said of sets that were read where the history does not know them: it is not changed.

        That a copy is good does not say that it stays: it may lie on a disk that was plugged in for this restore.
        """
        told = []
        with suppress(PwsopsError):
            for one in job.request.sets:
                with self._catalogue.read() as connection:
                    known = [row.path for row in sets.by_id(connection, one.set_id)]
                if known and not self._recorded(job, one):
                    text = READ_ELSEWHERE.format(database=one.database, path=one.path, known=known[0])
                    told.append(Message(text=text, at=self._clock.now()))
        return told

    def _recorded(self, job: Job, one: BackupSet) -> list[Recorded]:
        """Return a set as each instance recorded it that wrote the very file that was read."""
        return recorded_in(
            self._catalogue.read, job.engine, one.path, one.position, clock=self._clock, set_id=one.set_id
        )

    def _request(self, job: Job) -> RestoreRequest:
        """Return what is restored, with what an earlier restore still owes, and where a change of access is written."""
        with self._catalogue.read() as connection:
            owed = access.owed(connection, job.instance, job.request.database)
        return replace(
            job.request,
            former_mode=None if owed is None else owed.former_mode,
            on_access_change=partial(self._access_changes, job),
            on_access_restored=partial(self._access_restored, job),
        )

    def _access_changes(self, job: Job, change: AccessChange) -> None:
        with self._catalogue.write() as connection:
            access.changed(connection, job.instance, change, place=job.place, restore_id=job.id, now=self._clock.now())

    def _access_restored(self, job: Job, change: AccessChange) -> None:
        # Where it cannot be written the service gives the mode back once more, which changes nothing.
        with suppress(PwsopsError), self._catalogue.write() as connection:
            access.given_back(connection, job.instance, change.database, place=job.place, now=self._clock.now())

    def _finish(self, job: Job) -> None:
        try:
            self._written(job)
        except Exception as error:  # noqa: BLE001 - the row stays open, and whoever looks next settles it
            _log.exception("the end of a restore could not be written down", restore_id=job.id)
            if job.result is None:
                job.error = job.error or error
            else:
                told = Message(text=UNWRITTEN.format(cause=error), at=self._clock.now())
                job.result = replace(job.result, messages=(*job.result.messages, told))
        finally:
            del self._jobs[job.id]
            job.done.set()
            if job.tell is not None:
                job.tell(None)

    def _written(self, job: Job) -> None:
        """Write the end down, again over minutes where the catalogue is locked: what was done is not to look undone."""
        attempts = Attempts(
            clock=self._clock,
            cancel=self._closing,
            tell=lambda text: _log.warning("the end of a restore waits to be written", reason=text),
            waiting=lambda text: self._tell(job, Progress(phase=text, done_bytes=0, total_bytes=0)),
        )
        try:
            attempts.do(lambda: self._end(job), finished=lambda _error: None)
        except Cancelled:
            self._end(job)  # this process ends: there is time for one more

    def _tell(self, job: Job, progress: Progress) -> None:
        if job.tell is not None:
            job.tell(progress)

    def _end(self, job: Job) -> None:
        now, error, result = self._clock.now(), job.error, job.result
        status = RunStatus.SUCCEEDED
        if error is not None:
            status = RunStatus.CANCELLED if isinstance(error, Cancelled) else RunStatus.FAILED
        message, hint = _said(job, error)
        good = [] if result is None else [known for one in job.request.sets for known in self._recorded(job, one)]
        with self._catalogue.write() as connection:
            for instance, one in good:
                sightings.prove(connection, instance, [one], now=now)
            restores.end(
                connection,
                job.id,
                status,
                now=now,
                restored_bytes=None if result is None else result.restored_bytes,
                kept_damaged_as=None if result is None else result.kept_damaged_as,
                error=message,
                hint=hint,
                interrupted=isinstance(error, EndUnknown),
                messages=_messages(job),
            )
            if result is not None and result.created:
                detail = f"for a restore of {job.what}"
                audit.append(
                    connection, at=now, actor=job.actor, action="create database", subject=job.subject, detail=detail
                )
            audit.append(
                connection,
                at=now,
                actor=job.actor,
                action=f"restore {status.value}",
                subject=job.subject,
                detail=f"{job.what}: {message}" if message else job.what,
            )

    def _watch(self, job: Job) -> None:
        """Stop a restore when another process asks for it."""
        seen = -1
        while not job.done.wait(LOOK_EVERY_S):
            with suppress(PwsopsError):  # the next look may succeed
                version = self._catalogue.version()
                if version != seen:
                    with self._catalogue.read() as connection:
                        row = restores.get(connection, job.id)
                    if row is not None and row["cancel_requested"]:
                        job.cancel.set()
                    seen = version

    def _report(self, job: Job) -> Callable[[Progress], None]:
        told_at = float("-inf")

        def tell(progress: Progress) -> None:
            nonlocal told_at
            self._tell(job, progress)
            moment = self._clock.monotonic()
            if moment - told_at < PROGRESS_EVERY_S:
                return
            told_at = moment
            self._progressed(job, progress)

        return tell

    def _progressed(self, job: Job, progress: Progress) -> None:
        # A restore does not fail because nobody could be told how far it is.
        with suppress(PwsopsError), self._catalogue.write() as connection:
            restores.progressed(
                connection,
                job.id,
                phase=progress.phase,
                done_bytes=progress.done_bytes,
                total_bytes=progress.total_bytes,
            )


def _refuse_second(going: RestoreRow | None) -> None:
    if going is not None:
        raise Conflict(
            f"A restore of {going['database']} on {going['instance']} is under way already (restore {going['id']}, "
            f"by {going['actor']}, from {going['path']}).",
            hint="Wait for its end, or cancel it.",
        )


def _messages(job: Job) -> Sequence[Message]:
    if job.result is not None:
        return job.result.messages
    return job.error.messages if isinstance(job.error, PwsopsError) else ()


def _said(job: Job, error: BaseException | None) -> tuple[str, str]:
    """Return an error's message and next step; empty where there is none."""
    if error is None:
        return "", ""
    if isinstance(error, PwsopsError):
        return error.message, error.hint
    return (
        f"The restore of {job.request.database} failed in a way that was not foreseen: {type(error).__name__}: {error}",
        "The log in the home's logs directory has the details; please report it.",
    )
