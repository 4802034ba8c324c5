"""What a restore is to do, found out before it begins: the sets, the target, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TypedDict

from pwsops.engines.protocol import Engine
from pwsops.engines.records import Credentials
from pwsops.engines.requests import RestoreRequest
from pwsops.errors import CertificateNeeded, Conflict, InvalidInput, LoginRefused, PwsopsError
from pwsops.operations import fulls
from pwsops.operations.access import Context
from pwsops.operations.belonging import require_theirs, set_at
from pwsops.operations.lookup import as_recorded, refuse_unrecorded, spelled, typed, why_unrecorded
from pwsops.operations.roots import check_copy, refuse_home
from pwsops.rules.model import BackupSet
from pwsops.rules.restore_plan import RestorePlan, plan_restore
from pwsops.runs.restorer import Job, Tell
from pwsops.runs.same_file import recorded_in
from pwsops.runs.saved_copies import say_where
from pwsops.runs.work import Work

PLAN = "plan a restore"


class Target(TypedDict, total=False):
    """Where a restore goes, beside the names; each may be left out.

    Parameters
    ----------
    create
        Create the database when the instance does not have it, once the backups are proven; without it the restore
        fails.
    new
        Create the database, which must not be there yet; one that is stays as it is, and `Conflict` is raised.
    to_file
        Restore into this plain file instead, which must not be there yet; where the engine can
        (`restores_to_files`). `database` is not looked at then.
    credentials
        Who to be on the server; None is the instance's own login. They are kept for this restore only.
    accept_unrecorded
        Restore a backup that nobody recorded, too; audited. Without it `Refused` is raised.
    """

    create: bool
    new: bool
    to_file: str | None
    credentials: Credentials | None
    accept_unrecorded: bool


class Options(Target, total=False):
    """The same, and how it is done.

    Parameters
    ----------
    safety_copy
        Save what the database holds first, as a copy that is nobody's base; where that fails, nothing is restored.
    keeps_beside
        Whoever restores was told that what is there is kept beside, so that nothing is written into it, whatever it is
        by now; on an engine that `keeps_unreadable`. What is empty, or cannot be opened, is always kept so.
    """

    safety_copy: bool
    keeps_beside: bool


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A restore as it was asked for: which set, and where it goes; see `Options`."""

    instance: str
    database: str
    path: str
    position: int = 1
    create: bool = False
    new: bool = False
    to_file: str | None = None
    accept_unrecorded: bool = False
    safety_copy: bool = False
    keeps_beside: bool = False
    credentials: Credentials | None = None

    @property
    def may_be_made(self) -> bool:
        """Whether the restore may make what it goes into."""
        return self.create or self.new or self.to_file is not None


def plan(context: Context, wish: Wish) -> RestorePlan:
    """Return the sets that a restore needs, in order; see `Restores.plan`."""
    engine = open_engine(context, wish)
    target = set_at(context, engine, wish.instance, wish.path, wish.position, PLAN)
    found = plan_restore(target, list(fulls.candidates(context, engine, target)))
    require_theirs(context, engine, found.sets, PLAN)
    there = [_recorded(context, engine, one) for one in found.sets]
    with context.read() as connection:
        recorded = tuple(as_recorded(connection, *each) for each in zip(there, found.sets, strict=True))
    return replace(found, sets=recorded)


def open_engine(context: Context, wish: Wish) -> Engine:
    """Return the engine of a restore; raises `Refused` where it would go into the home, or cannot go into a file."""
    engine = context.engine(wish.instance, wish.credentials)
    refuse_home(context.core, engine.instance)
    if wish.to_file is not None and not engine.capabilities.restores_to_files:
        raise InvalidInput(
            f"A backup of {wish.instance} cannot be restored into a plain file.",
            hint="Restore it into a database of a new name.",
        )
    return engine


def request(context: Context, engine: Engine, wish: Wish, found: RestorePlan) -> RestoreRequest:
    """Return what is asked of the engine, under the target's one name.

    Raises
    ------
    Conflict
        The database must be new, and the instance has it.
    """
    if wish.to_file is not None:
        return RestoreRequest(
            database=wish.to_file, sets=found.sets, create_if_missing=True, must_be_new=True, to_file=wish.to_file
        )
    # Under one name only: the second restore of a database has to be told from the first.
    if wish.new and (there := engine.spelled(wish.database)) is not None:
        raise Conflict(
            f"{wish.instance} has the database {there} already; it was left as it is.",
            hint="Give another name, or restore into it to replace what it holds.",
        )
    catalogue = context.core.catalogue
    name = spelled(engine, wish.database) if wish.may_be_made else typed(catalogue, engine, wish.database)
    return RestoreRequest(
        database=name,
        sets=found.sets,
        create_if_missing=wish.may_be_made,
        must_be_new=wish.new,
        keeps_beside=wish.keeps_beside,
    )


