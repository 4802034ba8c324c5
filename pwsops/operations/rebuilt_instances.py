"""The instances that found backups belong to: which there are, and those that are made for them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pwsops.catalogue import Connection, instances, places
from pwsops.catalogue.instances import InstanceRow
from pwsops.engines import registry
from pwsops.engines.records import Instance
from pwsops.errors import Conflict, InvalidInput, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.roots import refuse_home

EMBEDDED = "sqlite"
OWN_DIRECTORY = "databases"
"""Where in a home the databases of an instance go of which nobody says where they are."""


class Required(NamedTuple):
    """Whether an instance was made, and what was assumed for it, in a sentence."""

    is_new: bool
    assumed: str = ""


def check(context: Context, name: str, address: str | None) -> InstanceRow | None:
    """Return the instance of that name, if there is one; raises what can be said before anything is looked at."""
    with context.core.catalogue.read() as connection:
        row = instances.find(connection, name)
    if row is not None and address is not None and registry.place(row.engine, address) != row.place:
        raise InvalidInput(
            f"Nothing was rebuilt: {name} is at {row.address}, not at {address}.",
            hint="Leave the address away, or name another instance.",
        )
    if row is None and (not name.strip() or name != name.strip() or not name.isprintable()):
        raise InvalidInput(
            f"An instance cannot be called {name!r}.", hint="Give a printable name without spaces at its ends."
        )
    return row


def require(context: Context, name: str, address: str | None) -> Required:
    """Have an embedded instance of that name, which is made where there is none.

    Parameters
    ----------
    address
        The directory of its databases, if it is made; None: one of its own in the home, which is made, too.

    Raises
    ------
    InvalidInput
        For the name or address of a new one, and for one that is somewhere else.
    Conflict
        Another instance is at that address.
    """
    if check(context, name, address) is not None:
        return Required(is_new=False)
    return _made(context, name, address)


def _made(context: Context, name: str, address: str | None) -> Required:
    if address is None and os.sep in name:
        raise InvalidInput(
            f"The instance {name!r} cannot have a directory of its name.",
            hint="Say where its databases are to be (--address).",
        )
    assumed = ""
    if address is None:
        made = context.core.home / OWN_DIRECTORY / name
        _make(made)
        address = str(made)
        assumed = (
            f"The instance {name} was made at {address}, an empty directory: nothing tells where its databases were. "
            "Restore into it, or into plain files (`--to-file`)."
        )
    row = InstanceRow(name=name, engine=EMBEDDED, address=address, options={}, login=None, sealed_password=None)
    with context.core.catalogue.write() as connection:
        add(context, connection, row)
    return Required(is_new=True, assumed=assumed)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise PwsopsError(
            f"The directory {directory} cannot be made: {error.strerror}.",
            hint="Say where the databases are to be (--address).",
        ) from None


def add(context: Context, connection: Connection, row: InstanceRow) -> None:
    """Remember an embedded instance, without having reached it; raises what `require` raises."""
    refuse_home(context.core, Instance(name=row.name, engine=row.engine, address=row.address))
    if not os.path.isabs(row.address):
        raise InvalidInput(
            f"The instance {row.name!r} cannot be at {row.address!r}, which is no absolute path.",
            hint="Give the directory of its databases from the root on.",
        )
    for other in instances.every(connection):
        if registry.is_embedded(other.engine) and registry.are_one(row.engine, row.address, other.address):
            raise Conflict(
                f"The instance {row.name!r} cannot be at {row.address}: that is the instance {other.name!r} already.",
                hint=f"Rebuild for {other.name!r}, or give another address.",
            )
    instances.add(connection, row, now=context.core.clock.now())
    context.note(connection, "add instance", row.name, f"{row.engine} at {row.address}, for a rebuild")


def of_directories(connection: Connection) -> Mapping[str, str]:
    """Return which embedded instance keeps something in a directory, where it is one alone."""
    embedded = {row.name for row in instances.every(connection) if registry.is_embedded(row.engine)}
    found: dict[str, set[str]] = defaultdict(set)
    for place in places.every(connection):
        if not place.host and place.instance in embedded:
            found[os.path.normpath(place.path)].add(place.instance)
    return {path: next(iter(names)) for path, names in found.items() if len(names) == 1}
