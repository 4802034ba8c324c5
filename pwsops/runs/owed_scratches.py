"""Drop the scratches of drills that died, or could not drop theirs: only what was written down before it was made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from pwsops.catalogue import Catalogue, drill_outcomes, drills
from pwsops.catalogue.drills import DrillRow
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.engines.scratch import DrillsBackups
from pwsops.errors import NotFound, PwsopsError
from pwsops.runs.driller import Driller
from pwsops.runs.liveness import Liveness

_log = structlog.get_logger()

TOO_EARLY = "it was not there; it is looked for once more, because its server may begin to make it a moment later"

FILES_S = 5.0
"""How long files that are dropped are waited for: the disk for drills may hang."""

OpenScratches = Callable[[str | None], Engine]
"""Gives the engine of an instance by its name; None: the embedded one, which drops files of no instance."""


class OwedScratches:
    """Finds what is left of scratches that nobody works in, and drops it, ever more seldom until it is gone.

    Parameters
    ----------
    catalogue, clock, liveness
        Where they are remembered, the time, and who is alive.
    driller
        The drills of this process, which drop their own.
    open_engine
        See `OpenScratches`; raises `PwsopsError`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        clock: Clock,
        liveness: Liveness,
        driller: Driller,
        open_engine: OpenScratches,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._liveness = liveness
        self._driller = driller
        self._open_engine = open_engine
        self._starting = threading.Lock()
        self._files: threading.Thread | None = None
        """Drops files; it lasts as long as their disk hangs."""

    def due(self) -> list[DrillRow]:
        """Return the drills whose scratch it is time to see to. Quick; ends those that nobody carries on."""
        self._driller.reconcile()
        with self._catalogue.read() as connection:
            found = drills.owed(connection, self._clock.now())
        return [row for row in found if not self._is_at_it(row)]

    def drop_files(self) -> None:
        """Drop what is a file of this machine; what hangs is waited for shortly, and only one thread waits longer."""
        found = [row for row in self.due() if row.scratch_place]
        with self._starting:
            if not found or (self._files is not None and self._files.is_alive()):
                return
            self._files = threading.Thread(
                target=self._drop_each, args=(found, None), name="pwsops-scratches", daemon=True
            )
            self._files.start()
        self._files.join(FILES_S)

    def drop(self, stop: threading.Event | None = None) -> None:
        """Drop all of it. A server that does not answer takes its time; `stop` ends it in between."""
        self.drop_files()
        self._drop_each([row for row in self.due() if not row.scratch_place], stop)

    def _drop_each(self, found: Sequence[DrillRow], stop: threading.Event | None) -> None:
        for row in found:
            if stop is not None and stop.is_set():
                return
            try:
                self._drop(row)
            except Exception:  # noqa: BLE001 - one that cannot be dropped must not keep the others
                _log.exception("a scratch could not be dropped", drill_id=row.id, scratch=row.scratch)

    def _is_at_it(self, row: DrillRow) -> bool:
        return row.ended_at is None and not self._liveness.is_orphaned(row.owner, goes_on=self._driller.goes_on(row.id))

    def _drop(self, row: DrillRow) -> None:
        try:
            engine = self._engine(row)
            was_there = isinstance(engine, DrillsBackups) and engine.scratches().drop(row.scratch_made)
        except PwsopsError as error:
            self._later(row, error.message)
            return
        if was_there or row.scratch_place or row.drop_tries:
            with self._catalogue.write() as connection:
                drill_outcomes.dropped(connection, row, now=self._clock.now())
        else:
            self._later(row, TOO_EARLY)

    def _engine(self, row: DrillRow) -> Engine:
        """Return an engine that drops it: that of the server it was made on, whatever that is called by now."""
        if row.scratch_place:
            return self._open_engine(None)
        with self._catalogue.read() as connection:
            name = drills.at_place(connection, row)
        if name is None:
            raise NotFound(
                f"No instance is where {row.on_instance} was when {row.scratch} was made: it was removed, or given "
                "another address.",
                hint=f"Add an instance with that address, or drop the database {row.scratch} there.",
            )
        return self._open_engine(name)

    def _later(self, row: DrillRow, why: str) -> None:
        with self._catalogue.write() as connection:
            drills.drop_again(connection, row, why, now=self._clock.now())