def obstacles(
    context: Context, engine: Engine, wish: Wish, found: RestorePlan, asked: RestoreRequest
) -> Iterator[PwsopsError]:
    """Yield what keeps a restore from being done as things are, each as it is raised then; nothing is done or noted.

    Without what keeps a copy from being taken first. Raises `LoginRefused`: then nothing more is asked.
    """
    free = partial(context.core.restorer.require_free, wish.instance, asked.database)
    for check in (partial(_refuse_unrecorded, context, wish, found), free, partial(engine.check_restore, asked)):
        try:
            check()
        except LoginRefused:
            raise
        except PwsopsError as error:
            say_where(context.read, error)
            yield error


def begin(context: Context, wish: Wish, *, chosen: Sequence[str] = (), tell: Tell = lambda progress: None) -> Job:
    """Let a restore begin; see `Restores.begin`.

    `chosen`: the `set_id` of the sets that it must be, the last ones of its chain. `tell` is given how far it is.
    """
    core = context.core
    core.restorer.reconcile()
    engine, found, asked = _prepared(context, wish, chosen)
    _accept(context, wish, asked.database, found)
    job = Job(engine=engine, request=asked, instance=wish.instance, actor=context.actor, tell=tell)
    if wish.to_file is None:
        first = partial(_save_first, context) if wish.safety_copy else core.safety_copies.keep_beside
        job.before = partial(first, job)
    core.restorer.begin(job)
    return job


def script(context: Context, wish: Wish) -> str:
    """Return what does a restore without pwsops; see `Restores.script`."""
    engine, found, asked = _prepared(context, wish)
    _accept(context, wish, asked.database, found)
    with nullcontext() if wish.credentials else context.core.asking(wish.instance):
        try:
            engine.check_restore(asked)
        except CertificateNeeded:
            pass  # whoever runs it brings the certificate
        except PwsopsError as error:
            if not error.transient:  # it is run another time
                raise
        return engine.restore_script(asked)


def _prepared(context: Context, wish: Wish, chosen: Sequence[str] = ()) -> tuple[Engine, RestorePlan, RestoreRequest]:
    engine = open_engine(context, wish)
    with nullcontext() if wish.credentials else context.core.asking(wish.instance):
        found = plan(context, wish)
        if chosen and [one.set_id for one in found.sets][-len(chosen) :] != list(chosen):
            raise Conflict(
                f"{wish.path} was overwritten since it was chosen: it holds another backup of "
                f"{found.sets[-1].database} now, or rests on another full.",
                hint="Look at the backups again, and choose the one you want.",
            )
        return engine, found, request(context, engine, wish, found)


def _save_first(context: Context, job: Job, work: Work) -> None:
    """Save what the database holds now, unless the restore could not be done anyway."""
    try:
        job.engine.check_restore(job.request)
    except PwsopsError as error:
        if not error.transient:  # the restore itself waits for what passes
            raise
    context.core.safety_copies.take(job, work, may_keep=partial(check_copy, context, job.instance))


def _recorded(context: Context, engine: Engine, one: BackupSet) -> BackupSet | None:
    found = recorded_in(context.read, engine, one.path, one.position, clock=context.core.clock)
    return found[0].backup_set if found else None


def _refuse_unrecorded(context: Context, wish: Wish, found: RestorePlan) -> None:
    if not wish.accept_unrecorded:
        with context.core.catalogue.read() as connection:
            refuse_unrecorded(connection, found.sets)


def _accept(context: Context, wish: Wish, database: str, found: RestorePlan) -> None:
    """Refuse what may be forged, or note who takes it all the same."""
    _refuse_unrecorded(context, wish, found)
    with context.core.catalogue.write() as connection:
        if why_unrecorded(connection, found.sets):
            paths = ", ".join(one.path for one in found.sets)
            context.note(connection, "accept unrecorded backup", f"{wish.instance}/{database}", paths)
