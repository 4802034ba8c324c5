"""Restore into an existing database: find what is needed, check it all, then write."""

from __future__ import annotations

from collections.abc import Iterator

from pwsops.catalogue import sets
from pwsops.engines.base import Engine, ProgressCallback, RestoreRequest, RestoreResult
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.access import Context, Role
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.restore_plan import RestorePlan, plan_restore


class Restores:
    """Plan and do restores."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def plan(self, instance: str, database: str, path: str, position: int = 1) -> RestorePlan:
        """Give the sets that a restore of this one needs, in order; touches nothing.

        An incremental's full is looked for in the catalogue first, then beside the file. Raises `MediaError` when it
        is in neither, or when a file cannot be read.
        """
        engine = self._context.core.engine(instance)
        target = _at(engine, path, position)
        return plan_restore(target, list(self._candidates(engine, target)))

    def restore(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        *,
        create: bool = False,
        on_progress: ProgressCallback | None = None,
    ) -> RestoreResult:
        """Put a backup into a database of the instance, replacing what is in it.

        Parameters
        ----------
        create
            Create the database, empty, when the instance does not have it; without it that raises `NotFound`.

        Raises `MediaError` for the first damaged file, with the database untouched.
        """
        self._context.allow(Role.ADMIN, "restore a database")
        core = self._context.core
        engine = core.engine(instance)
        plan = self.plan(instance, database, path, position)
        if create and database not in {info.name for info in engine.databases()}:
            engine.create_database(database)
            with core.catalogue.write() as connection:
                self._context.note(connection, "create database", f"{instance}/{database}", "empty, to restore into")
        subject, what = f"{instance}/{database}", f"set {position} of {path}"
        with core.catalogue.write() as connection:
            self._context.note(connection, "restore begins", subject, what)
        try:
            result = engine.restore(RestoreRequest(database=database, sets=plan.sets), on_progress)
        except PwsopsError as error:
            with core.catalogue.write() as connection:
                self._context.note(connection, "restore failed", subject, f"{what}: {error.message}")
            raise
        with core.catalogue.write() as connection:
            self._context.note(connection, "restore succeeded", subject, what)
        return result

    def _candidates(self, engine: Engine, target: BackupSet) -> Iterator[BackupSet]:
        """Give the fulls that an incremental may rest on, each as its file says it is."""
        if target.kind is not BackupKind.DIFFERENTIAL or target.base_id is None:
            return
        with self._context.core.catalogue.read() as connection:
            known = sets.by_id(connection, target.base_id)
        # Several sets may share a file, the full among them.
        for path in [*(one.path for one in known), target.path]:
            found = [one for one in _readable(engine, path) if one.set_id == target.base_id]
            yield from found
            if found:
                return
        directory, own_name = engine.split(target.path)
        for entry in engine.browse(directory):
            if not entry.is_directory and entry.name != own_name and entry.name.endswith(".bak"):
                found = [one for one in _readable(engine, entry.path) if one.set_id == target.base_id]
                yield from found
                if found:
                    return


def _at(engine: Engine, path: str, position: int) -> BackupSet:
    found = engine.read_media(path)
    for backup_set in found:
        if backup_set.position == position:
            return backup_set
    raise InvalidInput(f"{path} has no backup set {position}.", hint=f"It has {len(found)}; `pwsops media` lists them.")


def _readable(engine: Engine, path: str) -> list[BackupSet]:
    """Give the sets of a file, or none where it is gone or damaged: another copy may still serve."""
    try:
        return engine.read_media(path)
    except PwsopsError:
        return []
