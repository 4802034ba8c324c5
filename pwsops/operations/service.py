"""The backup service: whether it runs, and its switch. Works from any process of the same home."""

from __future__ import annotations

import threading
from contextlib import suppress

from pwsops.catalogue import Connection, profiles, service_state, settings
from pwsops.errors import PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.records import ServiceView
from pwsops.operations.rights import needs, on_everything
from pwsops.profile import BackupSettings
from pwsops.rules.rights import Right
from pwsops.runs.scheduler import WATCH_EVERY_S, Service, is_running

SWITCH_S = 10.0
"""How long switching may take before it is called off: the leader looks up five times a second."""
NOBODY_S = 2.0
"""How long to wait for another process to lead, where this one cannot."""


class ServiceControl:
    """Start, stop, and look at the backup service."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "see the service")
    def status(self) -> ServiceView:
        """Whether the service runs and where; if not, why nothing can be started."""
        core = self._context.core
        running = is_running(core.home)
        with self._context.read() as connection:
            row = service_state.load(connection)
            due = profiles.earliest_due(connection)
        here = core.service is not None and core.service.leads
        return ServiceView(
            running=running and row.requested,
            here=here,
            pid=row.pid if running else None,
            since=row.since if running else None,
            why_not="" if running and row.requested else _why_not(requested=row.requested),
            next_due_at=due,
        )

    @needs(Right.HOST, "run the service")
    def attach(self) -> None:
        """Make this process schedule the home, or stand by while another does. Returns at once; safe to repeat."""
        core = self._context.core
        if core.service is None:
            with self._context.read() as connection:
                parallel = self._parallel(connection)
            core.service = Service(
                core.catalogue,
                clock=core.clock,
                liveness=core.liveness,
                runner=core.runner,
                parallel_runs=parallel,
                look=core.looker.all,
            )
        self._want(True)
        core.service.attach()

    @needs(Right.HOST, "run the service")
    def run(self, stop: threading.Event) -> None:
        """Schedule, or stand by, until `stop` is set, or somebody stops the service and what has begun has ended."""
        self.attach()
        core = self._context.core
        try:
            while not stop.wait(WATCH_EVERY_S):
                # A catalogue that cannot be read for a while must not end the schedule.
                with suppress(PwsopsError), self._context.read() as connection:
                    requested = service_state.load(connection).requested
                    if not requested and (core.service is None or core.service.at_rest):
                        return
        finally:
            if core.service is not None:
                core.service.detach()
                core.service = None

    @needs(Right.STOP, "start the service", on_everything)
    def start(self) -> ServiceView:
        """Start the service in whichever process can run it; raises `Refused` when there is none."""
        changed = self._want(True, note="start service")
        if self._becomes(running=True, seconds=SWITCH_S if self._context.core.service else NOBODY_S):
            return self.status()
        if changed:
            # A wish that was there before stays: whoever stands by may just be slow to take over.
            self._want(False, note="service not started")
        raise Refused(
            "The backup service cannot be started from here: no process is there to run it.",
            hint="Start `pwsops serve` (with the dashboard) or `pwsops service run`, and leave it running.",
        )

    @needs(Right.STOP, "stop the service", on_everything)
    def stop(self) -> ServiceView:
        """Stop the service, wherever it runs. Runs that have begun go on to their end."""
        self._want(False, note="stop service")
        if self._becomes(running=False, seconds=SWITCH_S):
            return self.status()
        raise PwsopsError(
            "The backup service was asked to stop and has not answered yet.",
            hint="It stops as soon as it can; `pwsops service status` tells.",
            transient=True,
        )

    def _want(self, requested: bool, *, note: str = "") -> bool:
        """Request the service to run or to stop; return whether that is new."""
        with self._context.core.catalogue.write() as connection:
            if service_state.load(connection).requested == requested:
                return False
            service_state.want(connection, requested)
            if note:
                self._context.note(connection, note, "service")
            return True

    def _becomes(self, *, running: bool, seconds: float) -> bool:
        clock, pause = self._context.core.clock, threading.Event()
        deadline = clock.monotonic() + seconds
        while self.status().running != running or is_running(self._context.core.home) != running:
            if clock.monotonic() > deadline:
                return False
            pause.wait(WATCH_EVERY_S / 4)
        return True

    def _parallel(self, connection: Connection) -> int:
        return int(BackupSettings.of(settings.load(connection)).parallel_runs)


def _why_not(*, requested: bool) -> str:
    if requested:
        return "The backup service is not running: no process is there to run it."
    return "The backup service is stopped."
