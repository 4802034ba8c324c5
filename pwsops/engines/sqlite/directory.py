"""The instance's directory: which of its files are databases. Looks, never opens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.sqlite import files, names
from pwsops.engines.sqlite.listing import NOT_A_DATABASE, UNREAD
from pwsops.errors import EngineError
from pwsops.messages import is_text, readable

CACHE_ENTRIES = 10_000

LINKED = f"it is a symbolic link, and links are not followed; if you made it, {names.FOLLOW}"
NOT_TEXT = "its name is not UTF-8, so that it cannot be chosen; rename the file"

Looks = Callable[[Sequence[str]], Mapping[str, str | None]]
_Signature = tuple[str, int, int, int, int, int]


class _Candidate(NamedTuple):
    """A file that may be a database. Without `facts`, `why_not` says why there are none."""

    name: str
    path: str
    facts: os.stat_result | None
    why_not: str = ""


_cache: dict[_Signature, str | None] = {}
_cache_lock = threading.Lock()


def databases(
    address: str, looks: Looks, *, follow_links: bool = False, off_limits: OffLimits = NOTHING
) -> list[DatabaseInfo]:
    """List the databases in `address`, by name; `looks` is asked about files that are new or changed."""
    off_limits.refuse_home("The instance's directory", address)
    found = _candidates(address, follow_links, off_limits)
    reasons = _reasons(found, looks)
    listed = (_info(entry, reasons.get(entry.path)) for entry in found)
    return sorted((info for info in listed if info is not None), key=lambda info: info.name)


def _candidates(address: str, follow_links: bool, off_limits: OffLimits) -> list[_Candidate]:
    try:
        with os.scandir(address) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".") and names.may_be(entry.name)]
            return [found for entry in visible if (found := _candidate(entry, follow_links, off_limits)) is not None]
    except OSError as error:
        raise unreachable(address, error) from error


def doubts_absence(address: str) -> str:
    """Return why what is not in a directory need not be gone: a disk that is not mounted leaves an empty directory."""
    try:
        return f"the directory {address} is empty: its disk may not be mounted" if files.is_empty(address) else ""
    except OSError as error:
        raise unreachable(address, error) from error


def unreachable(address: str, error: OSError) -> EngineError:
    """Return the error of an instance's directory that cannot be listed."""
    return EngineError(
        f"The instance's directory {address} cannot be listed: {error.strerror}.",
        hint="Check that it exists, is mounted, and may be read by the user the service runs as.",
    )


def _candidate(entry: os.DirEntry[str], follow_links: bool, off_limits: OffLimits) -> _Candidate | None:
    """Return what can be seen of a file; None where it is none."""
    if not is_text(entry.name):
        return _Candidate(entry.name, entry.path, None, NOT_TEXT)
    try:
        if not entry.is_file():
            return None
        linked = entry.is_symlink()
        if linked and not follow_links:
            return _Candidate(entry.name, entry.path, None, LINKED)
        path = os.path.realpath(entry.path) if linked else entry.path
        if why := off_limits.why_not(os.path.realpath(path), linked=linked):
            return _Candidate(entry.name, entry.path, None, f"{why}; remove that link")
        return _Candidate(entry.name, path, entry.stat())
    except FileNotFoundError:
        return None  # it vanished between the listing and the look
    except OSError as error:
        return _Candidate(entry.name, entry.path, None, f"it cannot be looked at: {error.strerror}")


def _reasons(found: Sequence[_Candidate], looks: Looks) -> Mapping[str, str | None]:
    signatures = {each.path: _signature(each.path, each.facts) for each in found if each.facts and each.facts.st_size}
    with _cache_lock:
        known = {path: _cache[signature] for path, signature in signatures.items() if signature in _cache}
    unknown = [path for path in signatures if path not in known]
    if unknown:
        known.update(looks(unknown))
        with _cache_lock:
            if len(_cache) > CACHE_ENTRIES:
                _cache.clear()
            _cache.update({signatures[path]: known[path] for path in unknown if not _may_pass(known[path])})
    return known


def _may_pass(reason: str | None) -> bool:
    """Whether what the system refused may be granted at the next look, with no change that the file would show."""
    return reason is not None and reason.startswith(UNREAD)


def _signature(path: str, facts: os.stat_result) -> _Signature:
    # What is written with its old time put back, or may be read anew, shows in the time of its last change of any kind.
    return path, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _info(found: _Candidate, reason: str | None) -> DatabaseInfo | None:
    named_so = found.name.lower().endswith(names.EXTENSIONS)
    if found.facts is None:
        return _unreadable(found) if named_so else None
    if not found.facts.st_size:
        empty = "it is empty (0 bytes)"
        return (
            DatabaseInfo(name=found.name, size_bytes=0, state=DatabaseState.EMPTY, reason=empty) if named_so else None
        )
    if reason is None and not named_so:
        return None
    why = NOT_A_DATABASE if reason is None else reason
    return DatabaseInfo(
        name=found.name,
        size_bytes=found.facts.st_size + _log_size(found.path),
        state=DatabaseState.UNREADABLE if why else DatabaseState.ONLINE,
        reason=why,
        warnings=(names.HARD_LINKED,) if found.facts.st_nlink > 1 else (),
    )


def _unreadable(found: _Candidate) -> DatabaseInfo:
    return DatabaseInfo(
        name=readable(found.name),
        size_bytes=0,
        state=DatabaseState.UNREADABLE,
        reason=found.why_not,
        details={} if is_text(found.name) else {"unusable_name": True},
    )


def _log_size(path: str) -> int:
    try:
        return os.stat(path + "-wal", follow_symlinks=False).st_size
    except OSError:
        return 0
