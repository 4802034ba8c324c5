"""What a drill restores, found out when it begins: which backup, its chain, and where it is tried."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pwsops.catalogue import sets, sightings
from pwsops.catalogue.drills import Wanted
from pwsops.engines.protocol import Engine
from pwsops.engines.scratch import DrillsBackups, Scratches
from pwsops.errors import InvalidInput, MediaError, NotFound, PwsopsError, Refused
from pwsops.operations import points, restoring
from pwsops.operations.access import Context
from pwsops.operations.lookup import typed, why_unrecorded
from pwsops.operations.restoring import Wish
from pwsops.rules.model import BackupSet, Sighting
from pwsops.runs.driller import Planned
from pwsops.runs.found_media import look_for
from pwsops.runs.same_file import recorded_in


def named(context: Context, instance: str, database: str) -> str:
    """Return the name of the database that is meant, also where its instance is away or has it no more.

    Raises `NotFound` where it is told of nowhere.
    """
    with suppress(PwsopsError):  # what is recorded is drilled all the same, on this instance or another
        database = typed(context.core.catalogue, context.engine(instance), database)
    with context.read() as connection:
        known = sightings.is_known(connection, instance, database)
    if not known:
        raise NotFound(
            f"Nothing is known of a database {database} of {instance}, so that nothing of it can be drilled.",
            hint="`pwsops databases` lists those there are.",
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


class Planner:
    """Finds out what one drill restores, and where its files are seen where they cannot be read."""

    def __init__(self, context: Context, wanted: Wanted) -> None:
        self._context = context
        self._wanted = wanted
        self._known: Sequence[BackupSet] = ()

    def plan(self) -> Planned:
        """Return what is restored; raises what `restoring.plan` does.

        Without a choice that is the newest backup that is recorded, whatever is known against it: an older one in its
        place would prove nothing of the newest, and what was found bad may be good again.

        Raises
        ------
        MediaError
            There is no backup.
        InvalidInput
            The file holds one of another database, of which nothing would be proven.
        Refused
            Nobody recorded it: whoever may write there could have made it, and nothing would be proven either.
        """
        context, wanted = self._context, self._wanted
        path, position = (wanted.path, wanted.position) if wanted.path else self._newest()
        wish = Wish(instance=wanted.on_instance, database=wanted.database, path=path, position=position)
        engine = context.engine(wanted.on_instance)
        self._known = self._known or self._recorded(engine, path, position)
        with context.core.asking(wanted.on_instance):
            found = restoring.plan(context, wish)
        of = found.sets[-1].database
        if of != wanted.database:
            raise InvalidInput(
                f"{path} holds a backup of {of}, and not of {wanted.database}: nothing would be proven of that.",
                hint=f"Drill {of}, or choose another file.",
            )
        self._require_recorded(found.sets)
        return Planned(engine=engine, scratches=scratches_of(engine, queries=len(wanted.queries)), sets=found.sets)

    def _require_recorded(self, chosen: Sequence[BackupSet]) -> None:
        with self._context.read() as connection:
            why = why_unrecorded(connection, chosen)
        if why:
            raise Refused(
                why,
                hint="Drill a recorded backup. If you know where this one comes from, restore it under another name: "
                "`pwsops restore --accept-unrecorded`.",
            )

    def look(self) -> Sequence[Sighting]:
        """Return what is found where the files of the backup lie, as far as they are known."""
        return list(look_for(self._context.engine(self._wanted.on_instance), self._known).values())

    def _newest(self) -> tuple[str, int]:
        context, instance, database = self._context, self._wanted.instance, self._wanted.database
        engine = context.engine(instance)
        point = next((one for one in points.look(context, engine, instance, database).views() if one.chain), None)
        if point is None:
            raise MediaError(
                f"There is no backup of {database} to be drilled: none is recorded for {instance}.",
                hint="Take a full backup now.",
            )
        self._known = point.chain
        return point.path, point.position

    def _recorded(self, engine: Engine, path: str, position: int) -> Sequence[BackupSet]:
        context = self._context
        found = recorded_in(context.read, engine, path, position, clock=context.core.clock)[:1]
        with context.read() as connection:
            bases = [sets.ever(connection, one.backup_set.base_id) for one in found if one.backup_set.base_id]
        return [*filter(None, bases), *(one.backup_set for one in found)]
