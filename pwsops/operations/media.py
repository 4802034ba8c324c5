"""Media files: what is in one, and whether it still holds."""

from __future__ import annotations

from functools import partial

from pwsops.catalogue import sets, sightings
from pwsops.engines.protocol import Engine
from pwsops.engines.records import Credentials
from pwsops.engines.registry import embedded_engine
from pwsops.engines.requests import ProgressCallback, Verification
from pwsops.errors import MediaError
from pwsops.operations.access import Context
from pwsops.operations.belonging import read_theirs, set_at
from pwsops.operations.records import RunSets
from pwsops.operations.rights import as_login, in_roots, needs, of_instance, of_run
from pwsops.rules.model import BackupSet
from pwsops.rules.rights import Right
from pwsops.runs.found_media import note_bad
from pwsops.runs.same_file import recorded_in

READ, VERIFY = "read a backup file", "verify a backup"


class Media:
    """Read and verify media files."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.MEDIA, READ, of_instance(), as_login, in_roots)
    def read(
        self, path: str, instance: str | None = None, *, credentials: Credentials | None = None
    ) -> list[BackupSet]:
        """List every backup set in a file, by position.

        Parameters
        ----------
        path
            The file, as the instance's server sees it.
        instance
            Whose server; None takes the embedded engine, whose media need none.
        credentials
            Who to be on it; None is the instance's own login.
        """
        return read_theirs(self._context, self._engine(instance, credentials), instance, path, READ)

    @needs(Right.MEDIA, READ, of_instance(), in_roots)
    def find(self, path: str, position: int, instance: str | None = None) -> BackupSet:
        """Return one set of a file; raises `InvalidInput` when the file has no such position."""
        return set_at(self._context, self._engine(instance), instance, path, position, READ)

    @needs(Right.MEDIA, "see what a run took", of_run)
    def of_run(self, run_id: int) -> RunSets:
        """Return the sets that a run took and that no later one replaced; their files are not looked for."""
        with self._context.read() as connection:
            instance, found = sets.of_run(connection, run_id)
        return RunSets(instance=instance, sets=tuple(found))

    @needs(Right.VERIFY, VERIFY, of_instance(), in_roots)
    def verify(
        self,
        path: str,
        position: int = 1,
        instance: str | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> Verification:
        """Read a set from end to end and check every checksum; damage is raised as `MediaError`.

        What is found counts in the verdict on its database, where the catalogue knows the set.
        """
        core = self._context.core
        engine = self._engine(instance)
        try:
            backup_set = set_at(self._context, engine, instance, path, position, VERIFY)
            found = engine.verify(backup_set, on_progress)
        except MediaError as error:
            note_bad(core.catalogue, engine, path, position, error.message, clock=core.clock)
            core.events.record(self._context.actor, "verify backup", path, f"set {position} is bad: {error.message}")
            raise
        good = found.backup_set
        known = recorded_in(core.catalogue.read, engine, good.path, good.position, clock=core.clock, set_id=good.set_id)
        with core.catalogue.write() as connection:
            for where, known_set in known:
                sightings.prove(connection, where, [known_set], now=core.clock.now())
            self._context.note(connection, "verify backup", path, f"set {position} is good")
        return found

    def _engine(self, instance: str | None, credentials: Credentials | None = None) -> Engine:
        context = self._context
        if instance is None:
            return embedded_engine(partial(context.core.private_key, context.actor), context.core.off_limits(""))
        return context.engine(instance, credentials)
