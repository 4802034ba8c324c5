"""Restores: a thread each, which goes on whoever looks, and a row that says how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from pwsops.catalogue import Catalogue, Connection, RestoreRow, access, restore_outcomes, restores, retention, sets
from pwsops.catalogue.restore_outcomes import Target
from pwsops.clock import Clock
from pwsops.engines import registry
from pwsops.engines.certificates import KeepsCertificates
from pwsops.engines.protocol import Engine
from pwsops.engines.requests import AccessChange, Progress, RestoreRequest, RestoreResult
from pwsops.errors import CertificateNeeded, Conflict, MediaError, PwsopsError, unforeseen
from pwsops.rules.model import BackupSet, Message
from pwsops.runs import server_certificates
from pwsops.runs.found_media import note_error
from pwsops.runs.liveness import Liveness
from pwsops.runs.same_file import Recorded, recorded_in
from pwsops.runs.saved_copies import say_where
from pwsops.runs.work import CLOSING_S, Work, watch_for_cancel, write_end

UNWRITTEN = (
    "The restore is done, and that could not be written into the history ({cause}), which will show its end as not "
    "known."
)
READ_ELSEWHERE = (
    "The backup of {database} was read from {path}. The history knows it as {known} and goes on looking for it there: "
    "put the file there, or take a new full backup."
)

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
    tell: Tell = lambda progress: None
    before: Callable[[Work], None] = lambda work: None
    """What is done first, such as saving what the database holds; where it raises, nothing is restored."""
    id: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    result: RestoreResult | None = None
    error: PwsopsError | None = None

    @property
    def target(self) -> Target:
        """What is restored where, for the catalogue."""
        request = self.request
        return Target(instance=self.instance, database=request.database, source=request.sets[-1], actor=self.actor)

    @property
    def place(self) -> str:
        """Where it works, whatever becomes of the instance's address meanwhile."""
        return registry.place(self.engine.instance.engine, self.engine.instance.address)


