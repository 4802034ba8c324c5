"""What would be in the way of a profile's media: another profile's, or a file that lies there already."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from pwsops.catalogue import Connection, instances, profiles, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.protocol import Engine
from pwsops.errors import Conflict, PwsopsError
from pwsops.operations.core import Core
from pwsops.profile import BackupProfile
from pwsops.rules.clashes import Place, fixed_names, folded, meeting, place, shared
from pwsops.rules.model import BackupKind
from pwsops.rules.naming import media_file_name
from pwsops.runs.parallel import ask_all

EMBEDDED = "sqlite"
LOOK_LIMIT_S = 5.0
LOOKED_AT = 20
"""So many files that lie there already are looked into at most."""


Identities = Mapping[str, tuple[int, int]]
"""Of directories of this machine, by path: those that are equal are one, by whatever name. Others are not known."""


def look(core: Core, profile: BackupProfile) -> Identities:
    """Look at the directories that a profile could share with others; one that does not answer is not waited for."""
    if profile.timestamp:
        return {}
    with core.catalogue.read() as connection:
        rows = [row.fields for row in profiles.living(connection) if not row.fields["timestamp"]]
        directories = [each["directory"] for each in (profile.fields(), *rows) if _engine(connection, each) == EMBEDDED]
    answers = ask_all({path: partial(_identity, path) for path in directories}, limit_s=LOOK_LIMIT_S, clock=core.clock)
    return {path: found for path, found in answers.items() if isinstance(found, tuple)}


def _identity(path: str) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def refuse_clash(
    connection: Connection,
    profile: BackupProfile,
    identities: Identities,
    *,
    sees: Callable[[str], bool],
    own_id: int | None = None,
) -> None:
    """Raise `Conflict` where another living profile would write one of the same files, or this one would twice.

    `sees`: of which instances the one who is told may hear. `own_id`: the profile itself, where it is edited.
    """
    if profile.timestamp:
        return
    if (own := meeting(profile.databases)) is not None:
        raise _own_clash(profile, *own)
    fields = profile.fields()
    names = fixed_names(profile.databases, incremental=profile.incremental)
    for other in profiles.living(connection):
        if other.id == own_id or other.fields["timestamp"]:
            continue
        theirs = fixed_names(other.fields["databases"], incremental=other.fields["incremental"])
        both = shared(names, theirs)
        if both and _same_directory(connection, identities, fields, other.fields):
            if not sees(other.fields["instance"]):
                raise _unseen_clash(profile, names[both[0]][0])
            raise _clash(profile, names[both[0]], other, theirs[both[0]])


def _clash(profile: BackupProfile, ours: tuple[str, str], other: ProfileRow, theirs: tuple[str, str]) -> Conflict:
    (name, database), (their_name, their_database) = ours, theirs
    same = "the same file" if name == their_name else f"{their_name}, which some file systems take for the same file"
    return Conflict(
        f"The profile {profile.name!r} would write {name} in {profile.directory} (for {database} on "
        f"{profile.instance}), and the profile {other.name!r} writes {same} there (for {their_database} on "
        f"{other.fields['instance']}).",
        hint="Choose another directory for one of them, or let the date be added to the file names of one of them; for "
        f"the other that is `pwsops profile edit {other.name!r}`.",
    )


def _own_clash(profile: BackupProfile, one: str, other: str) -> Conflict:
    names = [media_file_name(each, BackupKind.FULL, at=None, suffix="") for each in (one, other)]
    return Conflict(
        f"The profile {profile.name!r} would write {names[0]} and {names[1]} in {profile.directory} (for {one} and "
        f"{other}), which some file systems take for the same file.",
        hint="Let the date be added to the file names, or give one of the databases a profile with another directory.",
    )


def _unseen_clash(profile: BackupProfile, name: str) -> Conflict:
    return Conflict(
        f"The profile {profile.name!r} would write {name} in {profile.directory}, and a profile of an instance that is "
        "not yours writes the same file there.",
        hint="Choose another directory, or let the date be added to the file names.",
    )


def _same_directory(
    connection: Connection, identities: Identities, one: Mapping[str, object], other: Mapping[str, object]
) -> bool:
    if _place(connection, one) == _place(connection, other):
        return True
    seen = [
        identities.get(str(each["directory"])) if _engine(connection, each) == EMBEDDED else None
        for each in (one, other)
    ]
    return seen[0] is not None and seen[0] == seen[1]


def _place(connection: Connection, fields: Mapping[str, object]) -> Place:
    row = instances.find(connection, str(fields["instance"]))
    host = "" if row is None or row.engine == EMBEDDED else re.split(r"[\\,]", row.address)[0]
    return place(host, str(fields["directory"]))


def _engine(connection: Connection, fields: Mapping[str, object]) -> str:
    row = instances.find(connection, str(fields["instance"]))
    return "" if row is None else row.engine


def in_the_way(core: Core, engine: Engine, profile: BackupProfile) -> Iterator[str]:
    """Yield a sentence for each file under a name of the profile's that no backup of this home wrote for it.

    It stays, and the backup is written under another name. Raises `PwsopsError` where nobody can look.
    """
    if profile.timestamp:
        return
    names = fixed_names(profile.databases, incremental=profile.incremental)
    there = [entry for entry in engine.browse(profile.directory) if folded(entry.name) in names]
    for entry in there[:LOOKED_AT]:
        _, database = names[folded(entry.name)]
        with core.catalogue.read() as connection:
            known = sets.orders_of_database(connection, profile.instance, database)
        what = _foreign(engine, entry.path, known)
        if what:
            yield f"{entry.path} {what}. It stays, and backups of {database} are written beside it under another name."


def _foreign(engine: Engine, path: str, known: Collection[str]) -> str:
    try:
        unknown = [backup_set for backup_set in engine.read_media(path) if backup_set.set_id not in known]
    except PwsopsError:
        return "is there already and is no backup that can be read"
    if not unknown:
        return ""
    found = unknown[0]
    return f"holds a backup of {found.database} that this home did not take ({found.description or 'no description'})"
