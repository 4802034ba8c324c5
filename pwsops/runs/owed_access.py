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
            found = [one for one in access.open_changes(connection) if one.is_due(now)]
            going = restores.every_open(connection) if found else []
        busy = {(row["instance"], row["database"]) for row in going if self._liveness.is_alive(row["owner"])}
        return [one for one in found if (one.instance, one.database) not in busy]

    def give_back(self, stop: threading.Event | None = None) -> None:
        """Give back what is due. A server that does not answer takes its time; `stop` ends it before the next one."""
        for one in self.due():
            if stop is not None and stop.is_set():
                return
            try:
                self._give_back(one)
            except Exception:  # noqa: BLE001 - one that cannot be given back must not keep the others
                _log.exception("a database's access could not be given back", database=one.database)

    def _give_back(self, one: ChangedAccess) -> None:
        try:
            engine = self._engine(one)
        except PwsopsError as error:
            self._failed(one, error)
            return
        try:
            if isinstance(engine, GivesBackAccess):
                engine.give_back_access(one.database, one.former_mode)
        except NotFound as error:
            self._close(one, f"nothing is owed any more: {error.message}")
        except PwsopsError as error:
            self._failed(one, error)
        else:
            self._close(one, "")

    def _engine(self, one: ChangedAccess) -> Engine:
        """Return the engine of the server on which the mode was changed, whatever its instance is called by now."""
        if one.broken:
            raise PwsopsError(
                f"Row {one.id} of what restores owe cannot be read: {one.broken}.",
                hint="Look at who may come into the databases that were restored, and mend the catalogue from a copy.",
            )
        with self._catalogue.read() as connection:
            name = access.at_place(connection, one)
        if name is None:
            raise NotFound(
                f"No instance is where {one.instance} was when {one.database} was closed: it was removed, or its "
                "address was changed.",
                hint=f"Add an instance with that address, or set {one.database} to {one.former_mode} there.",
            )
        return self._open_instance(name)

    def _failed(self, one: ChangedAccess, error: PwsopsError) -> None:
        with self._catalogue.write() as connection:
            access.failed(connection, one, error.message, now=self._clock.now())

    def _close(self, one: ChangedAccess, why: str) -> None:
        now = self._clock.now()
        with self._catalogue.write() as connection:
            access.close(connection, one, now=now, why=why)
            audit.append(
                connection,
                at=now,
                actor=outcomes.SERVICE,
                action="give back access",
                subject=f"{one.instance}/{one.database}",
                detail=why or f"{one.former_mode} again, after restore {one.restore_id}",
            )
