"""Whether the databases that a profile names are there."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.core import Core
from pwsops.operations.lookup import as_typed
from pwsops.profile import BackupProfile


def check_databases(core: Core, profile: BackupProfile, sealed: str | None, *, already: Sequence[str]) -> None:
    """Refuse names that the instance does not have; those the profile had before may be gone by now."""
    known_before = set(already)
    added = [name for name in profile.databases if name not in known_before]
    if not added:
        return
    try:
        engine = core.engine_for(profile.instance, profile.login, sealed)
        with core.asking(profile.instance, profile.login):
            found = engine.databases()
    except PwsopsError as error:
        if error.transient:
            return
        raise
    unusable = {info.name: info.reason for info in found if info.details.get("unusable_name")}
    names = [info.name for info in found if info.name not in unusable]
    with core.catalogue.read() as connection:
        profile.databases = [
            name if name in known_before or name in unusable else as_typed(connection, engine, name, names)
            for name in profile.databases
        ]
    # Two spellings may turn out to mean one database.
    profile.check()
    for name in profile.databases:
        if name in unusable:
            raise _unusable(profile, name, unusable[name])
        if name not in names and name not in known_before:
            raise _missing(profile, name, names)


def _unusable(profile: BackupProfile, name: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The database {name} of {profile.instance!r} cannot be chosen: {reason}.",
        hint="Rename its file to a name in UTF-8, where its program allows that, and choose it again.",
    )


def _missing(profile: BackupProfile, name: str, names: Sequence[str]) -> InvalidInput:
    near = get_close_matches(name, names, n=3) or names[:5]
    return InvalidInput(
        f"The instance {profile.instance!r} has no database {name!r}.",
        hint=f"There is {', '.join(near)}." if near else "It has no databases at all; check its address.",
    )
