"""The directories that backups are read from: those of profiles and instances, and never the home itself."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from pwsops.catalogue import Connection, instances, profiles, sets
from pwsops.engines import registry
from pwsops.engines.base import Instance
from pwsops.errors import Denied, PwsopsError, Refused
from pwsops.operations.access import Context, Core
from pwsops.operations.clashes import EMBEDDED
from pwsops.rules.rights import Right
from pwsops.rules.roots import is_within


def check_root(context: Context, instance: str | None, path: str, action: str) -> None:
    """Raise `Denied`, and note it, for a path outside of the configured directories, unless an administrator asks.

    An administrator of some instances reads elsewhere too, but not where on this machine others keep theirs.

    Parameters
    ----------
    instance
        Whose server is to read it; None: this machine, where any embedded instance of theirs may keep backups.
    path
        What it is to read. One that the catalogue recorded a backup at may be read wherever that is.
    action
        What it is read for, in words that follow "may not".
    """
    principal = context.principal
    if principal.has(Right.CONFIGURE) and principal.instances is None:
        return
    with context.read() as connection:
        local, roots = _configured(connection, instance)
        if sets.is_recorded(connection, instance, path):
            return
    # A link in a configured directory leads elsewhere by the choice of whoever may write there.
    meant = _real(path) if local else path
    if is_within(meant, map(_real, roots) if local else roots):
        return
    if principal.has(Right.CONFIGURE):
        if not (local and is_within(meant, _of_others(context))):
            return
    elif not local and instance is not None and is_within(path, _of_server(context, instance)):
        return
    raise _denied(context, path, action)


def check_own(context: Context, instance: str, path: str, action: str) -> None:
    """Raise `Denied` where somebody who is given some instances would make a directory theirs that is another's.

    What lies in a directory of theirs, they may read and restore.
    """
    if context.principal.instances is None or not path:
        return
    check_root(context, instance, path, action)
    with context.read() as connection:
        local, own = _configured(connection, instance)
    real = _real(path)
    if local and not is_within(real, map(_real, own)) and any(is_within(root, [real]) for root in _of_others(context)):
        raise _denied(context, path, action)


def _denied(context: Context, path: str, action: str) -> Denied:
    context.note_denied(action, path)
    return Denied(
        f"{context.principal.name} may not read {path}: it is in no directory that backups are kept in by a profile or "
        "an instance of theirs.",
        hint="Ask an administrator to look there, or to make a profile that keeps its backups there.",
    )


def _of_others(context: Context) -> Sequence[str]:
    """Return where on this machine instances keep something that are not of who asks."""
    with context.core.catalogue.read() as connection:
        _, roots = _configured(connection, None, but=context.principal.instances or ())
    return [_real(root) for root in roots]


def refuse_home(core: Core, instance: Instance) -> None:
    """Raise `Refused` for an instance whose databases would lie in the home itself: the catalogue would be one of them.

    Who may restore there could put another catalogue, and another audit log, in the place of ours.
    """
    if registry.are_one(instance.engine, instance.address, str(core.home)):
        raise Refused(
            f"The instance {instance.name!r} cannot be at {instance.address}: there pwsops keeps its own catalogue, "
            "which is no database to be restored.",
            hint="Keep databases in another directory, and copy the home as a whole where it is to be saved.",
        )


def _real(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


def first_root(context: Context, instance: str) -> str:
    """Return where somebody who reads configured directories alone begins to look on this machine; empty: nowhere."""
    with context.read() as connection:
        local, roots = _configured(connection, instance)
    return roots[-1] if local and roots else ""


def _configured(
    connection: Connection, instance: str | None, *, but: Collection[str] = ()
) -> tuple[bool, Sequence[str]]:
    """Return whether it is this machine that reads, and the directories of all instances or one, `but` for some."""
    rows = [row for row in instances.every(connection) if instance in (None, row.name) and row.name not in but]
    served = [row for row in rows if row.engine == EMBEDDED or instance is not None]
    local = instance is None or any(row.engine == EMBEDDED for row in served)
    names = {row.name for row in served}
    roots = [row.address for row in served if local]
    roots += [row.fields["directory"] for row in profiles.living(connection) if row.fields["instance"] in names]
    return local, [root for root in roots if root]


def _of_server(context: Context, instance: str) -> Iterator[str]:
    """Yield where a server keeps backups by itself; nothing where it cannot be asked."""
    try:
        yield context.core.engine(instance).backup_directory()
    except PwsopsError:
        return
