"""What a database is called, and which file a name means. Imports little, because each worker asks here."""

from __future__ import annotations

import hashlib
import os

from pwsops.engines.sqlite.files import database_path, plain_name
from pwsops.errors import InvalidInput, NotFound
from pwsops.rules.naming import NAME_BYTES

EXTENSIONS = (".sqlite3", ".sqlite", ".db", ".db3", ".s3db", ".sl3", ".vault")
IGNORED = ("-wal", "-shm", "-journal", ".bak", ".tmp")


def may_be(name: str) -> bool:
    """Whether a file of that name can be a database at all."""
    return not name.endswith(IGNORED) and ".damaged-" not in name


def resolve(address: str, name: str) -> str:
    """Give the path of the database called `name`: a file name, or the stem of exactly one.

    Raises
    ------
    InvalidInput
        Where `name` is a path, names one of our or SQLite's side files, or fits several databases.
    NotFound
        Where there is none.
    """
    path = database_path(address, name)
    if name.startswith(".") or not may_be(name):
        raise InvalidInput(f"{name} cannot be a database.", hint="Choose one of the instance's databases.")
    if os.path.lexists(path):
        return path
    fitting = [other for extension in EXTENSIONS if os.path.lexists(other := path + extension)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(sorted(map(os.path.basename, fitting)))
        raise InvalidInput(f"{name} may mean any of {names}.", hint="Give the whole file name.")
    raise NotFound(
        f"The database {name} does not exist in {address}.",
        hint="Check the name; to restore one that is gone, create it empty first.",
    )


def full_name(address: str, name: str) -> str:
    """Give the file name of the database that `name` means; `name` itself where there is none any more."""
    try:
        return os.path.basename(resolve(address, name))
    except (InvalidInput, NotFound):
        return name


def damaged_name(name: str, stamp: str) -> str:
    """Return the name under which a damaged database is kept; SQLite's own names beside it fit, too."""
    tail = f".damaged-{stamp}"
    room = NAME_BYTES - len(tail.encode()) - max(len(suffix) for suffix in IGNORED)
    if len(os.fsencode(name)) > room:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        name = os.fsencode(name)[: room - len(digest) - 1].decode(errors="ignore") + "~" + digest
    return name + tail


def new_database(address: str, name: str) -> str:
    """Give the path for a new database of that name, refusing names that would not be listed."""
    plain_name(name)
    if name.startswith(".") or not may_be(name) or not name.lower().endswith(EXTENSIONS):
        raise InvalidInput(
            f"{name} cannot name a database.", hint=f"Use a plain name that ends in one of {', '.join(EXTENSIONS)}."
        )
    return database_path(address, name)
