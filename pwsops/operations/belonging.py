"""Whose a backup is, by what is inside its file. Who is given some instances reads what is provably theirs alone."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.catalogue import sets
from pwsops.engines.protocol import Engine, RemembersSets
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.roots import denied, is_theirs_alone
from pwsops.rules.model import BackupSet


def read_theirs(context: Context, engine: Engine, instance: str | None, path: str, action: str) -> list[BackupSet]:
    """Return the sets of a file, of a file that others use too those of who asks alone.

    Where it may be anybody's, nothing is told of a file that cannot be read, not even that.

    Raises
    ------
    Denied
        Where none of them is theirs.
    """
    if context.principal.instances is None:
        return engine.read_media(path)
    try:
        found = engine.read_media(path)
    except PwsopsError as error:
        if is_theirs_alone(context, instance, path):
            raise
        raise denied(context, path, action) from error
    kept = theirs(context, engine, found)
    if found and not kept:
        raise denied(context, path, action)
    return kept


def theirs(context: Context, engine: Engine, found: Sequence[BackupSet]) -> list[BackupSet]:
    """Return those sets that were recorded for an instance of who asks, or that their server remembers to have written.

    Where a file lies, or what it is called, proves nothing: whoever may write there can put another's there.
    """
    with context.core.catalogue.read() as connection:
        owners = sets.owners(connection, [backup_set.set_id for backup_set in found])
    sees = context.principal.sees
    return [
        each
        for each in found
        if any(map(sees, owners[each.set_id])) or (not owners[each.set_id] and _is_remembered(engine, each))
    ]


def require_theirs(context: Context, engine: Engine, found: Sequence[BackupSet], action: str) -> None:
    """Raise `Denied` unless each of these sets is theirs; all are of who is given all instances."""
    if context.principal.instances is None:
        return
    proven = {backup_set.set_id for backup_set in theirs(context, engine, found)}
    for backup_set in found:
        if backup_set.set_id not in proven:
            raise denied(context, backup_set.path, action)


def set_at(context: Context, engine: Engine, instance: str | None, path: str, position: int, action: str) -> BackupSet:
    """Return the set at a position of a file; raises `InvalidInput` where it has none there, or `Denied`."""
    found = read_theirs(context, engine, instance, path, action)
    for backup_set in found:
        if backup_set.position == position:
            return backup_set
    raise InvalidInput(f"{path} has no backup set {position}.", hint=f"It has {len(found)}; `pwsops media` lists them.")


def _is_remembered(engine: Engine, backup_set: BackupSet) -> bool:
    if not engine.instance.name or not isinstance(engine, RemembersSets):
        return False
    try:
        return engine.remembered_set(backup_set.set_id) is not None
    except PwsopsError:
        return False
