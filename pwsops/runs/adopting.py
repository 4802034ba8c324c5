"""Taking over a backup that was found finished, though nobody heard its end: what counts is asked again, all of it."""

from __future__ import annotations

import threading

from pwsops.catalogue import sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.store import Catalogue
from pwsops.engines.protocol import Engine, KnowsDamage
from pwsops.engines.requests import ProgressCallback
from pwsops.errors import MediaError
from pwsops.rules.model import BackupSet


def prove(
    catalogue: Catalogue,
    engine: Engine,
    profile: ProfileRow,
    found: BackupSet,
    on_progress: ProgressCallback | None,
    cancel: threading.Event | None,
) -> None:
    """Read a set from end to end, and ask whether its database is known to be damaged: it may have died in between.

    Raises
    ------
    DatabaseDamaged
        The set is no backup.
    MediaError
        It needs a full that is none of ours, or was replaced: no run of ours builds on such a one.
    PwsopsError
        It is not whole, or could not be read now.
    """
    _require_base(catalogue, profile, found)
    engine.verify(found, on_progress, cancel)
    if isinstance(engine, KnowsDamage):
        engine.require_sound(found, of_database=bool(profile.fields["check_structure"]))


def _require_base(catalogue: Catalogue, profile: ProfileRow, found: BackupSet) -> None:
    if found.base_id is None:
        return
    with catalogue.read() as connection:
        known = sets.of_database(connection, profile.fields["instance"], found.database)
    if found.base_id not in {each.set_id for each in known}:
        raise MediaError(
            f"{found.path} was found finished, but a restore of it needs the full backup {found.base_id}, which is not "
            f"among those that are known of {found.database}.",
            hint="Start the profile: its next run takes a full backup where none is left to build on.",
            path=found.path,
        )
