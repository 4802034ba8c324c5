"""Taking over a backup that was found finished, though nobody heard its end: what counts is asked again, all of it."""

from __future__ import annotations

import threading

from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.protocol import Engine, KnowsDamage
from pwsops.engines.requests import ProgressCallback
from pwsops.rules.model import BackupSet


def prove(
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
    PwsopsError
        It is not whole, or could not be read now.
    """
    engine.verify(found, on_progress, cancel)
    if isinstance(engine, KnowsDamage):
        engine.require_sound(found, of_database=bool(profile.fields["check_structure"]))
