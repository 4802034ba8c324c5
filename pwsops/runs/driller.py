"""Drills: backups that are restored into a scratch, looked into, timed, and dropped, whatever happens."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from pwsops.catalogue import Catalogue, Connection, drill_outcomes, drills, retention
from pwsops.catalogue.drills import DrillRow, Wanted
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.engines.requests import Progress
from pwsops.engines.scratch import Findings, Scratch, Scratches
from pwsops.errors import (
    Cancelled,
    CertificateNeeded,
    Conflict,
    Denied,
    EndUnknown,
    MediaError,
    PwsopsError,
    unforeseen,
)
from pwsops.rules.drills import Cause, Facts, Judgement, Outcome, judge, scratch_name, spare_bytes
from pwsops.rules.model import BackupSet, Sighting
from pwsops.runs.found_media import look_for, note_error
from pwsops.runs.liveness import Liveness
from pwsops.runs.same_file import Recorded, recorded_in
from pwsops.runs.saved_copies import say_where
from pwsops.runs.work import CLOSING_S, Work, watch_for_cancel, write_end

_log = structlog.get_logger()

Tell = Callable[[Progress | None], None]
"""Is given the progress, and None when all is written down."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a drill restores, and by which engine."""

    engine: Engine
    scratches: Scratches
    sets: Sequence[BackupSet]


@dataclass(kw_only=True)
class Job:
    """One drill of this process.

    `plan` finds out what it restores, once the drill is written down: until then its backups might be pruned. Where it
    fails, `look` tells what is found where the backup's files lie.
    """

    wanted: Wanted
    plan: Callable[[], Planned]
    look: Callable[[], Sequence[Sighting]]
    tell: Tell = lambda progress: None
    id: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(kw_only=True)
class _Found:
    """What one drill has found so far."""

    planned: Planned | None = None
    error: PwsopsError | None = None
    findings: Findings = field(default_factory=Findings)
    measured: dict[str, Any] = field(default_factory=dict)
    """By column of the catalogue."""

    @property
    def sets(self) -> Sequence[BackupSet]:
        return () if self.planned is None else self.planned.sets


