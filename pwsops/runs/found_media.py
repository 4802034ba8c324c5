"""The files of backups, looked for where they were written, and kept as bad where reading them failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pwsops.catalogue import Catalogue, planning, sightings
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.errors import MediaError, PwsopsError
from pwsops.rules.model import BackupSet, MediaState, Sighting
from pwsops.runs.same_file import recorded_in


def look_for(engine: Engine, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
    """Return what is found where sets were written; where nobody can be asked, that it is not known."""
    if not sets:
        return {}
    try:
        return engine.look_for(sets)
    except PwsopsError as error:
        return {backup_set.set_id: Sighting(state=MediaState.UNKNOWN, reason=error.message) for backup_set in sets}


def note_error(
    catalogue: Catalogue, engine: Engine, sets: Sequence[BackupSet], error: MediaError, *, clock: Clock
) -> None:
    """Note which of the sets that were to be restored could not be read: that of the error's file, or the only one."""
    named = [backup_set for backup_set in sets if error.path in ("", backup_set.path)]
    if len(named) == 1:
        bad = named[0]
        note_bad(catalogue, engine, bad.path, bad.position, error.message, clock=clock, set_id=bad.set_id)


def note_bad(
    catalogue: Catalogue, engine: Engine, path: str, position: int, reason: str, *, clock: Clock, set_id: str = ""
) -> None:
    """Keep that reading a file came to a bad end, for each instance that recorded a set in it.

    Its set is damaged, unless the file is not there to be read.

    Parameters
    ----------
    engine
        Who read it, and looks whether it is there.
    set_id
        Which set was read; empty: whichever was recorded there.
    """
    found = recorded_in(catalogue.read, engine, path, position, clock=clock, set_id=set_id)
    seen = look_for(engine, [replace(found_set.backup_set, path=path) for found_set in found])
    now = clock.now()
    for instance, found_set in found:
        with catalogue.write() as connection:
            sightings.record(connection, instance, {found_set.set_id: seen[found_set.set_id]}, now=now)
            if seen[found_set.set_id].state in (MediaState.PRESENT, MediaState.DAMAGED):
                sightings.disprove(connection, instance, found_set, reason, now=now)
            planning.replan_without_base(connection, instance, now=now)
