"""What lies beside a database, looked at before SQLite is: it acts on what it finds there.

A rollback journal that a crash left ("hot") is played back at the next opening. Its end may name a super-journal, the
file by which a transaction over several databases is one (sqlite.org/fileformat2.html, "super-journal"); SQLite opens
that file, whatever and wherever it is, and then deletes it. Who may write beside a database could have any file of ours
deleted so. Therefore such a journal is refused: the program that the database belongs to plays it back.

A look can be outrun. What may happen all the same is closed in `own_files`, which lets SQLite open and delete no other
names.
"""

from __future__ import annotations

import os
import struct

from pwsops import foreign
from pwsops.engines.sqlite.names import BESIDE
from pwsops.errors import EngineError, PwsopsError

_MAGIC = bytes.fromhex("d9d505f920a163d7")
_TAIL = struct.Struct(">II8s")
"""How a journal ends that names a super-journal: the length of the name, its checksum, the journal's own magic."""


def inspect(path: str, operation: str) -> None:
    """Raise `EngineError` where a database, or what lies beside it, is no plain file, or names a super-journal.

    The name of a database that is missing, and those of side files that are not there, are no matter here. A file that
    may not be looked at is not either: it cannot be opened then.
    """
    own = _facts(path, path, operation)
    for suffix in BESIDE:
        beside = _facts(path + suffix, path, operation)
        if own is not None and beside is not None and os.path.samestat(own, beside):
            raise _refusal(path, operation, f"{path + suffix} is the database itself under another name (a hard link)")
    named = super_journal(path + BESIDE[-1])
    if named is not None:
        raise names_another(path, operation, named)


def _facts(name: str, path: str, operation: str) -> os.stat_result | None:
    try:
        found = foreign.facts(name)
    except OSError:
        return None
    if not foreign.is_plain(found.st_mode):
        raise _refusal(path, operation, f"{name} is {foreign.kind(found.st_mode)}, not a plain file")
    return found


def _refusal(path: str, operation: str, why: str) -> EngineError:
    return EngineError(
        f"{operation}: the database {path} was not opened: {why}.",
        hint="Find out who put it there, and remove it. Files that SQLite makes beside a database are plain files.",
    )


def names_another(path: str, operation: str, named: str) -> PwsopsError:
    """Return the error for a journal that names a super-journal."""
    return EngineError(
        f"{operation}: the database {path} was not opened: its journal {path}{BESIDE[-1]} names the super-journal "
        f"{named}, and whoever opens the database deletes that file.",
        hint="It is left by a transaction over several databases that goes on, or was broken off: let the program that "
        "they belong to open them, then try again. If that program makes no such transactions, somebody planted it: "
        "look into who may write in that directory, and remove the journal.",
        transient=True,
    )


def super_journal(journal: str) -> str | None:
    """Return the name of the super-journal that a hot journal ends with; None where there is none."""
    try:
        fd = foreign.open_plain(journal)
    except OSError:
        return None
    try:
        size = os.fstat(fd).st_size
        if size <= _TAIL.size or os.pread(fd, 1, 0) in (b"", b"\0"):
            return None  # a journal whose first byte is zero is over, and is not played back
        length, _, magic = _TAIL.unpack(os.pread(fd, _TAIL.size, size - _TAIL.size))
        if magic != _MAGIC or not 0 < length <= size - _TAIL.size:
            return None
        return os.fsdecode(os.pread(fd, min(length, 4096), size - _TAIL.size - length))
    except (OSError, struct.error):
        return None  # it became shorter, or cannot be read: SQLite fails as well
    finally:
        os.close(fd)