class Driller:
    """The drills of one process, and what is left of those of others.

    Parameters
    ----------
    catalogue, clock
        Where drills are remembered, and the time.
    liveness
        This process's sign of life; its drills are owned in its name.
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
        """Write down that a drill begins, and let it begin; it goes on by itself.

        Raises
        ------
        Conflict
            One of that database goes on.
        Denied
            Who asks may not read what it would restore.
        """
        self._add(job)
        work = Work(clock=self._clock, cancel=job.cancel, write=partial(self._progressed, job.id), watch=job.tell)
        found = _Found()
        try:
            found.planned = job.plan()
            self._note_planned(job, found.planned.sets)
        except PwsopsError as error:
            found.error = error
            self._finish(job, work, found)
            if isinstance(error, Denied):
                raise
            return
        except BaseException as error:
            found.error = unforeseen(f"The drill of {job.wanted.database} failed", error)
            self._finish(job, work, found)
            raise
        self._start(job, work, found)

    def cancel(self, drill_id: int) -> None:
        """Stop a drill, if it is one of this process."""
        job = self._jobs.get(drill_id)
        if job is not None:
            job.cancel.set()

    def goes_on(self, drill_id: int) -> bool:
        """Whether a drill is one that this process carries out just now."""
        return drill_id in self._jobs

    def reconcile(self) -> None:
        """End the drills that nobody carries on: those of processes that died."""
        with suppress(PwsopsError):  # whoever looks next tries again
            with self._catalogue.read() as connection:
                found = drills.every_open(connection)
            for row in found:
                if self._liveness.is_orphaned(row.owner, goes_on=self.goes_on(row.id)):
                    with self._catalogue.write() as connection:
                        drill_outcomes.interrupted(connection, row, now=self._clock.now())

    def close(self) -> None:
        """Stop the drills of this process and wait for them."""
        jobs = list(self._jobs.values())
        self._closing.set()
        for job in jobs:
            job.cancel.set()
        for job in jobs:
            job.done.wait(CLOSING_S)

    def _add(self, job: Job) -> None:
        wanted = job.wanted
        try:
            with self._catalogue.write() as connection:
                _refuse_second(drills.open_of(connection, wanted.instance, wanted.database))
                job.id = drill_outcomes.begun(connection, wanted, owner=self._liveness.token, now=self._clock.now())
                # Before anybody can see the row: one of ours that has no job is taken for an orphaned one.
                self._jobs[job.id] = job
        except BaseException:
            self._jobs.pop(job.id, None)
            raise

    def _note_planned(self, job: Job, sets: Sequence[BackupSet]) -> None:
        with self._catalogue.write() as connection:
            its = [one.set_id for one in sets]
            if path := retention.take_back(connection, its, self._is_pruning, now=self._clock.now()):
                raise Conflict(
                    f"{path} is not drilled: it is being removed just now, as its profile's policy keeps it no longer.",
                    hint="Drill another backup; `pwsops points` lists those that there are.",
                )
            drills.planned(connection, job.id, sets)

    def _start(self, job: Job, work: Work, found: _Found) -> None:
        try:
            for target, given in ((self._watch, (job,)), (self._work, (job, work, found))):
                threading.Thread(target=target, args=given, name=f"pwsops-drill-{job.id}", daemon=True).start()
        except RuntimeError as error:
            found.error = PwsopsError(
                f"The drill of {job.wanted.database} could not begin: the system lets this process start no more "
                f"threads ({error}).",
                hint="Restart this process, or raise the limit of its user, and drill again.",
            )
            self._finish(job, work, found)

    def _work(self, job: Job, work: Work, found: _Found) -> None:
        assert found.planned is not None
        try:
            with self._scratch(job, work, found.planned) as scratch:
                self._drilled(job, work, found, found.planned, scratch)
        except PwsopsError as error:
            found.error = error
        except Exception as error:  # noqa: BLE001 - whatever it was, it is written down and said
            _log.exception("a drill failed unexpectedly", drill_id=job.id, database=job.wanted.database)
            found.error = unforeseen(f"The drill of {job.wanted.database} failed", error)
        self._finish(job, work, found)

    @contextmanager
    def _scratch(self, job: Job, work: Work, planned: Planned) -> Iterator[Scratch]:
        """Write down a scratch before it is made, and drop it however the drill ends."""
        scratch = planned.scratches.place(scratch_name(uuid.uuid4().hex))
        with self._catalogue.write() as connection:
            drills.scratch_begins(connection, job.id, scratch)
        is_known = True
        try:
            yield scratch
        except EndUnknown:
            is_known = False
            raise
        finally:
            self._drop(job, work, planned.scratches, scratch, is_known=is_known)

    def _drop(self, job: Job, work: Work, scratches: Scratches, scratch: Scratch, *, is_known: bool) -> None:
        """Drop a scratch; where that is not possible, or nobody knows whether it is still made, it stays owed."""
        why = "nobody knows whether the server still makes it"
        try:
            if scratches.drop(scratch) or is_known:
                with self._catalogue.write() as connection:
                    drills.scratch_dropped(connection, job.id, now=self._clock.now())
                return
        except PwsopsError as error:
            why = error.message
        work.say(f"The scratch {scratch.name} may still be there; it is dropped later. {why}")
        with suppress(PwsopsError), self._catalogue.write() as connection:
            row = drills.get(connection, job.id)
            if row is not None:
                drills.drop_again(connection, row, why, now=self._clock.now())

    def _drilled(self, job: Job, work: Work, found: _Found, planned: Planned, scratch: Scratch) -> None:
        scratches, cancel, queries = planned.scratches, job.cancel, [one.sql for one in job.wanted.queries]
        report = work.report()
        with self._catalogue.read() as connection:
            others = drills.bytes_of_others(connection, job.id)
        spare = spare_bytes(planned.sets[-1].database_size_bytes) + others
        with self._timed(found, "restore_s", job):
            restored = scratches.fill(scratch, planned.sets, spare, report, cancel)
        found.measured["restored_bytes"] = restored.restored_bytes
        report(Progress(phase="checking what was restored", done_bytes=0, total_bytes=0))
        with self._timed(found, "check_s", job):
            found.findings = scratches.check(scratch, cancel)
        for remark in found.findings.remarks:
            work.say(f"Of what was restored, {remark}.")
        with self._timed(found, "query_s", job):
            found.measured["tables"] = scratches.count(scratch).tables
            found.measured["answers"] = scratches.ask(scratch, queries, cancel) if queries else []

    @contextmanager
    def _timed(self, found: _Found, column: str, job: Job) -> Iterator[None]:
        if job.cancel.is_set():
            raise Cancelled(f"The drill of {job.wanted.database} was cancelled.", hint="Drill again any time.")
        began = self._clock.monotonic()
        yield
        found.measured[column] = self._clock.monotonic() - began

    def _finish(self, job: Job, work: Work, found: _Found) -> None:
        try:
            judgement = self._judged(job, found)
            write_end(
                lambda: self._end(job, work, found, judgement),
                what="drill",
                clock=self._clock,
                closing=self._closing,
                watch=job.tell,
            )
        except Exception:  # noqa: BLE001 - the row stays open, and whoever looks next settles it
            _log.exception("the end of a drill could not be written down", drill_id=job.id)
        finally:
            del self._jobs[job.id]
            job.done.set()
            job.tell(None)

    def _judged(self, job: Job, found: _Found) -> Judgement:
        """Return the outcome, and let the verdict know what an error says of the backups."""
        error, seen = found.error, self._seen(job, found)
        with suppress(PwsopsError):
            if isinstance(error, CertificateNeeded):
                say_where(partial(self._catalogue.read, frozenset({job.wanted.instance})), error)
        wanted = job.wanted
        elsewhere = wanted.on_instance != wanted.instance
        checked = found.findings
        facts = Facts(
            error=error,
            seen=seen,
            elsewhere=elsewhere,
            findings=checked.found,
            why_unchecked=checked.why_not,
            queries=wanted.queries if error is None else (),
            answers=found.measured.get("answers", ()) if error is None else (),
        )
        judgement = judge(facts)
        if judgement.cause is Cause.MEDIA and isinstance(error, MediaError) and found.planned is not None:
            with suppress(PwsopsError):
                note_error(self._catalogue, found.planned.engine, found.sets, error, clock=self._clock)
        return judgement

    def _seen(self, job: Job, found: _Found) -> Sequence[Sighting]:
        if not isinstance(found.error, MediaError):
            return ()
        with suppress(PwsopsError):
            return job.look() if found.planned is None else list(look_for(found.planned.engine, found.sets).values())
        return ()

    def _end(self, job: Job, work: Work, found: _Found, judgement: Judgement) -> None:
        is_good, is_bad = judgement.outcome is Outcome.PROVEN, judgement.cause is Cause.STRUCTURE
        good = [known for one in found.sets for known in self._recorded(found, one)] if is_good else []
        bad = self._recorded(found, found.sets[-1]) if is_bad and found.sets else []
        messages = (*work.messages, *(() if found.error is None else found.error.messages))
        with self._catalogue.write() as connection:
            row = drills.get(connection, job.id)
            if row is not None:
                drill_outcomes.ended(
                    connection,
                    row,
                    judgement,
                    now=self._clock.now(),
                    measured=found.measured,
                    messages=messages,
                    good=good,
                    bad=bad,
                )

    def _recorded(self, found: _Found, one: BackupSet) -> list[Recorded]:
        """Return a set as each instance recorded it that wrote the very file that was read."""
        assert found.planned is not None
        read, engine = self._catalogue.read, found.planned.engine
        return recorded_in(read, engine, one.path, one.position, clock=self._clock, set_id=one.set_id)

    def _progressed(self, drill_id: int, progress: Progress) -> None:
        with self._catalogue.write() as connection:
            drills.progressed(
                connection,
                drill_id,
                phase=progress.phase,
                done_bytes=progress.done_bytes,
                total_bytes=progress.total_bytes,
            )

    def _watch(self, job: Job) -> None:
        """Stop a drill when another process asks for it."""

        def is_asked(connection: Connection) -> bool:
            row = drills.get(connection, job.id)
            return row is not None and row.cancel_requested

        watch_for_cancel(self._catalogue, is_asked, done=job.done, cancel=job.cancel)


def _refuse_second(going: DrillRow | None) -> None:
    if going is not None:
        raise Conflict(
            f"A drill of {going.database} on {going.instance} is under way already (drill {going.id}, by "
            f"{going.actor}).",
            hint="Wait for its end, or cancel it.",
        )
