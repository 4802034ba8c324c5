"""A restore told before it is done: each step with its file, what is missing, how long it takes, what is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pwsops.catalogue import drills, restores, sets
from pwsops.engines.protocol import Engine
from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.requests import RestoreRequest
from pwsops.errors import Denied, LoginRefused, MediaError, PwsopsError, Refused
from pwsops.operations import points, restoring
from pwsops.operations.access import Context
from pwsops.operations.lookup import why_unrecorded
from pwsops.operations.restoring import Wish
from pwsops.operations.roots import check_copy
from pwsops.rules.model import BackupKind, BackupSet, MediaState, Sighting
from pwsops.rules.restore_outlook import Expected, Loss, expected
from pwsops.rules.restore_plan import RestorePlan, plan_restore
from pwsops.runs.found_media import look_for
from pwsops.runs.safety_copies import CopyPlan
from pwsops.runs.same_file import recorded_in

SAVE, CHECK, RESTORE = "save", "check", "restore"


@dataclass(frozen=True, kw_only=True)
class PreviewStep:
    """One step of a restore.

    Parameters
    ----------
    action
        ``save`` what is there, ``check`` a backup from end to end, ``restore`` it.
    path, position
        The file that is read, and the set in it; of a copy that is taken, the directory that it goes to.
    kind, size_bytes
        Of the backup that is read; of a copy, None and what the database takes now.
    missing
        Why the file cannot be read, or nobody could look; empty: it is there.
    """

    action: str
    path: str
    position: int = 1
    kind: BackupKind | None = None
    size_bytes: int = 0
    missing: str = ""


@dataclass(frozen=True, kw_only=True)
class RestorePreview:
    """What a restore would do.

    Parameters
    ----------
    instance, database
        Where it goes; a file's path, where it goes into one.
    source
        The database whose backup it is.
    at
        The moment that it brings back.
    creates
        Whether what it goes into is made: it is not there, it may be made, and nothing is known to stand against that.
    obstacle
        Why it cannot be done as things are, with the next step; empty: nothing is known to stand against it.
    unrecorded
        Why it is done only with `accept_unrecorded`; empty: nothing of that kind.
    """

    instance: str
    database: str
    source: str
    at: datetime
    creates: bool
    steps: Sequence[PreviewStep]
    obstacle: str
    unrecorded: str
    expected: Expected
    loss: Loss


def preview(context: Context, wish: Wish) -> RestorePreview:
    """Return what a restore would do; nothing is done, and nothing is read as a whole.

    Raises what `plan` raises, where not even the catalogue knows which sets it would need.
    """
    engine = restoring.open_engine(context, wish)
    with nullcontext() if wish.credentials else context.core.asking(wish.instance):
        found, refused = _plan(context, engine, wish)
        asked, not_asked = _request(context, engine, wish, found)
        refused += not_asked
        if not refused:
            refused += restoring.obstacles(context, engine, wish, found, asked)
        target = None if asked.to_file else _target(engine, asked.database)
        copy, no_copy = _copy(context, engine, wish, asked, target)
        seen = look_for(engine, found.sets)
    last = found.sets[-1]
    with context.core.catalogue.read() as connection:
        unrecorded = why_unrecorded(connection, found.sets)
    with context.read() as connection:
        measured = [*restores.measured(connection, wish.instance), *drills.measured(connection, wish.instance)]
    told = map(context.redacted_error, [*refused, *no_copy])
    return RestorePreview(
        instance=wish.instance,
        database=asked.database,
        source=last.database,
        at=last.finished_at,
        creates=target is None and wish.may_be_made and not refused,
        steps=tuple(_steps(context, found, seen, copy, target)),
        obstacle=" ".join(f"{error.message} {error.hint}".strip() for error in told),
        unrecorded="" if wish.accept_unrecorded else unrecorded,
        expected=expected(
            measured,
            [one.details.get(sets.TOOK_S) for one in found.sets],
            database=asked.database,
            size_bytes=last.database_size_bytes,
        ),
        loss=_loss(context, engine, wish, asked, target, copy, last),
    )


Refusals = list[PwsopsError]


def _plan(context: Context, engine: Engine, wish: Wish) -> tuple[RestorePlan, Refusals]:
    """Return the sets that are needed, and why they cannot be had: of a file that is gone, those that were recorded."""
    try:
        return restoring.plan(context, wish), []
    except (LoginRefused, Denied):
        raise
    except PwsopsError as error:
        known = recorded_in(context.read, engine, wish.path, wish.position, clock=context.core.clock)
        if not known:
            raise
        target = known[0].backup_set
        with context.read() as connection:
            bases = sets.by_id(connection, target.base_id or "")
        try:
            return plan_restore(target, bases), [error]
        except MediaError:
            return RestorePlan(sets=(target,)), [error]


def _request(context: Context, engine: Engine, wish: Wish, found: RestorePlan) -> tuple[RestoreRequest, Refusals]:
    try:
        return restoring.request(context, engine, wish, found), []
    except LoginRefused:
        raise
    except PwsopsError as error:
        return RestoreRequest(database=wish.database, sets=found.sets), [error]


def _target(engine: Engine, database: str) -> DatabaseInfo | None:
    return next((one for one in engine.databases() if one.name == database), None)


def _copy(
    context: Context, engine: Engine, wish: Wish, asked: RestoreRequest, target: DatabaseInfo | None
) -> tuple[CopyPlan | None, Refusals]:
    """Return where a copy goes first, None where none is taken; and why one that is wanted cannot be."""
    if not wish.safety_copy or target is None:
        return None, []
    try:
        may_keep = partial(check_copy, context, wish.instance)
        copies = context.core.safety_copies
        return copies.plan(engine, wish.instance, asked.database, asked.sets[-1], may_keep=may_keep), []
    except Refused as error:
        return None, [error]


def _steps(
    context: Context,
    found: RestorePlan,
    seen: Mapping[str, Sighting],
    copy: CopyPlan | None,
    target: DatabaseInfo | None,
) -> Iterator[PreviewStep]:
    if copy is not None and copy.directory:
        yield PreviewStep(action=SAVE, path=copy.directory, size_bytes=target.size_bytes if target else 0)
    for action in (CHECK, RESTORE):
        for one in found.sets:
            yield PreviewStep(
                action=action,
                path=one.path,
                position=one.position,
                kind=one.kind,
                size_bytes=one.size_bytes,
                missing=context.redacted(_missing(seen.get(one.set_id))),
            )


def _missing(sighting: Sighting | None) -> str:
    if sighting is None or sighting.state is MediaState.PRESENT:
        return ""
    return sighting.reason or sighting.state.value


def _loss(
    context: Context,
    engine: Engine,
    wish: Wish,
    asked: RestoreRequest,
    target: DatabaseInfo | None,
    copy: CopyPlan | None,
    last: BackupSet,
) -> Loss:
    is_there = target is not None and target.state is not DatabaseState.EMPTY
    newest: datetime | None = None
    if is_there:
        there = points.look(context, engine, wish.instance, asked.database).points
        safe = [one for one in there if one.can_be_restored is not False and not one.set.is_safety_copy]
        newest = max((one.set.data_at for one in safe), default=None)
    why = "" if copy is None else copy.reason
    return Loss(
        database=asked.database,
        exists=is_there,
        at=last.finished_at,
        now=context.core.clock.now(),
        copy_to="" if copy is None else copy.directory,
        why_no_copy=why or (f"{asked.database} is empty" if target is not None and not is_there else ""),
        newest_backup_at=newest,
    )
