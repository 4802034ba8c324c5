"""What a backup and a restore need of an instance's directory, as far as this user lacks it; in a worker process."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing

from pwsops import foreign
from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.sqlite import listing, names
from pwsops.engines.sqlite.connect import Error, connect, library, scalar
from pwsops.errors import EngineError

SHOWN = 5
"""How many databases one finding names."""
BUSY_S = 1.0
_WAL = b"\x02"
"""What a database's header has at this offset where it may be read with its WAL only."""
_READ_VERSION_OFFSET = 19
_RESTORING = "restoring (Insert)"

Right = dict[str, object]


def survey(address: str, *, follow_links: bool = False, off_limits: OffLimits = NOTHING) -> dict[str, object]:
    """Return the SQLite at work and the missing rights, as the values of `MissingRight`."""
    return {"library": library(), "missing": list(_missing(address, follow_links, off_limits))}


def _missing(address: str, follow_links: bool, off_limits: OffLimits) -> Iterator[Right]:
    if not os.access(address, os.X_OK):
        yield _right("search in", address, "x", f"any backup, and {_RESTORING}")
        return
    paths = [path for path in _databases(address, follow_links) if not _is_off_limits(path, address, off_limits)]
    unreadable = [path for path in paths if not os.access(path, os.R_OK)]
    for path in unreadable:
        yield _right("read", path, "r", f"the backup of {os.path.basename(path)}")
    readable = [path for path in paths if path not in unreadable]
    failing = [path for path in readable if _is_wal(path) and not _may_open(path)]
    for directory in sorted({address, *map(os.path.dirname, map(os.path.realpath, readable))}):
        here = [path for path in failing if os.path.dirname(os.path.realpath(path)) == directory]
        if here:
            without = f"any backup of {_listed(here)}, because a WAL database needs its -wal and -shm there"
            yield _right("write in", directory, "wx", f"{without}, and {_RESTORING}")
        elif not os.access(directory, os.W_OK | os.X_OK):
            yield _right("write in", directory, "wx", _RESTORING)


def _is_off_limits(path: str, address: str, off_limits: OffLimits) -> bool:
    real = os.path.realpath(path)
    return bool(off_limits.why_not(real, linked=os.path.dirname(real) != os.path.realpath(address)))


def _databases(address: str, follow_links: bool) -> list[str]:
    with os.scandir(address) as entries:
        named = sorted(entry.path for entry in entries if not entry.name.startswith(".") and names.may_be(entry.name))
    found = [os.path.realpath(path) if follow_links else path for path in named]
    return [path for path in found if _is_database(path)]


def _is_database(path: str) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    if not os.access(path, os.R_OK):
        return path.lower().endswith(names.EXTENSIONS)
    return listing.look(path) == ""


def _is_wal(path: str) -> bool:
    try:
        return foreign.read(path, listing.HEADER_BYTES)[_READ_VERSION_OFFSET:].startswith(_WAL)
    except OSError:
        return False  # it vanished


def _may_open(path: str) -> bool:
    """Whether a backup can begin. SQLite itself is asked only where there is a doubt: asking may create files."""
    real = os.path.realpath(path)
    beside = [real + "-wal", real + "-shm"]
    if os.access(os.path.dirname(real), os.W_OK | os.X_OK) and all(map(_is_free_or_writable, beside)):
        return True
    try:
        with closing(connect(real, busy_s=BUSY_S)) as connection:
            scalar(connection, "PRAGMA schema_version")
    except Error:
        return False
    except EngineError:
        pass  # no right is missing: what lies beside it is refused
    return True


def _is_free_or_writable(path: str) -> bool:
    return not os.path.lexists(path) or os.access(path, os.R_OK | os.W_OK)


def _right(what: str, path: str, letters: str, without: str) -> Right:
    read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    mount = "Mount its file system for writing: it is mounted read-only."
    grant = mount if read_only and "w" in letters else f"chmod u+{letters} {shlex.quote(path)}"
    return {"right": f"{what} {path}", "grant": grant, "without": without}


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(map(os.path.basename, paths[:SHOWN]))
    return f"{shown} and {len(paths) - SHOWN} more" if len(paths) > SHOWN else shown
