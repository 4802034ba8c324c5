"""Restore into an existing database: find what is needed, check it all, then write."""

from __future__ import annotations

import queue
import re
from dataclasses import replace
from typing import Unpack

from pwsops.catalogue import RestoreRow, restores
from pwsops.catalogue.restores import RestoreFilter as RestoreQuery
from pwsops.engines.records import Credentials
from pwsops.engines.requests import Progress, ProgressCallback, RestoreResult
from pwsops.errors import CertificateNeeded, PwsopsError, Refused
from pwsops.operations import points, previews, restoring
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_restore, why_unrecorded
from pwsops.operations.periods import check_period
from pwsops.operations.previews import RestorePreview
from pwsops.operations.records import RestorePage, RestoreView
from pwsops.operations.restoring import PLAN, Options, Target, Wish
from pwsops.operations.rights import as_login, in_roots, needs, of_instance, of_restore, to_kept
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from pwsops.rules.restore_plan import RestorePlan
from pwsops.rules.rights import Right
from pwsops.runs.restorer import Job
from pwsops.runs.saved_copies import say_where

_THUMBPRINT = re.compile(r"\b[0-9A-F]{40}\b")
EVERY_RESTORE = RestoreQuery()
PAGE_SIZE = 50


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
        wish = Wish(instance=instance, database=database, path=path, position=position, credentials=credentials)
        return restoring.plan(self._context, wish)

    @needs(Right.RESTORE, PLAN, of_instance(), in_roots, to_kept)
    def preview(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        **options: Unpack[Options],
    ) -> RestorePreview:
        """Return what `restore` would do when it is given the same: its steps, what is missing, what is lost.

        Nothing is done. Raises what `plan` raises, where nobody knows which sets it would need.
        """
        wish = Wish(instance=instance, database=database, path=path, position=position, **options)
        return previews.preview(self._context, wish)

    @needs(Right.RESTORE, PLAN, of_instance(), in_roots, to_kept)
    def script(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        **options: Unpack[Target],
    ) -> str:
        """Return what does a restore without pwsops, as an administrator runs it; nothing is done.

        T-SQL for a server, a shell script that runs `recover.py` for files. No copy of what is there is taken by it.
        Raises what `begin` raises for what can be seen before, and what the engine's `restore_script` raises. A private
        key that is missing here, or a database in use now, keeps nobody from running it elsewhere or later.
        """
        wish = Wish(instance=instance, database=database, path=path, position=position, **options)
        return restoring.script(self._context, wish)

    @needs(Right.RESTORE, PLAN, of_instance())
    def unrecorded(self, instance: str, plan: RestorePlan) -> str:
        """Return why a plan is carried out only with `accept_unrecorded`; empty: each of its sets was recorded."""
        with self._context.core.catalogue.read() as connection:
            return why_unrecorded(connection, plan.sets)

    @needs(Right.MEDIA, "list backups", of_instance(), as_login)
    def sources(self, instance: str, database: str, *, credentials: Credentials | None = None) -> list[BackupSet]:
        """Return the backups of a database that the catalogue knows and that are not known to be lost, newest first.

        Each is looked for. One that could not be looked at is offered: it may be there.
        """
        found = points.look(self._context, self._context.engine(instance, credentials), instance, database)
        return [one.set for one in found.views() if one.set is not None and not one.lost_itself]

    @needs(Right.RESTORE, "restore a database", of_instance())
    def check(self, instance: str) -> None:
        """Raise `Denied` or `SignInAnew` where somebody may not restore there, as `begin` does; nothing is done."""

    @needs(Right.RESTORE, "restore a database", of_instance(), in_roots, to_kept)
    def begin(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        *,
        set_id: str | None = None,
        **options: Unpack[Options],
    ) -> RestoreView:
        """Let a restore begin that goes on by itself, replacing what is in the database; `get` tells how far it is.

        Parameters
        ----------
        options
            Where it goes, and how; see `restoring.Options`.
        set_id
            Which set it must be: files may be overwritten between the choice and the start.

        Raises `MediaError` where a file that it needs cannot be read, and `Conflict` where a restore of that database
        goes on or another set is in the file: then nothing was touched.
        """
        chosen = () if set_id is None else (set_id,)
        wish = Wish(instance=instance, database=database, path=path, position=position, **options)
        job = restoring.begin(self._context, wish, chosen=chosen)
        return self.get(job.id)

    @needs(Right.RESTORE, "restore a database", of_instance(), in_roots, to_kept)
    def restore(
        self,
        instance: str,
        database: str,
        path: str,
        position: int = 1,
        *,
        plan: RestorePlan | None = None,
        on_progress: ProgressCallback | None = None,
        **options: Unpack[Options],
    ) -> RestoreResult:
        """Do a restore and wait for its end; whoever interrupts the waiting cancels it. See `begin`.

        `plan`: the one that was agreed to; where the files hold other sets by now, `Conflict` is raised.
        Raises `MediaError` for the first damaged file, with the database untouched, and whatever else it failed for.
        """
        reports: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        chosen = () if plan is None else [one.set_id for one in plan.sets]
        wish = Wish(instance=instance, database=database, path=path, position=position, **options)
        job = restoring.begin(self._context, wish, chosen=chosen, tell=reports.put)
        try:
            return _awaited(job, reports, on_progress)
        except PwsopsError as error:
            say_where(self._context.read, error)
            raise

    @needs(Right.LOOK, "see a restore", of_restore)
    def get(self, restore_id: int) -> RestoreView:
        """Return one restore; raises `NotFound`."""
        core = self._context.core
        core.restorer.reconcile()
        with self._context.read() as connection:
            return self._view(find_restore(connection, restore_id))

    @needs(Right.LOOK, "list restores", of_instance())
    def list(
        self, limit: int | None = 50, offset: int = 0, instance: str | None = None, database: str | None = None
    ) -> list[RestoreView]:
        """Return restores, newest first; of one instance or database only, where that is given."""
        core = self._context.core
        core.restorer.reconcile()
        with self._context.read() as connection:
            found = restores.listing(connection, limit=limit, offset=offset, instance=instance, database=database)
        return [self._view(row) for row in found]

    @needs(Right.LOOK, "list restores")
    def page(
        self, query: RestoreQuery = EVERY_RESTORE, *, before: int | None = None, size: int = PAGE_SIZE
    ) -> RestorePage:
        """Return restores that fit, newest first; `before`: those with a smaller number."""
        check_period("restores", query.since, query.until)
        self._context.core.restorer.reconcile()
        with self._context.read() as connection:
            found = [self._view(row) for row in restores.page(connection, query, limit=size + 1, before=before)]
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

    def _view(self, row: RestoreRow) -> RestoreView:
        """Return one as it is shown: what an instance or the system said may have paths in it that are not told."""
        told = self._context.redacted
        progress = None
        status = RunStatus(row["status"])
        if not status.ended and row["progress_phase"] is not None:
            progress = Progress(
                phase=row["progress_phase"], done_bytes=row["progress_done"], total_bytes=row["progress_total"]
            )
        values = {key: row[key] for key in RestoreView.__dataclass_fields__ if key not in ("progress", "messages")}
        values |= {"status": status, "kind": BackupKind(row["kind"])}
        values |= {"error": told(row["error"]), "hint": told(self._hint(row))}
        messages = [replace(each, text=told(each.text)) for each in restores.messages_of(row)]
        return RestoreView(**values, progress=progress, messages=tuple(messages))

    def _hint(self, row: RestoreRow) -> str:
        """Return the next step of one that failed, with where a certificate that it lacked is, as who asks may know."""
        lacks = _THUMBPRINT.search(row["error"])
        if lacks is None:
            return str(row["hint"])
        needed = CertificateNeeded("", hint=row["hint"], thumbprint=lacks[0])
        say_where(self._context.read, needed)
        return needed.hint


def _awaited(
    job: Job, reports: queue.SimpleQueue[Progress | None], on_progress: ProgressCallback | None
) -> RestoreResult:
    """Return what came of a restore, once it has ended; raise what it failed for."""
    try:
        while (progress := reports.get()) is not None:
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
