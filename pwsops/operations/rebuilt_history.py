"""The backups that a server remembers, for a home that is lost: those that pwsops took, and that are there still."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.catalogue import instances
from pwsops.engines import registry
from pwsops.engines.found import FoundMedia, Unread
from pwsops.errors import InvalidInput
from pwsops.operations.access import Context
from pwsops.rules.model import BackupSet, MediaState
from pwsops.rules.roots import is_within
from pwsops.rules.run_mark import SAFETY, is_ours
from pwsops.runs.found_media import look_for

LOOKED_FOR_AT_ONCE = 500


def is_server(context: Context, instance: str | None) -> bool:
    """Whether backups of an instance are its server's to read; one that is not known is made here, and is none."""
    if instance is None:
        return False
    with context.core.catalogue.read() as connection:
        row = instances.find(connection, instance)
    return row is not None and not registry.is_embedded(row.engine)


def read(context: Context, instance: str, directories: Sequence[str]) -> FoundMedia:
    """Return what a server remembers of backups in directories (none: anywhere), as far as their files were seen.

    Of a file that is gone nothing is told: histories are longer than backups are kept. Raises `InvalidInput` for a
    server that remembers nothing.
    """
    engine = context.engine(instance)
    if not engine.capabilities.external_history:
        raise InvalidInput(
            f"Nothing was rebuilt: {instance} remembers no backups.", hint="Restore from its files (`pwsops restore`)."
        )
    with context.core.asking(instance):
        known = [one for one in engine.history() if _is_wanted(one, directories)]
    known.sort(key=lambda one: one.finished_at, reverse=True)
    found = FoundMedia()
    for at in range(0, len(known), LOOKED_FOR_AT_ONCE):
        portion = known[at : at + LOOKED_FOR_AT_ONCE]
        seen = look_for(engine, portion)
        for one in portion:
            sighting = seen.get(one.set_id)
            if sighting is not None and sighting.state is MediaState.PRESENT:
                found.sets.append(one)
            elif sighting is None or sighting.state is MediaState.UNKNOWN:
                found.unread.append(
                    Unread(one.path, sighting.reason if sighting else "there was no time to look at it")
                )
    return found


def _is_wanted(one: BackupSet, directories: Sequence[str]) -> bool:
    ours = is_ours(one.description) or one.description.startswith(SAFETY)
    # What was taken of a database that was damaged then is of a run that failed.
    return ours and not one.details.get("is_damaged") and (not directories or is_within(one.path, directories))
