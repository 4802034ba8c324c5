"""What a drill restores, found out when it begins: which backup, its chain, and where it is tried."""

from __future__ import annotations

from contextlib import suppress

from pwsops.catalogue import sightings
from pwsops.catalogue.drills import Wanted
from pwsops.engines.protocol import Engine
from pwsops.engines.scratch import DrillsBackups, Scratches
from pwsops.errors import InvalidInput, MediaError, NotFound, PwsopsError, Refused
from pwsops.operations import points, restoring
from pwsops.operations.access import Context
from pwsops.operations.lookup import typed
from pwsops.operations.restoring import Wish
from pwsops.rules.formatting import listed
from pwsops.runs.driller import Planned


def named(context: Context, instance: str, database: str, *, must_be_known: bool) -> str:
    """Return the name of the database that is meant, also where its instance is away or has it no more.

    Raises `NotFound` where it has to be known, and is told of nowhere.
    """
    with suppress(PwsopsError):  # what is recorded is drilled all the same, on this instance or another
        database = typed(context.core.catalogue, context.engine(instance), database)
    if must_be_known:
        with context.read() as connection:
            known = sightings.is_known(connection, instance, database)
        if not known:
            raise NotFound(
                f"Nothing is known of a database {database} of {instance}, so that nothing of it can be drilled.",
                hint="`pwsops databases` lists those there are; of a file that nobody recorded, give --file.",
            )
    return database


def scratches_of(engine: Engine, *, queries: int) -> Scratches:
    """Return what makes the scratch; raises `Refused` where the engine makes none, or asks no queries."""
    name = engine.instance.name
    if not isinstance(engine, DrillsBackups):
        raise Refused(f"Backups cannot be drilled on {name}.", hint="Restore one under a new name and look at it.")
    found = engine.scratches()
    if queries and (why := found.why_no_queries()):
        raise Refused(f"No queries can be asked in a drill on {name}, because {why}.", hint="Drill without queries.")
    return found


def refuse_other_engine(context: Context, instance: str, other: str) -> None:
    """Raise `InvalidInput` where a backup of one instance cannot be restored on another, which has another engine."""
    one, two = (context.core.instance_row(name).engine for name in (instance, other))
    if one != two:
        raise InvalidInput(
            f"A backup of {instance} cannot be drilled on {other}: they are of two engines ({one}, {two}).",
            hint=f"Choose an instance of the engine {one}.",
        )


def plan(context: Context, wanted: Wanted) -> Planned:
    """Return what a drill restores; raises `MediaError` where no backup can be restored, and what `restoring` does."""
    path, position = (wanted.path, wanted.position) if wanted.path else _newest(context, wanted)
    wish = Wish(instance=wanted.on_instance, database=wanted.database, path=path, position=position)
    with context.core.asking(wanted.on_instance):
        found = restoring.plan(context, wish)
    of = found.sets[-1].database
    if of != wanted.database:
        raise InvalidInput(
            f"{path} holds a backup of {of}, and not of {wanted.database}: nothing would be proven of that.",
            hint=f"Drill {of}, or choose another file.",
        )
    engine = context.engine(wanted.on_instance)
    return Planned(engine=engine, scratches=scratches_of(engine, queries=len(wanted.queries)), sets=found.sets)


def _newest(context: Context, wanted: Wanted) -> tuple[str, int]:
    """Return where the newest backup is that can be restored, as far as can be told."""
    instance, database = wanted.instance, wanted.database
    found = list(points.look(context, context.engine(instance), instance, database).views())
    point = next((one for one in found if one.restorable is not False), None)
    if point is not None:
        return point.path, point.position
    lost = listed([f"{one.path}: {one.why}" for one in found]) or "none is recorded"
    raise MediaError(
        f"No backup of {database} can be restored: {lost}.",
        hint="Take a full backup now; `pwsops points` shows what is amiss with those there were.",
    )
