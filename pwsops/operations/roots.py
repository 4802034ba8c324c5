"""The directories that backups are read from: whose they are, by all that the catalogue ever knew; never the home."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pwsops.catalogue import Connection, instances, places, profiles, sets
from pwsops.catalogue.places import KnownPlace
from pwsops.engines import registry
from pwsops.engines.records import Instance
from pwsops.errors import Denied, PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.core import Core
from pwsops.rules import clashes
from pwsops.rules.rights import Right
from pwsops.rules.roots import depth, is_plain, is_share, is_within


def check_root(context: Context, instance: str | None, path: str, action: str) -> None:
    """Raise `Denied`, and note it, for a path that is none of theirs to look at.

    An administrator of all instances looks anywhere. Others of all instances look where profiles and instances keep
    something now, and at the very path that a backup was recorded at. Who is given some instances looks where those
    ever kept something; as an administrator also where nobody ever did, but never where others did. What a file there
    holds is judged besides; see `belonging`.

    Parameters
    ----------
    instance
        Whose server is to read it; None: this machine, where any embedded instance of theirs may keep backups.
    path
        What it is to read.
    action
        What it is read for, in words that follow "may not".
    """
    principal = context.principal
    if principal.instances is not None:
        allowed = _is_open_to_some(context, instance, path)
    else:
        allowed = principal.has(Right.CONFIGURE) or _is_configured(context, instance, path)
    if not allowed:
        raise denied(context, path, action)


def check_kept(context: Context, instance: str, path: str, action: str) -> None:
    """Raise `Denied` for a file that is read without a look at whose it is, unless it lies where theirs alone lie.

    An administrator of all instances reads anything.
    """
    if context.principal.instances is not None and not is_theirs_alone(context, instance, path):
        raise denied(context, path, action)
    check_root(context, instance, path, action)


def check_copy(context: Context, instance: str, directory: str) -> None:
    """Raise `Denied` for a copy of what a database holds that would be kept in a directory as `check_kept` refuses."""
    try:
        check_kept(context, instance, directory, "keep a copy of what a database holds")
    except Denied as error:
        raise Denied(
            f"No profile says where its backups are kept, and {context.principal.name} may keep nothing beside the "
            f"backup that is restored: {directory} is no directory that is theirs alone.",
            hint="Ask an administrator to make a profile of it, whose directory takes the copy.",
        ) from error


def check_own(context: Context, instance: str, path: str, action: str) -> None:
    """Raise `Denied` where somebody who is given some instances would make a directory theirs that is another's."""
    if context.principal.instances is None or not path:
        return
    check_root(context, instance, path, action)
    ground = _ground(context, instance)
    meant = ground.meant(path)
    if not ground.is_theirs(meant) and any(is_within(root, [meant]) for root in ground.others):
        raise denied(context, path, action)


def check_address(context: Context, name: str, address: str, action: str) -> None:
    """Raise `Denied` as `check_own` does where an instance's address is a directory; a server's is none."""
    with context.core.catalogue.read() as connection:
        row = instances.find(connection, name)
    if row is None or registry.is_embedded(row.engine):
        check_own(context, name, address, action)


def is_theirs_alone(context: Context, instance: str | None, path: str) -> bool:
    """Whether nothing but what belongs to who asks was ever kept where a path leads."""
    with context.core.catalogue.read() as connection:
        owners = sets.owners_of_path(connection, path)
    if owners:
        return all(map(context.principal.sees, owners))
    ground = _ground(context, instance)
    return ground.is_theirs(ground.meant(path)) and not is_within(ground.meant(path), ground.others)


def unless_others(context: Context, instance: str) -> Callable[[str], bool]:
    """Return whether a path that was found may be told: it lies in no directory of others'."""
    if context.principal.instances is None:
        return lambda path: True
    ground = _ground(context, instance)
    with context.core.catalogue.read() as connection:
        theirs = sets.paths_of_others(connection, context.principal.instances)
    return lambda path: path not in theirs and not ground.is_others(ground.meant(path))


def denied(context: Context, path: str, action: str) -> Denied:
    """Note a denial, and return it."""
    context.note_denied(action, path)
    return Denied(
        f"{context.principal.name} may not read {path}: it is in no directory that backups are kept in by a profile or "
        "an instance of theirs.",
        hint="Ask an administrator to look there, or to make a profile that keeps its backups there.",
    )


