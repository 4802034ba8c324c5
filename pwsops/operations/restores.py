"""Restore into an existing database: find what is needed, check it all, then write."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

from pwsops.catalogue import RestoreRow, restores, sets, sightings
from pwsops.catalogue.restores import RestoreFilter as RestoreQuery
from pwsops.engines.protocol import Engine, RemembersSets
from pwsops.engines.records import Credentials
from pwsops.engines.requests import Progress, ProgressCallback, RestoreRequest, RestoreResult
from pwsops.errors import Conflict, MediaError, PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.belonging import require_theirs, set_at
from pwsops.operations.lookup import as_recorded, as_typed, find_restore, refuse_unrecorded, spelled, why_unrecorded
from pwsops.operations.periods import check_period
from pwsops.operations.records import RestorePage, RestoreView
from pwsops.operations.rights import as_login, in_roots, needs, of_instance, of_restore
from pwsops.operations.roots import refuse_home
from pwsops.rules.model import LOST, BackupKind, BackupSet, RunStatus
from pwsops.rules.restore_plan import RestorePlan, plan_restore
from pwsops.rules.rights import Right
from pwsops.runs.found_media import look_for
from pwsops.runs.restorer import Job, Tell
from pwsops.runs.same_file import recorded_in

PLAN = "plan a restore"
EVERY_RESTORE = RestoreQuery()
PAGE_SIZE = 50
FILES_LOOKED_INTO = 40
"""Beside an incremental, for its full: each takes the server some time to open."""


class Restores:
    """Plan restores, do them, and look at those that were done."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.RESTORE, PLAN, of_instance(), in_roots)
    def plan(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        *,
        credentials: Credentials | None = None,
    ) -> RestorePlan:
        """Return the sets that a restore of this one needs, in order; touches nothing.

        An incremental's full is looked for in the catalogue first, then where the instance remembers it, then beside
        the file. A set that the catalogue knows is given as it was recorded, so that the restore compares its file with
        that. `credentials` say who to be on the server; None is the instance's own login. Raises `MediaError` when the
        full is in none of these places, when a file cannot be read, or where another set was recorded there.
        """
        engine = self._context.engine(instance, credentials)
        target = set_at(self._context, engine, instance, path, position, PLAN)
        plan = plan_restore(target, list(self._candidates(engine, target)))
        require_theirs(self._context, engine, plan.sets, PLAN)
        there = [self._recorded(engine, one) for one in plan.sets]
        with self._context.read() as connection:
            recorded = tuple(as_recorded(connection, *each) for each in zip(there, plan.sets, strict=True))
        return replace(plan, sets=recorded)

    @needs(Right.RESTORE, PLAN, of_instance())
    def unrecorded(self, instance: str, plan: RestorePlan) -> str:
        """Return why a plan is carried out only with `accept_unrecorded`; empty: each of its sets was recorded."""
        with self._context.read() as connection:
            return why_unrecorded(connection, plan.sets)

    @needs(Right.MEDIA, "list backups", of_instance(), as_login)
    def sources(self, instance: str, database: str, *, credentials: Credentials | None = None) -> list[BackupSet]:
        """Return the backups of a database that the catalogue knows and that are not known to be lost, newest first.

        Each is looked for. One that could not be looked at is offered: it may be there.
        """
        core = self._context.core
        engine = self._context.engine(instance, credentials)
        with self._context.read() as connection:
            known = sets.of_database(connection, instance, database)
        seen = look_for(engine, known)
        with core.catalogue.write() as connection:
            sightings.record(connection, instance, seen, now=core.clock.now())
        lost = {set_id for set_id, sighting in seen.items() if sighting.state in LOST}
        return [one for one in known if one.set_id not in lost]

    @needs(Right.RESTORE, "restore a database", of_instance())
    def check(self, instance: str) -> None:
        """Raise `Denied` or `SignInAnew` where somebody may not restore there, as `begin` does; nothing is done."""

    @needs(Right.RESTORE, "restore a database", of_instance(), in_roots)
    def begin(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        *,
        create: bool = False,
        accept_unrecorded: bool = False,
        set_id: str | None = None,
        credentials: Credentials | None = None,
    ) -> RestoreView:
        """Let a restore begin that goes on by itself, replacing what is in the database; `get` tells how far it is.

        Parameters
        ----------
        create
            Create the database when the instance does not have it, once the backups are proven; without it the restore
            fails.
        accept_unrecorded
            Restore a backup that nobody recorded, too; audited. Without it `Refused` is raised.
        set_id
            Which set it must be: files may be overwritten between the choice and the start.
        credentials
            Who to be on the server; None is the instance's own login. They are kept for this restore only.

        Raises `MediaError` where a file that it needs cannot be read, and `Conflict` where a restore of that database
        goes on or another set is in the file: then nothing was touched.
        """
        chosen = () if set_id is None else (set_id,)
        job = self._begin(
            instance,
            database,
            path,
            position,
            create=create,
            accept_unrecorded=accept_unrecorded,
            chosen=chosen,
            credentials=credentials,
        )
        return self.get(job.id)

    @needs(Right.RESTORE, "restore a database", of_instance(), in_roots)
    def restore(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        *,
        create: bool = False,
        accept_unrecorded: bool = False,
        plan: RestorePlan | None = None,
        credentials: Credentials | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> RestoreResult:
        """Do a restore and wait for its end; whoever interrupts the waiting cancels it. See `begin`.

        `plan`: the one that was agreed to; where the files hold other sets by now, `Conflict` is raised.
        Raises `MediaError` for the first damaged file, with the database untouched, and whatever else it failed for.
        """
        told: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        chosen = () if plan is None else [one.set_id for one in plan.sets]
        job = self._begin(
            instance,
            database,
            path,
            position,
            create=create,
            accept_unrecorded=accept_unrecorded,
            chosen=chosen,
            credentials=credentials,
            tell=told.put,
        )
        try:
            while (progress := told.get()) is not None:
                if on_progress is not None:
                    on_progress(progress)
        except BaseException:
            job.cancel.set()
            job.done.wait()
            raise
        if job.error is not None:
            raise job.error
        assert job.result is not None
        return job.result

    @needs(Right.LOOK, "see a restore", of_restore)
    def get(self, restore_id: int) -> RestoreView:
        """Return one restore; raises `NotFound`."""
        core = self._context.core
        core.restorer.reconcile()
        with self._context.read() as connection:
            return _view(find_restore(connection, restore_id))

    @needs(Right.LOOK, "list restores", of_instance())
    def list(
        self, limit: int | None = 50, offset: int = 0, instance: str | None = None, database: str | None = None
    ) -> list[RestoreView]:
        """Return restores, newest first; of one instance or database only, where that is given."""
        core = self._context.core
        core.restorer.reconcile()
        with self._context.read() as connection:
            found = restores.listing(connection, limit=limit, offset=offset, instance=instance, database=database)
        return [_view(row) for row in found]

    @needs(Right.LOOK, "list restores")
    def page(
        self, query: RestoreQuery = EVERY_RESTORE, *, before: int | None = None, size: int = PAGE_SIZE
    ) -> RestorePage:
        """Return restores that fit, newest first; `before`: those with a smaller number."""
        check_period("restores", query.since, query.until)
        self._context.core.restorer.reconcile()
        with self._context.read() as connection:
            found = [_view(row) for row in restores.page(connection, query, limit=size + 1, before=before)]
            total = restores.total(connection, query)
        return RestorePage(restores=found[:size], total=total, older=found[size - 1].id if len(found) > size else None)

    @needs(Right.RESTORE, "cancel a restore", of_restore)
    def cancel(self, restore_id: int) -> None:
        """Ask a restore to stop, wherever it goes on.

        The database then holds what it held before, where the engine has `atomic_restore` or nothing was written yet.
        """
        core = self._context.core
        view = self.get(restore_id)
        if view.status.ended:
            raise Refused(
                f"The restore {restore_id} of {view.database} has ended already: {view.status.value}.",
                hint="There is nothing left to cancel.",
            )
        with core.catalogue.write() as connection:
            restores.ask_to_cancel(connection, restore_id)
            subject = f"{view.instance}/{view.database}"
            self._context.note(connection, "cancel restore", subject, f"restore {restore_id}")
        core.restorer.cancel(restore_id)

    def _begin(
        self,
        instance: str,
        database: str,
        path: str,
        position: int,
        *,
        create: bool,
        accept_unrecorded: bool,
        chosen: Sequence[str] = (),
        credentials: Credentials | None = None,
        tell: Tell = lambda progress: None,
    ) -> Job:
        core = self._context.core
        core.restorer.reconcile()
        engine = self._context.engine(instance, credentials)
        refuse_home(core, engine.instance)
        with nullcontext() if credentials else core.asking(instance):
            plan = self.plan(instance, database, path, position, credentials=credentials)
        if chosen and [one.set_id for one in plan.sets][-len(chosen) :] != list(chosen):
            raise Conflict(
                f"{path} was overwritten since it was chosen: it holds another backup of {plan.sets[-1].database} now, "
                "or rests on another full.",
                hint="Look at the backups again, and choose the one you want.",
            )
        # Under one name only: the second restore of a database has to be told from the first.
        database = spelled(engine, database) if create else self._typed(engine, database)
        self._require_recorded(instance, database, plan, accepted=accept_unrecorded)
        job = Job(
            engine=engine,
            request=RestoreRequest(database=database, sets=plan.sets, create_if_missing=create),
            instance=instance,
            actor=self._context.actor,
            tell=tell,
        )
        core.restorer.begin(job)
        return job

    def _recorded(self, engine: Engine, one: BackupSet) -> BackupSet | None:
        clock = self._context.core.clock
        found = recorded_in(self._context.read, engine, one.path, one.position, clock=clock)
        return found[0].backup_set if found else None

    def _typed(self, engine: Engine, database: str) -> str:
        names = [info.name for info in engine.databases()]
        with self._context.core.catalogue.read() as connection:
            return as_typed(connection, engine, database, names)

    def _require_recorded(self, instance: str, database: str, plan: RestorePlan, *, accepted: bool) -> None:
        """Refuse what may be forged, or note who takes it all the same."""
        with self._context.core.catalogue.write() as connection:
            try:
                refuse_unrecorded(connection, plan.sets)
            except Refused:
                if not accepted:
                    raise
                told = ", ".join(one.path for one in plan.sets)
                self._context.note(connection, "accept unrecorded backup", f"{instance}/{database}", told)

    def _candidates(self, engine: Engine, target: BackupSet) -> Iterator[BackupSet]:
        """Return the fulls that an incremental may rest on, each as its file says it is."""
        if target.kind is not BackupKind.DIFFERENTIAL or target.base_id is None:
            return
        with self._context.read() as connection:
            known = sets.by_id(connection, target.base_id)
        # Several sets may share a file, the full among them.
        refused: list[PwsopsError] = []
        told = _remembered(engine, target.base_id, refused)
        for path in dict.fromkeys([*(one.path for one in known), target.path, *told]):
            found = [one for one in _readable(engine, path, refused) if one.set_id == target.base_id]
            yield from found
            if found:
                return
        found = list(_beside(engine, target, refused))
        yield from found
        if not found and refused:
            raise refused[0]


def _view(row: RestoreRow) -> RestoreView:
    progress = None
    status = RunStatus(row["status"])
    if not status.ended and row["progress_phase"] is not None:
        progress = Progress(
            phase=row["progress_phase"], done_bytes=row["progress_done"], total_bytes=row["progress_total"]
        )
    values = {key: row[key] for key in RestoreView.__dataclass_fields__ if key not in ("progress", "messages")}
    values |= {"status": status, "kind": BackupKind(row["kind"])}
    return RestoreView(**values, progress=progress, messages=tuple(restores.messages_of(row)))


def _remembered(engine: Engine, set_id: str, refused: list[PwsopsError]) -> list[str]:
    """Return where the instance itself remembers a set, if anywhere; why it could not be asked goes to `refused`."""
    if not isinstance(engine, RemembersSets):
        return []
    try:
        found = engine.remembered_set(set_id)
    except PwsopsError as error:
        refused.append(error)
        return []
    return [found.path] if found is not None and found.path else []


def _beside(engine: Engine, target: BackupSet, refused: list[PwsopsError]) -> Iterator[BackupSet]:
    """Look for an incremental's full in the files beside it, the likeliest first.

    Raises `MediaError` where there are more of them than are looked into: then nobody knows that it is not there.
    """
    directory, own_name = engine.split(target.path)
    stem = own_name.upper().partition("_DIFF")[0]
    files = [
        entry
        for entry in engine.browse(directory)
        if not entry.is_directory and entry.name != own_name and entry.name.lower().endswith(".bak")
    ]
    files.sort(key=lambda entry: entry.name, reverse=True)
    # A full is older than what was built on it: of its own database's fulls, the newest before.
    files.sort(key=lambda entry: entry.modified_at is not None and entry.modified_at > target.finished_at)
    files.sort(key=lambda entry: (not entry.name.upper().startswith(stem), "_DIFF" in entry.name.upper()))
    for entry in files[:FILES_LOOKED_INTO]:
        found = [one for one in _readable(engine, entry.path, refused) if one.set_id == target.base_id]
        yield from found
        if found:
            return
    if len(files) > FILES_LOOKED_INTO:
        raise MediaError(
            f"The full that {target.path} needs is not known, and was not found in the {FILES_LOOKED_INTO} likeliest "
            f"of the {len(files)} files beside it.",
            hint="Move the full and the incremental into a directory of their own, and restore from there.",
        )


def _readable(engine: Engine, path: str, refused: list[PwsopsError]) -> list[BackupSet]:
    """Return the sets of a file, or none where it is gone or damaged: another copy may still serve.

    Why it could not be asked for, which says nothing of what it holds, goes to `refused`.
    """
    try:
        return engine.read_media(path)
    except MediaError:
        return []
    except PwsopsError as error:
        refused.append(error)
        return []
