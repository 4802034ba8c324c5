"""The full that an incremental needs: looked for in the catalogue, where its server remembers it, and beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pwsops.catalogue import sets
from pwsops.engines.protocol import Engine, RemembersSets
from pwsops.errors import MediaError, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.roots import unless_others
from pwsops.rules.model import BackupKind, BackupSet

FILES_LOOKED_INTO = 40
"""Beside an incremental, for its full: each takes the server some time to open."""


def candidates(context: Context, engine: Engine, target: BackupSet) -> Iterator[BackupSet]:
    """Return the fulls that an incremental may rest on, each as its file says it is."""
    if target.kind is not BackupKind.DIFFERENTIAL or target.base_id is None:
        return
    with context.read() as connection:
        known = sets.by_id(connection, target.base_id)
    # Several sets may share a file, the full among them.
    refused: list[PwsopsError] = []
    remembered_paths = remembered(engine, target.base_id, refused)
    for path in dict.fromkeys([*(one.path for one in known), target.path, *remembered_paths]):
        found = [one for one in readable(engine, path, refused) if one.set_id == target.base_id]
        yield from found
        if found:
            return
    found = list(beside(engine, target, refused, tells=unless_others(context, engine.instance.name)))
    yield from found
    if not found and refused:
        raise refused[0]


def remembered(engine: Engine, set_id: str, refused: list[PwsopsError]) -> list[str]:
    """Return where the instance itself remembers a set, if anywhere; why it could not be asked goes to `refused`."""
    if not isinstance(engine, RemembersSets):
        return []
    try:
        found = engine.remembered_set(set_id)
    except PwsopsError as error:
        refused.append(error)
        return []
    return [found.path] if found is not None and found.path else []


def beside(
    engine: Engine, target: BackupSet, refused: list[PwsopsError], *, tells: Callable[[str], bool]
) -> Iterator[BackupSet]:
    """Look for an incremental's full in the files beside it that may be told of, the likeliest first.

    Raises `MediaError` where there are more of them than are looked into: then nobody knows that it is not there.
    """
    directory, own_name = engine.split(target.path)
    stem = own_name.upper().partition("_DIFF")[0]
    files = [
        entry
        for entry in engine.browse(directory)
        if not entry.is_directory
        and entry.name != own_name
        and entry.name.lower().endswith(".bak")
        and tells(entry.path)
    ]
    files.sort(key=lambda entry: entry.name, reverse=True)
    # A full is older than what was built on it: of its own database's fulls, the newest before.
    files.sort(key=lambda entry: entry.modified_at is not None and entry.modified_at > target.finished_at)
    files.sort(key=lambda entry: (not entry.name.upper().startswith(stem), "_DIFF" in entry.name.upper()))
    for entry in files[:FILES_LOOKED_INTO]:
        found = [one for one in readable(engine, entry.path, refused) if one.set_id == target.base_id]
        yield from found
        if found:
            return
    if len(files) > FILES_LOOKED_INTO:
        raise MediaError(
            f"The full that {target.path} needs is not known, and was not found in the {FILES_LOOKED_INTO} likeliest "
            f"of the {len(files)} files beside it.",
            hint="Move the full and the incremental into a directory of their own, and restore from there.",
        )


def readable(engine: Engine, path: str, refused: list[PwsopsError]) -> list[BackupSet]:
    """Return the sets of a file, or none where it is gone or damaged: another copy may still serve.

    Why it could not be asked for, which says nothing of what it holds, goes to `refused`.
    """
    try:
        return engine.read_media(path)
    except MediaError:
        return []
    except PwsopsError as error:
        refused.append(error)
        return []