def refuse_home(core: Core, instance: Instance) -> None:
    """Raise `Refused` for an instance whose databases would lie in the home itself: the catalogue would be one of them.

    Who may restore there could put another catalogue, and another audit log, in the place of ours.
    """
    home = core.off_limits(instance.name)
    if registry.is_embedded(instance.engine) and home.is_in_home(_real(instance.address)):
        raise Refused(
            f"The instance {instance.name!r} cannot be at {instance.address}: there pwsops keeps its own catalogue, "
            "which is no database to be restored.",
            hint="Keep databases in another directory, and copy the home as a whole where it is to be saved.",
        )


def first_root(context: Context, instance: str) -> str:
    """Return where somebody who reads configured directories alone begins to look on this machine; empty: nowhere."""
    with context.read() as connection:
        local, roots = _configured(connection, instance)
    return roots[-1] if local and roots else ""


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """Directories of one machine, links followed where it is this one: where theirs and others' ever kept something."""

    local: bool
    own: Sequence[str]
    others: Sequence[str]

    def meant(self, path: str) -> str:
        """Return what a path leads to, as far as that is known here."""
        # A link in a directory leads elsewhere by the choice of whoever may write there.
        return _real(path) if self.local else path

    def is_theirs(self, meant: str) -> bool:
        """Whether theirs keep something there; where others do, too, what is inside decides."""
        return depth(meant, self.own) > 0 and not self.is_others(meant)

    def is_others(self, meant: str) -> bool:
        """Whether the narrowest directory around it is others' alone."""
        return depth(meant, self.others) > depth(meant, self.own)


def _is_open_to_some(context: Context, instance: str | None, path: str) -> bool:
    ground = _ground(context, instance)
    meant = ground.meant(path)
    # Who uses the path may go up by its text, behind a link, where the system goes up from where that leads.
    if not is_plain(_spelled_out(path) if ground.local else path):
        return False
    with context.core.catalogue.read() as connection:
        owners = sets.owners_of_path(connection, path)
    if owners and all(map(context.principal.sees, owners)):
        return True
    if ground.is_others(meant):
        return False
    if ground.is_theirs(meant):
        return True
    if not ground.local and instance is not None and is_within(path, _of_server(context, instance)):
        return True
    # Who opens a share shows the server's login to whoever keeps it.
    return context.principal.has(Right.CONFIGURE) and (ground.local or not is_share(path))


def _is_configured(context: Context, instance: str | None, path: str) -> bool:
    with context.read() as connection:
        local, roots = _configured(connection, instance)
        if sets.is_recorded(connection, instance, path):
            return True
    if local:
        return is_plain(_spelled_out(path)) and is_within(_real(path), map(_real, roots))
    if is_within(path, roots):
        return True
    return instance is not None and is_within(path, _of_server(context, instance))


def _ground(context: Context, instance: str | None) -> _Ground:
    sees = context.principal.sees
    with context.core.catalogue.read() as connection:
        known = places.every(connection)
        row = None if instance is None else instances.find(connection, instance)
    local = row is None or registry.is_embedded(row.engine)
    host = "" if row is None else places.host(row.engine, row.address)
    own = [place.path for place in known if sees(place.instance) and _is_there(place, host)]
    # A server may keep its backups on this machine, under whatever name it is reached.
    others = [place.path for place in known if not sees(place.instance) and (local or _is_there(place, host))]
    if local:
        own, others = _all_real(own), _all_real(others)
    return _Ground(local=local, own=own, others=others)


def _is_there(place: KnownPlace, host: str) -> bool:
    """Whether a directory is one of that machine's, or of a share."""
    return clashes.place(place.host, place.path).host in ("", clashes.place(host, "/").host) or place.host == host


def _all_real(paths: Iterable[str]) -> list[str]:
    # Where a link of then leads now, and the name that it had: either may be what is meant.
    return [each for path in dict.fromkeys(paths) for each in (os.path.expanduser(path), _real(path))]


def _real(path: str) -> str:
    return os.path.realpath(_spelled_out(path))


def _spelled_out(path: str) -> str:
    return os.path.expanduser(path)


def _configured(connection: Connection, instance: str | None) -> tuple[bool, Sequence[str]]:
    """Return whether it is this machine that reads, and the directories of all instances, or of one."""
    rows = [row for row in instances.every(connection) if instance in (None, row.name)]
    served = [row for row in rows if registry.is_embedded(row.engine) or instance is not None]
    local = instance is None or any(registry.is_embedded(row.engine) for row in served)
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
