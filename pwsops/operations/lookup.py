"""Find an instance, a profile or a database by its name, a run by its number; or say which ones come near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from pwsops.catalogue import (
    Catalogue,
    Connection,
    RestoreRow,
    RunRow,
    certificates,
    drills,
    holds,
    instances,
    profiles,
    restores,
    runs,
    sets,
    sightings,
)
from pwsops.catalogue.certificates import CertificateRow
from pwsops.catalogue.drills import DrillRow
from pwsops.catalogue.holds import HoldRow
from pwsops.catalogue.instances import InstanceRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.protocol import Engine
from pwsops.errors import MediaError, NotFound, Refused
from pwsops.rules.model import BackupSet


def find_instance(connection: Connection, name: str) -> InstanceRow:
    """Return the instance of that name; raises `NotFound`."""
    row = instances.find(connection, name)
    if row is not None:
        return row
    known = [other.name for other in instances.every(connection)]
    hint = f"Known: {', '.join(known)}." if known else "None is known yet: `pwsops instance add` adds one."
    raise NotFound(f"There is no instance {name!r}.", hint=hint)


def find_profile(connection: Connection, name: str) -> ProfileRow:
    """Return the living profile of that name; raises `NotFound`."""
    row = profiles.find(connection, name)
    if row is not None:
        return row
    near = get_close_matches(name, [other.name for other in profiles.living(connection)], n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`pwsops profile list` shows those there are."
    raise NotFound(f"There is no profile {name!r}.", hint=hint)


def find_run(connection: Connection, run_id: int) -> RunRow:
    """Return the run of that number; raises `NotFound`."""
    row = runs.get(connection, run_id)
    if row is None:
        raise NotFound(f"There is no run {run_id}.", hint="`pwsops runs` lists those there are.")
    return row


def find_restore(connection: Connection, restore_id: int) -> RestoreRow:
    """Return the restore of that number; raises `NotFound`."""
    row = restores.get(connection, restore_id)
    if row is None:
        raise NotFound(f"There is no restore {restore_id}.", hint="The history lists those there are.")
    return row


def find_drill(connection: Connection, drill_id: int) -> DrillRow:
    """Return the drill of that number; raises `NotFound`."""
    row = drills.get(connection, drill_id)
    if row is None:
        raise NotFound(f"There is no drill {drill_id}.", hint="`pwsops drills` lists those there are.")
    return row


def find_hold(connection: Connection, hold_id: int) -> HoldRow:
    """Return the hold of that number; raises `NotFound`."""
    row = holds.get(connection, hold_id)
    if row is None:
        raise NotFound(f"There is no hold {hold_id}.", hint="`pwsops hold list` lists those there are.")
    return row


def find_certificate(connection: Connection, name: str) -> CertificateRow:
    """Return the certificate of that name or thumbprint; raises `NotFound`."""
    row = certificates.find(connection, name)
    if row is not None:
        return row
    near = get_close_matches(name, [other.name for other in certificates.every(connection)], n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`pwsops certificate list` shows those there are."
    raise NotFound(f"There is no certificate {name!r} in the store.", hint=hint)


def spelled(engine: Engine, database: str) -> str:
    """Return a database's name as its instance spells it; the same where it has none of that name."""
    return engine.spelled(database) or database


def as_typed(connection: Connection, engine: Engine, database: str, names: Sequence[str]) -> str:
    """Return the name of the database that a person means: its ending may be left out where that is no name itself.

    A database that is known by the very name, though it is gone, is never another one. Nothing that is recorded, and
    no database that is to be created, goes through here.
    """
    name = spelled(engine, database)
    if name in names or sightings.is_known(connection, engine.instance.name, name):
        return name
    fitting = [other for end in engine.capabilities.name_endings if (other := name + end) in names]
    return fitting[0] if len(fitting) == 1 else name


def typed(catalogue: Catalogue, engine: Engine, database: str) -> str:
    """Return the name of the database that a person means; its instance is asked. See `as_typed`."""
    names = [info.name for info in engine.databases()]
    with catalogue.read() as connection:
        return as_typed(connection, engine, database, names)


def as_recorded(connection: Connection, there: BackupSet | None, found: BackupSet) -> BackupSet:
    """Return what the catalogue recorded of a set that a file says it holds; the set itself where it knows nothing.

    `there` is what it recorded last in that very file, at that position. The engine compares the file with what is
    returned before it reads on. Raises `MediaError` where another set was written at this place, and nothing is known
    to have replaced it.
    """
    if there is not None and there.set_id != found.set_id:
        raise MediaError(
            f"{found.path} holds another backup than the one that was recorded under this name: that was "
            f"{_described(there)}; there is now {_described(found)}.",
            hint="Nothing was touched. Choose another backup; or, if what is there now is the one that you want, copy "
            "the file under another name and restore from that.",
        )
    known = there or sets.ever(connection, found.set_id)
    return found if known is None else replace(known, path=found.path, position=found.position)


def why_unrecorded(connection: Connection, chosen: Sequence[BackupSet]) -> str:
    """Return a sentence on the first of these sets that nobody recorded; empty: each was.

    Nothing tells what such a one should be. Anybody who may write there can make one, an encrypted one, too: whom it
    is encrypted for is no secret.
    """
    for backup_set in chosen:
        if sets.ever(connection, backup_set.set_id) is None:
            return (
                f"Nobody recorded the backup in {backup_set.path}, so that nothing tells whether it is what "
                "it says. Anybody who may write there could have made it, also where it is encrypted."
            )
    return ""


def refuse_unrecorded(connection: Connection, chosen: Sequence[BackupSet]) -> None:
    """Raise `Refused` where nobody recorded one of these sets."""
    if why := why_unrecorded(connection, chosen):
        raise Refused(
            why,
            hint="Choose a recorded backup. If you know where this one comes from: `pwsops restore "
            "--accept-unrecorded`, or confirm that on the page; it stands in the audit log.",
        )


def _described(backup_set: BackupSet) -> str:
    return (
        f"a {backup_set.kind.value} of {backup_set.database}, finished {backup_set.finished_at:%Y-%m-%d %H:%M:%S} UTC"
    )
