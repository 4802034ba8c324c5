"""Drills: try now whether a backup comes back, and how long that takes; list those that were done."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from typing import NamedTuple

from pwsops.catalogue import drills
from pwsops.catalogue.drills import Wanted
from pwsops.engines import registry
from pwsops.engines.requests import Progress, ProgressCallback
from pwsops.errors import InvalidInput, Refused
from pwsops.operations import drilling
from pwsops.operations.access import Context
from pwsops.operations.drill_records import DrillView, view
from pwsops.operations.lookup import find_drill
from pwsops.operations.rights import in_roots_if_named, needs, of_drill, of_instance
from pwsops.rules.drills import OUTCOME_WORDS, Query, unfit
from pwsops.rules.rights import Right
from pwsops.runs.driller import Job, Tell

__all__ = ["DrillView", "Drills", "Query"]

DRILL = "drill a backup"


class _Begun(NamedTuple):
    job: Job
    id: int


class Drills:
    """Try backups by restoring them into a scratch, and look at those that were tried."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.RESTORE, DRILL, of_instance(), of_instance("on"), in_roots_if_named)
    def start(
        self,
        instance: str,
        database: str,
        *,
        path: str | None = None,
        position: int = 1,
        on: str | None = None,
        queries: Sequence[Query] = (),
    ) -> DrillView:
        """Let a drill begin that goes on by itself; `get` tells how far it is. No database of anybody is touched.

        Parameters
        ----------
        path, position
            Which backup; None: the newest.
        on
            The instance on which it is tried; None: the one that it was taken on.
        queries
            At most five, each with the one value that it must give.

        Raises
        ------
        InvalidInput, NotFound, Refused
            It is no drill that could be done: an unknown database, another engine, too many queries.
        Conflict
            A drill of that database goes on.
        """
        return self.get(self._begin(instance, database, path, position, on, queries).id)

    @needs(Right.RESTORE, DRILL, of_instance(), of_instance("on"), in_roots_if_named)
    def run(
        self,
        instance: str,
        database: str,
        *,
        path: str | None = None,
        position: int = 1,
        on: str | None = None,
        queries: Sequence[Query] = (),
        on_progress: ProgressCallback | None = None,
    ) -> DrillView:
        """Do a drill and wait for its end; whoever interrupts the waiting cancels it. See `start`.

        Whatever it shows is returned, a failure, too.
        """
        reports: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        begun = self._begin(instance, database, path, position, on, queries, reports.put)
        try:
            while (progress := reports.get()) is not None:
                if on_progress is not None:
                    on_progress(progress)
        except BaseException:
            begun.job.cancel.set()
            begun.job.done.wait()
            raise
        return self.get(begun.id)

    @needs(Right.LOOK, "see a drill", of_drill)
    def get(self, drill_id: int) -> DrillView:
        """Return one drill; raises `NotFound`. What the database holds is shown to those alone who may restore."""
        self._context.core.driller.reconcile()
        with self._context.read() as connection:
            return view(find_drill(connection, drill_id), with_contents=self._sees_contents)

    @needs(Right.LOOK, "list drills", of_instance())
    def list(self, instance: str | None = None, database: str | None = None, limit: int | None = 50) -> list[DrillView]:
        """Return drills, newest first; of one instance or database only, where that is given."""
        self._context.core.driller.reconcile()
        with self._context.read() as connection:
            found = drills.listing(connection, limit=limit, instance=instance, database=database)
        return [view(row, with_contents=self._sees_contents) for row in found]

    @needs(Right.RESTORE, "cancel a drill", of_drill)
    def cancel(self, drill_id: int) -> None:
        """Ask a drill to stop, wherever it goes on; its scratch is dropped."""
        core = self._context.core
        seen = self.get(drill_id)
        if seen.outcome is not None:
            raise Refused(
                f"The drill {drill_id} of {seen.database} has ended already: {OUTCOME_WORDS[seen.outcome]}.",
                hint="There is nothing left to cancel.",
            )
        with core.catalogue.write() as connection:
            drills.ask_to_cancel(connection, drill_id)
            self._context.note(connection, "cancel drill", f"{seen.instance}/{seen.database}", f"drill {drill_id}")
        core.driller.cancel(drill_id)

    @property
    def _sees_contents(self) -> bool:
        return self._context.principal.has(Right.RESTORE)

    def _begin(
        self,
        instance: str,
        database: str,
        path: str | None,
        position: int,
        on: str | None,
        queries: Sequence[Query],
        tell: Tell = lambda progress: None,
    ) -> _Begun:
        context, core = self._context, self._context.core
        if why := unfit(queries):
            raise InvalidInput(f"{database} was not drilled: {why}.", hint="Give fewer queries, each with its value.")
        on = on or instance
        drilling.refuse_other_engine(context, instance, on)
        database = drilling.named(context, instance, database)
        drilling.scratches_of(context.engine(on), queries=len(queries))
        core.driller.reconcile()
        core.scratches.drop_files()
        row = core.instance_row(on)
        wanted = Wanted(
            instance=instance,
            database=database,
            on_instance=on,
            place=registry.place(row.engine, row.address),
            actor=context.actor,
            path=path or "",
            position=position,
            queries=tuple(queries),
        )
        planner = drilling.Planner(context, wanted)
        job = Job(wanted=wanted, plan=planner.plan, look=planner.look, tell=tell)
        core.driller.begin(job)
        return _Begun(job=job, id=job.id)
