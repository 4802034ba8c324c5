"""The instance's directory: which of its files are databases, and which one a name means. Looks, never opens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence

from pwsops.engines.base import DatabaseInfo, DatabaseState
from pwsops.engines.sqlite.files import database_path, plain_name
from pwsops.engines.sqlite.listing import NOT_A_DATABASE
from pwsops.errors import EngineError, InvalidInput, NotFound

EXTENSIONS = (".sqlite3", ".sqlite", ".db", ".db3", ".s3db", ".sl3", ".vault")
IGNORED = ("-wal", "-shm", "-journal", ".bak", ".tmp")
CACHE_ENTRIES = 10_000

Looks = Callable[[Sequence[str]], Mapping[str, str | None]]
_Signature = tuple[str, int, int, int, int]
_cache: dict[_Signature, str | None] = {}
_cache_lock = threading.Lock()


def databases(address: str, looks: Looks) -> list[DatabaseInfo]:
    """List the databases in `address`, by name; `looks` is asked about files that are new or changed."""
    found = _candidates(address)
    reasons = _reasons(found, looks)
    listed = (_info(entry, facts, reasons.get(entry.path)) for entry, facts in found)
    return sorted((info for info in listed if info is not None), key=lambda info: info.name)


def _candidates(address: str) -> list[tuple[os.DirEntry[str], os.stat_result]]:
    try:
        with os.scandir(address) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".") and _may_be(entry.name)]
            return [(entry, facts) for entry in visible if (facts := _facts(entry)) is not None]
    except OSError as error:
        raise unreachable(address, error) from error


def unreachable(address: str, error: OSError) -> EngineError:
    """Say that an instance's directory cannot be listed."""
    return EngineError(
        f"The instance's directory {address} cannot be listed: {error.strerror}.",
        hint="Check that it exists, is mounted, and may be read by the user the service runs as.",
    )


def _may_be(name: str) -> bool:
    return not name.endswith(IGNORED) and ".damaged-" not in name


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat() if entry.is_file() else None
    except OSError:
        return None  # it vanished between the listing and the look


def _reasons(found: Sequence[tuple[os.DirEntry[str], os.stat_result]], looks: Looks) -> Mapping[str, str | None]:
    signatures = {entry.path: _signature(entry.path, facts) for entry, facts in found if facts.st_size}
    with _cache_lock:
        known = {path: _cache[signature] for path, signature in signatures.items() if signature in _cache}
    unknown = [path for path in signatures if path not in known]
    if unknown:
        known.update(looks(unknown))
        with _cache_lock:
            if len(_cache) > CACHE_ENTRIES:
                _cache.clear()
            _cache.update({signatures[path]: known[path] for path in unknown})
    return known


def _signature(path: str, facts: os.stat_result) -> _Signature:
    return path, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _info(entry: os.DirEntry[str], facts: os.stat_result, reason: str | None) -> DatabaseInfo | None:
    named_so = entry.name.lower().endswith(EXTENSIONS)
    if not facts.st_size:
        empty = "it is empty (0 bytes)"
        return (
            DatabaseInfo(name=entry.name, size_bytes=0, state=DatabaseState.EMPTY, reason=empty) if named_so else None
        )
    if reason is None and not named_so:
        return None
    why = NOT_A_DATABASE if reason is None else reason
    state = DatabaseState.UNREADABLE if why else DatabaseState.ONLINE
    return DatabaseInfo(name=entry.name, size_bytes=facts.st_size + _log_size(entry.path), state=state, reason=why)


def _log_size(path: str) -> int:
    try:
        return os.stat(path + "-wal").st_size
    except OSError:
        return 0


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
    if name.startswith(".") or not _may_be(name):
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


def new_database(address: str, name: str) -> str:
    """Give the path for a new database of that name, refusing names that would not be listed."""
    plain_name(name)
    if name.startswith(".") or not _may_be(name) or not name.lower().endswith(EXTENSIONS):
        raise InvalidInput(
            f"{name} cannot name a database.", hint=f"Use a plain name that ends in one of {', '.join(EXTENSIONS)}."
        )
    return database_path(address, name)
