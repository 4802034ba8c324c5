"""The instance's directory: which of its files are databases. Looks, never opens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence

from pwsops.engines.base import DatabaseInfo, DatabaseState
from pwsops.engines.sqlite import names
from pwsops.engines.sqlite.listing import NOT_A_DATABASE
from pwsops.errors import EngineError

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
            visible = [entry for entry in entries if not entry.name.startswith(".") and names.may_be(entry.name)]
            return [(entry, facts) for entry in visible if (facts := _facts(entry)) is not None]
    except OSError as error:
        raise unreachable(address, error) from error


def unreachable(address: str, error: OSError) -> EngineError:
    """Say that an instance's directory cannot be listed."""
    return EngineError(
        f"The instance's directory {address} cannot be listed: {error.strerror}.",
        hint="Check that it exists, is mounted, and may be read by the user the service runs as.",
    )


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
    named_so = entry.name.lower().endswith(names.EXTENSIONS)
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