class Restorer:
    """The restores of one process, and what is left of those of others.

    Parameters
    ----------
    catalogue, clock
        Where restores are remembered, and the time.
    liveness
        This process's sign of life; its restores are owned in its name.
    is_pruning
        Whether the prune of that owner goes on.
    """

    def __init__(
        self, catalogue: Catalogue, *, clock: Clock, liveness: Liveness, is_pruning: Callable[[str | None], bool]
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._liveness = liveness
        self._is_pruning = is_pruning
        self._jobs: dict[int, Job] = {}
        self._closing = threading.Event()

    def begin(self, job: Job) -> None:
        """Write down that a restore begins, and let it begin. Raises `Conflict` where one of that database goes on."""
        self._add(job)
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

    def require_free(self, instance: str, database: str) -> None:
        """Raise `Conflict` where a restore of that database goes on."""
        with self._catalogue.read() as connection:
            _refuse_second(restores.open_of(connection, instance, database))

    def cancel(self, restore_id: int) -> None:
        """Stop a restore, if it is one of this process."""
        job = self._jobs.get(restore_id)
        if job is not None:
            job.cancel.set()

    def reconcile(self) -> None:
        """End, as failed, the restores that nobody carries on: those of processes that died."""
        with suppress(PwsopsError):  # whoever looks next tries again
            with self._catalogue.read() as connection:
                rows = restores.every_open(connection)
            for row in rows:
                if self._liveness.is_orphaned(row["owner"], goes_on=row["id"] in self._jobs):
                    self._reconcile(row)

    def close(self) -> None:
        """Stop the restores of this process and wait for them."""
        jobs = list(self._jobs.values())
        self._closing.set()
        for job in jobs:
            job.cancel.set()
        for job in jobs:
            job.done.wait(CLOSING_S)

    def _add(self, job: Job) -> None:
        try:
            with self._catalogue.write() as connection:
                _refuse_second(restores.open_of(connection, job.instance, job.request.database))
                its = [one.set_id for one in job.request.sets]
                _refuse_removed(retention.take_back(connection, its, self._is_pruning, now=self._clock.now()))
                job.id = restore_outcomes.begun(
                    connection, job.target, owner=self._liveness.token, now=self._clock.now()
                )
                # Before anybody can see the row: one of ours that has no job is taken for an orphaned one.
                self._jobs[job.id] = job
        except BaseException:
            self._jobs.pop(job.id, None)
            raise

    def _reconcile(self, row: RestoreRow) -> None:
        with self._catalogue.write() as connection:
            restore_outcomes.interrupted(connection, row, now=self._clock.now())

    def _work(self, job: Job) -> None:
        work = Work(clock=self._clock, cancel=job.cancel, write=partial(self._progressed, job.id), watch=job.tell)
        try:
            job.result = self._restored(job, work)
        except PwsopsError as error:
            job.error = error
            error.messages = (*work.messages, *error.messages)
            self._learn(job, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is written down and said
            _log.exception("a restore failed unexpectedly", restore_id=job.id, database=job.request.database)
            job.error = unforeseen(f"The restore of {job.request.database} failed", error)
        self._finish(job)

    def _restored(self, job: Job, work: Work) -> RestoreResult:
        """Restore, again where something stands in the way that may pass by itself and nothing was taken away yet."""
        job.before(work)
        result = work.do(lambda: job.engine.restore(self._request(job), work.report(), job.cancel))
        return replace(result, messages=(*work.messages, *result.messages, *self._read_elsewhere(job)))

    def _learn(self, job: Job, error: PwsopsError) -> None:
        """Let the verdict know what a failure says of the backups, and its reader where a certificate was saved.

        The restore is told as failed all the same where that is not possible.
        """
        if isinstance(error, MediaError):
            with suppress(PwsopsError):
                note_error(self._catalogue, job.engine, job.request.sets, error, clock=self._clock)
        if isinstance(error, CertificateNeeded) and isinstance(job.engine, KeepsCertificates):
            with suppress(PwsopsError):
                server_certificates.refresh(self._catalogue, job.instance, job.engine, now=self._clock.now())
        with suppress(PwsopsError):
            # This is kept, and read by whoever may see the instance: what others have is told to who asks alone.
            say_where(partial(self._catalogue.read, frozenset({job.instance})), error)

    def _read_elsewhere(self, job: Job) -> Sequence[Message]:
        """Return what is to be said of sets that were read where the history does not know them: it is not changed.

        That a copy is good does not say that it stays: it may lie on a disk that was plugged in for this restore.
        """
        messages = []
        with suppress(PwsopsError):
            for backup_set in job.request.sets:
                # As above: where others keep theirs is not told.
                with self._catalogue.read(frozenset({job.instance})) as connection:
                    known = [row.path for row in sets.by_id(connection, backup_set.set_id)]
                if known and not self._recorded(job, backup_set):
                    text = READ_ELSEWHERE.format(database=backup_set.database, path=backup_set.path, known=known[0])
                    messages.append(Message(text=text, at=self._clock.now()))
        return messages

    def _recorded(self, job: Job, backup_set: BackupSet) -> list[Recorded]:
        """Return a set as each instance recorded it that wrote the very file that was read."""
        return recorded_in(
            self._catalogue.read,
            job.engine,
            backup_set.path,
            backup_set.position,
            clock=self._clock,
            set_id=backup_set.set_id,
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
            self._write_end(job)
        except Exception as error:  # noqa: BLE001 - the row stays open, and whoever looks next settles it
            _log.exception("the end of a restore could not be written down", restore_id=job.id)
            if job.result is not None:
                message = Message(text=UNWRITTEN.format(cause=error), at=self._clock.now())
                job.result = replace(job.result, messages=(*job.result.messages, message))
        finally:
            del self._jobs[job.id]
            job.done.set()
            job.tell(None)

    def _write_end(self, job: Job) -> None:
        write_end(lambda: self._end(job), what="restore", clock=self._clock, closing=self._closing, watch=job.tell)

    def _end(self, job: Job) -> None:
        now, result = self._clock.now(), job.result
        good = [] if result is None else [known for each in job.request.sets for known in self._recorded(job, each)]
        with self._catalogue.write() as connection:
            if result is not None:
                restore_outcomes.succeeded(connection, job.id, job.target, result, good=good, now=now)
            elif job.error is not None:
                restore_outcomes.failed(connection, job.id, job.target, job.error, now=now)

    def _progressed(self, restore_id: int, progress: Progress) -> None:
        with self._catalogue.write() as connection:
            restores.progressed(
                connection,
                restore_id,
                phase=progress.phase,
                done_bytes=progress.done_bytes,
                total_bytes=progress.total_bytes,
            )

    def _watch(self, job: Job) -> None:
        """Stop a restore when another process asks for it."""

        def is_asked(connection: Connection) -> bool:
            row = restores.get(connection, job.id)
            return row is not None and bool(row["cancel_requested"])

        watch_for_cancel(self._catalogue, is_asked, done=job.done, cancel=job.cancel)


def _refuse_removed(path: str) -> None:
    if path:
        raise Conflict(
            f"{path} is not restored: it is being removed just now, as its profile's policy keeps it no longer.",
            hint="Choose another backup; `pwsops points` lists those that there are.",
        )


def _refuse_second(going: RestoreRow | None) -> None:
    if going is not None:
        raise Conflict(
            f"A restore of {going['database']} on {going['instance']} is under way already (restore {going['id']}, "
            f"by {going['actor']}, from {going['path']}).",
            hint="Wait for its end, or cancel it.",
        )
