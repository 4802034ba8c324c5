"""Runs: the history, and those started by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pwsops.catalogue import claims, runs, service_state
from pwsops.catalogue.history import in_period
from pwsops.errors import Conflict, PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_profile, find_run
from pwsops.operations.mapping import run_views
from pwsops.operations.periods import check_period
from pwsops.operations.records import RunView
from pwsops.operations.rights import needs, of_profile, of_run
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from pwsops.rules.periods import ALL_TIME, Period
from pwsops.rules.rights import Right
from pwsops.runs.scheduler import is_running

POLL_S = 0.1

OnChange = Callable[[RunView], None]


class Runs:
    """List and look at runs, start one, wait for it, cancel it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "list runs")
    def list(
        self,
        profile: str | None = None,
        status: RunStatus | None = None,
        limit: int | None = 50,
        offset: int = 0,
        *,
        period: Period = ALL_TIME,
    ) -> list[RunView]:
        """Return runs, newest first, their items without messages. A deleted profile's runs are found by its name."""
        check_period("the history", period.since, period.until)
        with self._context.read() as connection:
            within = in_period(connection, period)
            found = runs.listing(connection, profile=profile, status=status, where=within, limit=limit, offset=offset)
            return run_views(connection, found)

    @needs(Right.LOOK, "count runs")
    def count(self, profile: str | None = None, status: RunStatus | None = None) -> int:
        """Count the runs that `list` would give without its limit."""
        with self._context.read() as connection:
            return runs.count(connection, profile=profile, status=status)

    @needs(Right.LOOK, "see a run", of_run)
    def get(self, run_id: int) -> RunView:
        """Return one run with every message; raises `NotFound`."""
        with self._context.read() as connection:
            return run_views(connection, [find_run(connection, run_id)], with_messages=True)[0]

    @needs(Right.RUN, "start a run", of_profile())
    def start(self, profile: str, kind: BackupKind | None = None) -> RunView:
        """Queue a run for the backup service; it begins at once where a place is free.

        Raises `Refused` when the service is stopped, and `Conflict` when a run of the profile is under way.
        """
        self._check_service(profile)
        return self.get(self._queue(profile, kind, owner=None))

    @needs(Right.RUN, "start a run", of_profile())
    def run_here(self, profile: str, kind: BackupKind | None = None, on_change: OnChange | None = None) -> RunView:
        """Do a run in this process, whether or not the service runs, and give it when it has ended."""
        core = self._context.core
        # Without a service nobody else settles what a killed process left, and it would be in the way for ever.
        core.runner.reconcile_now()
        run_id = self._queue(profile, kind, owner=core.liveness.token)
        cancel, problems = threading.Event(), list[Exception]()

        def execute() -> None:
            try:
                core.runner.execute(run_id, cancel)
            except Exception as error:  # noqa: BLE001 - raised below, where somebody hears it
                problems.append(error)

        work = threading.Thread(target=execute, name="pwsops-run-here", daemon=True)
        work.start()
        try:
            while work.is_alive():
                work.join(POLL_S)
                core.runner.cancel_requested()
                if on_change is not None:
                    on_change(self.get(run_id))
        except BaseException:
            cancel.set()
            core.runner.cancel(run_id)
            work.join()
            raise
        # What became of it may not have been written down.
        core.runner.reconcile_now()
        if problems and not self.get(run_id).status.ended:
            raise problems[0]
        # The service of this very process may have been quicker to begin it.
        return self.wait(run_id, on_change)

    @needs(Right.LOOK, "wait for a run", of_run)
    def wait(self, run_id: int, on_change: OnChange | None = None, timeout_s: float | None = None) -> RunView:
        """Wait for a run to end, wherever it goes on.

        Raises `PwsopsError`, transient, when `timeout_s` have passed, and `Refused` when the service was stopped
        before the run's turn came.
        """
        core = self._context.core
        deadline = None if timeout_s is None else core.clock.monotonic() + timeout_s
        pause = threading.Event()
        seen = -1
        while True:
            version = core.catalogue.version()
            view = self.get(run_id)
            if view.status.ended:
                return view
            if on_change is not None and version != seen:
                on_change(view)
            seen = version
            self._check_waiting(view, deadline)
            pause.wait(POLL_S)

    @needs(Right.RUN, "cancel a run", of_run)
    def cancel(self, run_id: int) -> None:
        """Ask a run to stop, wherever it goes on; what it has written so far of the current database is removed."""
        core = self._context.core
        view = self.get(run_id)
        if view.status.ended:
            raise Refused(
                f"The run {run_id} of {view.profile!r} has ended already: {view.status.value}.",
                hint="There is nothing left to cancel.",
            )
        with core.catalogue.write() as connection:
            # What has not begun ends here and now: there may be no service to do it.
            runs.cancel_queued(connection, run_id, now=core.clock.now())
            runs.change(connection, run_id, cancel_requested=True)
            self._context.note(connection, "cancel run", view.profile, f"run {run_id}")
        core.runner.cancel(run_id)

    def _queue(self, profile: str, kind: BackupKind | None, *, owner: str | None) -> int:
        core = self._context.core
        now = core.clock.now()
        with core.catalogue.write() as connection:
            row = find_profile(connection, profile)
            going = runs.open_of(connection, row.id)
            if going is not None:
                raise Conflict(
                    f"A run of {profile!r} is under way already (run {going['id']}, {going['status']}).",
                    hint="Wait for its end, or cancel it.",
                )
            row.require_usable()
            planned = kind or claims.plan_kind(row, now, row.last_full_due_at, now=now)
            run_id = runs.add(
                connection,
                profile_id=row.id,
                profile=row.name,
                due_at=claims.free_instant(connection, row.id, now),
                kind=planned,
                trigger=Trigger.MANUAL,
                owner=owner,
            )
            self._context.note(connection, "start run", profile, f"run {run_id}, {planned.value}")
        return run_id

    def _check_service(self, profile: str) -> None:
        core = self._context.core
        with self._context.read() as connection:
            find_profile(connection, profile)
            requested = service_state.load(connection).requested
        if not requested or not is_running(core.home):
            raise Refused(
                f"{profile!r} cannot be started: the backup service is stopped.",
                hint="Start it from the dashboard, with `pwsops serve` or with `pwsops service run`; "
                "`pwsops run NAME --here` does the run in the command itself.",
            )

    def _check_waiting(self, view: RunView, deadline: float | None) -> None:
        core = self._context.core
        if view.status is RunStatus.QUEUED and not is_running(core.home):
            raise Refused(
                f"Run {view.id} of {view.profile!r} waits, and the backup service has stopped.",
                hint="It begins when the service is started again; `pwsops runs` shows it then.",
            )
        if deadline is not None and core.clock.monotonic() > deadline:
            raise PwsopsError(
                f"Run {view.id} of {view.profile!r} has not ended yet.",
                hint="It goes on; `pwsops runs` shows how it ends.",
                transient=True,
            )
