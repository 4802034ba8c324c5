"""The scheduler thread: one a home, whichever process holds the lock; the others stand by.

The catalogue is the only truth about schedules. APScheduler holds a single job, at the earliest instant at which any
profile is due; a change to the catalogue, from whichever process, moves that job.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import humanize
import structlog
from apscheduler.executors.pool import ThreadPoolExecutor as JobExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from filelock import FileLock, Timeout

from pwsops.catalogue import Catalogue, claims, profiles, runs, service_state
from pwsops.clock import Clock
from pwsops.errors import PwsopsError
from pwsops.file_locks import is_held
from pwsops.rules.model import RunStatus
from pwsops.runs.liveness import Holder, Liveness, holders
from pwsops.runs.runner import Runner

LOCK_FILE = "scheduler.lock"
WATCH_EVERY_S = 0.2
SETTLE_EVERY_S = 5.0
RECONCILE_FIRST_S = 5.0
"""How long whoever begins to lead, or ends, waits for what dead processes left to be settled."""
TRY_AGAIN_S = (1.0, 5.0, 15.0, 60.0, 120.0)
"""How long a run waits that the catalogue would not let begin; after the last of these it fails."""
LOOK_EVERY_S = 300.0
"""So often whoever leads has instances looked at: what is shown is true without a page that asks."""
JUMP = timedelta(seconds=2)
"""A wall clock that moved this much further, or less far, than the steady one has been set."""

CLOCK_WENT_FORWARD = "the clock went forward by {by} at once (it was set, or the machine slept)"
NOT_IN_TIME = "the backup service could not see to it in time"

_JOB = "due"
_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class _Handed:
    """A run that the pool was given, and what stops it, whether it has begun or not."""

    future: Future[RunStatus]
    cancel: threading.Event


class Service:
    """This process's part in the scheduling of a home: leading it, or standing by.

    Parameters
    ----------
    catalogue, clock, liveness, runner
        What it works with.
    parallel_runs
        How many runs go on at once.
    look
        Looks at all instances and the files of their backups; returns within about a minute, and at once when the
        event that it is given is set.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        liveness: Liveness,
        runner: Runner,
        parallel_runs: int,
        look: Callable[[threading.Event], None] = lambda stop: None,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._liveness = liveness
        self._runner = runner
        self._lock = FileLock(catalogue.home / LOCK_FILE, mode=0o600, thread_local=False)
        self._pool = ThreadPoolExecutor(parallel_runs, thread_name_prefix="pwsops-run")
        self._handed: dict[int, _Handed] = {}
        self._to_put_back: dict[int, float] = {}
        """Queued runs of ours, and the steady moment from which on anybody may take them again."""
        self._failed_starts: dict[int, int] = {}
        self._reconciling: threading.Thread | None = None
        self._look = look
        self._looking: threading.Thread | None = None
        self._looked_at = float("-inf")
        self._scheduler: BackgroundScheduler | None = None
        self._alarm_at: datetime | None = None
        self._looked: tuple[datetime, float] | None = None
        """When this process, as the one that leads, last saw to what was due: by both clocks."""
        self._claiming = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def leads(self) -> bool:
        """Whether this process is the one that schedules."""
        return self._scheduler is not None

    @property
    def at_rest(self) -> bool:
        """Whether this process neither schedules nor has a run to bring to its end."""
        return not self.leads and not self._handed

    def attach(self) -> None:
        """Make this process a candidate; returns once it leads, or found another that does. Safe to call twice."""
        with self._starting:
            if self._thread is None:
                self._try_to_lead()
                self._thread = threading.Thread(target=self._watch, name="pwsops-scheduler", daemon=True)
                self._thread.start()

    def detach(self) -> None:
        """Stop being a candidate: let go of the lock, cancel what runs here, wait for the threads."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        # First, so that another process leads while the last runs of this one end: they are owned by its liveness.
        self._step_down()
        for handed in list(self._handed.values()):
            handed.cancel.set()
        self._pool.shutdown(wait=True)
        if self._reconciling is not None:
            self._reconciling.join(RECONCILE_FIRST_S)

    def _watch(self) -> None:
        seen = -1
        wall, steady = self._clock.now(), self._clock.monotonic()
        settled = steady
        while not self._stop.wait(WATCH_EVERY_S):
            try:
                now, moment = self._clock.now(), self._clock.monotonic()
                jumped = abs((now - wall) - timedelta(seconds=moment - steady)) > JUMP
                self._put_back()
                version = self._catalogue.version()
                # An alarm that was lost, whyever, costs a moment and not an occurrence.
                overdue = self._alarm_at is not None and self._alarm_at <= now
                self._lead_or_stand_by(changed=version != seen or overdue, jumped=jumped)
                # Only now: what could not be dealt with is looked at again.
                wall, steady, seen = now, moment, version
                if self.leads and moment - settled > SETTLE_EVERY_S:
                    settled = moment
                    self._reconcile_orphans()
                if self.leads and moment - self._looked_at > LOOK_EVERY_S:
                    self._looked_at = moment
                    self._begin_to_look()
            except Exception:  # noqa: BLE001 - a full disk today must not end the schedule for good
                _log.exception("the scheduler thread met a problem and goes on")

    def _lead_or_stand_by(self, *, changed: bool, jumped: bool) -> None:
        if changed:
            # Also where another process leads: runs of this one may have been asked to stop.
            self._runner.cancel_requested()
        if not self.leads:
            self._try_to_lead()
            return
        if jumped:
            _log.warning("the clock was set; the schedule is worked out again")
            with self._catalogue.write() as connection:
                claims.refresh(connection, now=self._clock.now())
        if changed or jumped:
            if not self._is_requested():
                self._step_down()
                return
            self._claim()

    def _is_requested(self) -> bool:
        with self._catalogue.read() as connection:
            return service_state.load(connection).requested

    def _try_to_lead(self) -> None:
        if not self._is_requested():
            return
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return
        try:
            self._lead()
        except BaseException:
            self._step_down()
            raise

    def _lead(self) -> None:
        now = self._clock.now()
        with self._catalogue.write() as connection:
            service_state.lead(connection, pid=os.getpid(), since=now)
            claims.refresh(connection, now=now)
        self._reconcile_orphans(wait_s=RECONCILE_FIRST_S)
        # An alarm sets the next one before it ends; where that is due at once, it waits its turn and is not dropped.
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": JobExecutor(1)},
            job_defaults={"misfire_grace_time": None, "max_instances": 3},
        )
        self._scheduler.start()
        _log.info("scheduling begins", home=str(self._catalogue.home), pid=os.getpid())
        self._claim()

    def _reconcile_orphans(self, wait_s: float = 0.0) -> None:
        """Put back what waits, and settle what ran: in another thread, where a server that is down may take its time.

        Until it is settled, a run counts as going on, and its profile begins no other.
        """
        if not self._runner.put_back():
            return
        if self._reconciling is None or not self._reconciling.is_alive():
            self._reconciling = threading.Thread(target=self._reconcile, name="pwsops-reconcile", daemon=True)
            self._reconciling.start()
        self._reconciling.join(wait_s)

    def _reconcile(self) -> None:
        try:
            self._runner.reconcile(self._stop)
        except Exception:  # noqa: BLE001 - a thread has nobody to raise to; it is tried again
            _log.exception("interrupted runs could not be settled")

    def _begin_to_look(self) -> None:
        """Look at what the verdicts rest on, in a thread of its own: a server that is down must not hold up a run."""
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look_around, name="pwsops-look", daemon=True)
            self._looking.start()

    def _look_around(self) -> None:
        try:
            self._look(self._stop)
        except Exception:  # noqa: BLE001 - a thread has nobody to raise to; it is tried again
            _log.exception("the instances could not be looked at")

    def _step_down(self) -> None:
        self._silence()
        if self._lock.is_locked:
            with suppress(PwsopsError), self._catalogue.write() as connection:
                service_state.lead(connection, pid=None, since=None)
            _log.info("scheduling ends", home=str(self._catalogue.home), pid=os.getpid())
        self._take_back()
        self._lock.release()

    def _take_back(self) -> None:
        """Leave what waits in the pool to whoever leads next; what has begun goes on."""
        waiting = [run_id for run_id, handed in list(self._handed.items()) if handed.future.cancel()]
        # Who leads next begins with these at once, those that wait for their next try included.
        self._to_put_back = dict.fromkeys([*waiting, *self._to_put_back], float("-inf"))
        with suppress(PwsopsError):  # the scheduler thread tries again; else the end of this process does it
            self._put_back()

    def _put_back(self) -> None:
        """Put our queued runs that nobody is at back into the queue; that is a change, which whoever leads notices."""
        moment = self._clock.monotonic()
        run_ids = [run_id for run_id, since in list(self._to_put_back.items()) if since <= moment]
        if run_ids:
            with self._catalogue.write() as connection:
                for run_id in run_ids:
                    runs.put_back(connection, run_id, owner=self._liveness.token)
            for run_id in run_ids:
                self._to_put_back.pop(run_id, None)

    def _silence(self) -> None:
        """Let no instant ring any more; one that is being claimed is claimed to its end."""
        with self._claiming:
            scheduler, self._scheduler, self._alarm_at, self._looked = self._scheduler, None, None, None
        if scheduler is not None:
            # Waiting for its alarms would be for ever: it holds a lock meanwhile that sets the next one.
            scheduler.shutdown(wait=False)

    def _claim(self) -> None:
        """Claim all that is due, hand it to the pool, and set the clock for what is due next."""
        with self._claiming:
            scheduler = self._scheduler
            if scheduler is None:
                return
            now, moment = self._clock.now(), self._clock.monotonic()
            why = self._why_missed(now, moment)
            with self._catalogue.write() as connection:
                claimed = claims.claim(connection, now=now, owner=self._liveness.token, why_missed=why)
                waiting = claims.take_queued(connection, owner=self._liveness.token)
            self._hand_over(waiting)
            if claimed:
                with self._catalogue.write() as connection:
                    claims.advance(connection, claimed, now=now)
            self._looked = now, moment
            self._set_alarm(scheduler)

    def _why_missed(self, now: datetime, moment: float) -> str:
        """Return what is known of why nobody ran what should have run by now."""
        if self._looked is None:
            return claims.NOT_RUNNING
        wall, steady = self._looked
        ahead = (now - wall) - timedelta(seconds=moment - steady)
        if ahead > JUMP:
            return CLOCK_WENT_FORWARD.format(by=humanize.precisedelta(ahead, minimum_unit="minutes", format="%d"))
        return NOT_IN_TIME

    def _hand_over(self, run_ids: Iterable[int]) -> None:
        for run_id in run_ids:
            if run_id not in self._handed and run_id not in self._to_put_back:
                cancel = threading.Event()
                may_wait = self._failed_starts.get(run_id, 0) < len(TRY_AGAIN_S)
                future = self._pool.submit(self._runner.execute, run_id, cancel, may_wait=may_wait)
                self._handed[run_id] = _Handed(future=future, cancel=cancel)
                future.add_done_callback(partial(self._handed_back, run_id))

    def _handed_back(self, run_id: int, future: Future[RunStatus]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is None:
            self._failed_starts.pop(run_id, None)
        else:
            # Where its start could not be written, it waits still: each time longer, and not for ever.
            tries = self._failed_starts[run_id] = self._failed_starts.get(run_id, 0) + 1
            wait_s = TRY_AGAIN_S[min(tries, len(TRY_AGAIN_S)) - 1]
            _log.error("a run could not be carried out", run_id=run_id, tries=tries, exc_info=error)
            self._to_put_back[run_id] = self._clock.monotonic() + wait_s
        del self._handed[run_id]

    def _set_alarm(self, scheduler: BackgroundScheduler) -> None:
        with self._catalogue.read() as connection:
            due = profiles.earliest_due(connection)
        self._alarm_at = due
        if due is None:
            if scheduler.get_job(_JOB):
                scheduler.remove_job(_JOB)
            return
        scheduler.add_job(self._alarm, "date", run_date=due, id=_JOB, replace_existing=True)

    def _alarm(self) -> None:
        try:
            self._claim()
        except Exception:  # noqa: BLE001 - tried again below; the thread must live
            _log.exception("due runs could not be claimed; trying again")
            scheduler = self._scheduler
            if scheduler is not None:
                again: datetime = self._clock.now() + timedelta(seconds=1)
                scheduler.add_job(self._alarm, "date", run_date=again, id=_JOB, replace_existing=True)


def is_running(home: Path) -> bool:
    """Whether any process schedules this home."""
    return is_held(home / LOCK_FILE)


def holders_of(home: Path) -> list[Holder]:
    """Return the processes that hold the lock of this home's scheduling, as far as the system tells."""
    return holders(home / LOCK_FILE)
