"""What a database is called, and which file a name means. Imports little, because each worker asks here."""

from __future__ import annotations

import os
from itertools import count

from pwsops import foreign
from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.sqlite.files import database_path, plain_name
from pwsops.errors import Conflict, EngineError, InvalidInput, NotFound

EXTENSIONS = (".sqlite3", ".sqlite", ".db", ".db3", ".s3db", ".sl3", ".vault")
HARD_LINKED = (
    "Its file has more than one name (a hard link). SQLite keeps the log beside the name that a program opens, so that "
    "what is written under another name may be missing here; remove the other names, or use symbolic links."
)
FOLLOW = "set the option follow_links of the instance (`--option follow_links=true`)"
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite appends to a database's name for the files that belong to it."""
DAMAGED = ".damaged-"
BEFORE = ".before-restore"
RESTORED = ".restored"
"""What a name is followed by where the file is kept beside: it was damaged, or a script replaced it, or is to put it in
its place."""
LONGEST_NAME = 255
"""In bytes, where the file system does not tell."""
IGNORED = (*BESIDE, ".bak", ".tmp")


def may_be(name: str) -> bool:
    """Whether a file of that name can be a database at all."""
    return not name.endswith(IGNORED) and DAMAGED not in name


def resolve(address: str, name: str) -> str:
    """Return the path of the database called `name`, which is that of its file, whole.

    Raises
    ------
    InvalidInput
        Where `name` is a path, or names one of our or SQLite's side files.
    NotFound
        Where there is none. One whose name only begins like that is another database.
    """
    path = database_path(address, name)
    if name.startswith(".") or not may_be(name):
        raise InvalidInput(f"{name} cannot be a database.", hint="Choose one of the instance's databases.")
    if os.path.lexists(path):
        return path
    near = " or ".join(sorted(name + end for end in EXTENSIONS if os.path.lexists(path + end)))
    raise NotFound(
        f"The database {name} does not exist in {address}.",
        hint=(f"If {near} is meant, give the whole name. " if near else "Check the name. ")
        + "A restore can create one that is gone: do not create it empty first.",
    )


def spelled(address: str, name: str) -> str | None:
    """Return how the directory spells the name of a database; None where it has none of that name.

    Some file systems tell no case apart. Raises `InvalidInput` for a path, and `OSError`.
    """
    path = database_path(address, name)
    if not os.path.lexists(path):
        return None
    found = os.listdir(address)
    if name in found:
        return name
    return next((other for other in found if _is_one(path, os.path.join(address, other))), None)


def _is_one(path: str, other: str) -> bool:
    same_name = os.path.basename(path).casefold() == os.path.basename(other).casefold()
    return same_name and os.path.samestat(os.lstat(path), os.lstat(other))


def locate(address: str, name: str, *, follow_links: bool = False, off_limits: OffLimits = NOTHING) -> tuple[str, str]:
    """Return what the database that `name` means is called, and the path of the file that it really is.

    SQLite puts a log, a journal and their locks beside the file itself, never beside a symbolic link to it; so do we.
    Raises what `resolve` raises, `EngineError` for a link, unless these are to be followed, and `Refused` for a file
    that is off limits.
    """
    path = resolve(address, name)
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    linked = os.path.islink(real)
    if linked:
        if not follow_links:
            raise EngineError(
                f"The database {path} is a symbolic link to {os.readlink(real)}, and links are not followed: who may "
                "write in that directory could lead a backup or a restore to any file.",
                hint=f"If you made that link, {FOLLOW}. Otherwise remove it.",
            )
        real = os.path.realpath(real)
    off_limits.refuse_database(path, real, linked=linked)
    return os.path.basename(path), real


def beside(path: str, ending: str) -> str:
    """Return a free path beside a database: its name with `ending`, cut so that SQLite's own endings still fit."""
    for number in count(1):
        tail = ending if number == 1 else f"{ending}-{number}"
        free = shortened(path, len(os.fsencode(tail))) + tail
        if not any(os.path.lexists(free + suffix) for suffix in ("", *BESIDE)):
            break
    return free


def shortened(path: str, room: int) -> str:
    """Return a path whose name is cut so that so many bytes more, and SQLite's own endings, still fit."""
    directory, name = os.path.split(path)
    return os.path.join(directory, _cut(name, _longest_name(directory) - max(map(len, BESIDE)) - room))


def refuse_side_files(path: str) -> None:
    """Refuse to make a database beside what SQLite left of another one: it would be played into the new file."""
    left = [path + suffix for suffix in BESIDE if foreign.exists(path + suffix)]
    if left:
        raise Conflict(
            f"Restore: beside {path} lies what SQLite left of another database: {', '.join(left)}. SQLite would play "
            "it into the restored one.",
            hint="It may hold the last changes of the lost database. Move it to another directory, then restore again.",
        )


def _longest_name(directory: str) -> int:
    try:
        return os.pathconf(directory, "PC_NAME_MAX")
    except (OSError, ValueError):
        return LONGEST_NAME


def _cut(name: str, size: int) -> str:
    return os.fsencode(name)[:size].decode(errors="ignore")


def new_database(address: str, name: str, *, as_recorded: bool = False) -> str:
    """Return the path for a new database of that name, refusing names that would not be listed.

    `as_recorded`: a database was called so when it was backed up; then it needs none of the usual endings.
    """
    plain_name(name)
    usual = as_recorded or name.lower().endswith(EXTENSIONS)
    if name.startswith(".") or not may_be(name) or not usual:
        raise InvalidInput(
            f"{name} cannot name a database.", hint=f"Use a plain name that ends in one of {', '.join(EXTENSIONS)}."
        )
    return database_path(address, name)
