"""Let those into their databases again who use them, where a restore took them and died, or could not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from pwsops.catalogue import Catalogue, access, audit, outcomes, restores
from pwsops.catalogue.access import ChangedAccess
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine, GivesBackAccess
from pwsops.errors import NotFound, PwsopsError
from pwsops.runs.liveness import Liveness

_log = structlog.get_logger()

OpenInstance = Callable[[str], Engine]


class OwedAccess:
    """Finds the databases whose former mode is owed, and gives it back, ever more seldom until it works.

    Parameters
    ----------
    catalogue, clock, liveness
        Where it is remembered, the time, and who is alive: a restore that goes on gives it back itself.
    open_instance
        Gives the engine of an instance by its name; raises `PwsopsError`.
    """

    def __init__(self, catalogue: Catalogue, *, clock: Clock, liveness: Liveness, open_instance: OpenInstance) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._liveness = liveness
        self._open_instance = open_instance

    def due(self) -> list[ChangedAccess]:
        """Return those that it is time to see to. Quick."""
        now = self._clock.now()
        with self._catalogue.read() as connection:
            found = [change for change in access.open_changes(connection) if change.is_due(now)]
            going = restores.every_open(connection) if found else []
        busy = {(row["instance"], row["database"]) for row in going if self._liveness.is_alive(row["owner"])}
        return [change for change in found if (change.instance, change.database) not in busy]

    def give_back(self, stop: threading.Event | None = None) -> None:
        """Restore the access that is due. A server that does not answer takes its time; `stop` ends it in between."""
        for change in self.due():
            if stop is not None and stop.is_set():
                return
            try:
                self._give_back(change)
            except Exception:  # noqa: BLE001 - one that cannot be given back must not keep the others
                _log.exception("a database's access could not be given back", database=change.database)

    def _give_back(self, change: ChangedAccess) -> None:
        try:
            engine = self._engine(change)
        except PwsopsError as error:
            self._failed(change, error)
            return
        try:
            if isinstance(engine, GivesBackAccess):
                engine.give_back_access(change.database, change.former_mode)
        except NotFound as error:
            self._close(change, f"nothing is owed any more: {error.message}")
        except PwsopsError as error:
            self._failed(change, error)
        else:
            self._close(change, "")

    def _engine(self, change: ChangedAccess) -> Engine:
        """Return the engine of the server on which the mode was changed, whatever its instance is called by now."""
        if change.broken:
            raise PwsopsError(
                f"Row {change.id} of what restores owe cannot be read: {change.broken}.",
                hint="Look at who may come into the databases that were restored, and mend the catalogue from a copy.",
            )
        with self._catalogue.read() as connection:
            name = access.at_place(connection, change)
        if name is None:
            raise NotFound(
                f"No instance is where {change.instance} was when {change.database} was closed: it was removed, or its "
                "address was changed.",
                hint=f"Add an instance with that address, or set {change.database} to {change.former_mode} there.",
            )
        return self._open_instance(name)

    def _failed(self, change: ChangedAccess, error: PwsopsError) -> None:
        with self._catalogue.write() as connection:
            access.failed(connection, change, error.message, now=self._clock.now())

    def _close(self, change: ChangedAccess, why: str) -> None:
        now = self._clock.now()
        with self._catalogue.write() as connection:
            access.close(connection, change, now=now, why=why)
            audit.append(
                connection,
                at=now,
                actor=outcomes.SERVICE,
                action="give back access",
                subject=f"{change.instance}/{change.database}",
                detail=why or f"{change.former_mode} again, after restore {change.restore_id}",
            )
